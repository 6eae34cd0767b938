"""What tests of several rooms share: a pack so small that it is made in a millisecond."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from colour_packs import rewrite_manifest as rewrite_colour_manifest
from colour_packs import write_colour_pack
from edge_identify.convert.calibrating import calibration_photos
from edge_identify.edge_runtime.pack.manifest import (
    MANIFEST_NAME,
    Fidelity,
    FileEntry,
    IndexKind,
    IndexSpec,
    Manifest,
    Model,
    Runtime,
    Tensor,
    Variant,
)
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode
from edge_identify.edge_runtime.terminal.step_progress import shown_progress

# No deadline: machines are shared, and a slow answer is no wrong one. Derandomised: a run can be repeated.
settings.register_profile("project", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("project")

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests name their own proxies.
for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[variable]

pytest_plugins = ("endings",)

# A log gets a line of progress every ten seconds. On a busy machine it would come between the lines that tests compare.
shown_progress._clock = lambda: 0.0

# Packs that are built in this process compare the points of a few photos: enough for a calibration, and much faster.
calibration_photos.LEAST_PHOTOS_FOR_POINTS = calibration_photos.MOST_PHOTOS_FOR_POINTS = 24
calibration_photos.DRAWN_PHOTOS_FOR_POINTS = 20
calibration_photos.DRAWN_PHOTOS = 50

# Builds of all tests and of both workers share one cache: an encoder is exported once, not for every pack.
if "EDGE_IDENTIFY_BUILD_CACHE" not in os.environ:
    os.environ["EDGE_IDENTIFY_BUILD_CACHE"] = tempfile.mkdtemp(prefix="edge-identify-tests-")
    atexit.register(shutil.rmtree, os.environ["EDGE_IDENTIFY_BUILD_CACHE"], ignore_errors=True)

#: Folders and files whose tests take most of the suite's time; `make quick` leaves them out.
SLOW = (
    "benchmarks",
    "journeys",
    "attacks",
    "convert/adapting",
    "convert/builtin",
    "convert/calibrating",
    "convert/cli",
    "convert/doctor",
    "convert/export",
    "convert/models",
    "convert/packing",
    "convert/training",
    "datasets/drawn",
    "datasets/sources/test_bucket_source.py",
    "edge_runtime/cli",
    "edge_runtime/pack/test_pack_parts.py",
    "edge_runtime/search/test_asked_at_once.py",
    "faults",
    "sync_server/answering",
    "sync_server/cli",
    "sync_server/contract/test_schemathesis.py",
    "sync_server/test_clients.py",
    "sync_server/test_image.py",
    "sync_server/test_pgvector.py",
    "sync_server/test_readme_calls.py",
    "test_endings.py",
)


#: What a worker is given first: if the longest files began last, one worker would wait for the other.
FIRST = (
    "journeys/test_from_images_to_an_answer.py",
    "journeys",
    "convert/packing",
    "convert/export",
    "convert",
    "benchmarks",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of `SLOW`, and begin with what takes longest."""
    tests = Path(__file__).parent
    for item in items:
        if any(_is_below(item.path, tests / name) for name in SLOW):
            item.add_marker(pytest.mark.slow)
    places = [tests / name for name in FIRST]
    items.sort(
        key=lambda item: next((at for at, place in enumerate(places) if _is_below(item.path, place)), len(places))
    )


def _is_below(path: Path, place: Path) -> bool:
    return path == place or place in path.parents


CONTENTS: Mapping[str, bytes] = {
    "image/onnx-int8.onnx": b"a small encoder" * 20,
    "image/onnx-fp32.onnx": b"a larger encoder" * 80,
    "index.faiss": b"vectors",
    "references.sqlite": b"references",
    "conformance/cases.json": b"{}\n",
}


def make_small_pack(
    folder: Path,
    *,
    name: str = "street-art",
    version: str = "1.0.0",
    title: str = "Street art",
    payload: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a pack with a valid manifest and files that only look like what they stand for.

    Args:
        folder: Where; made.
        name: The pack's name.
        version: The pack's version.
        title: The pack's title.
        payload: Files by path, instead of or beside the usual five.

    Returns:
        `folder`.
    """
    contents = {**CONTENTS, **(payload or {})}
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    manifest = _manifest(name, version, title, contents)
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    return folder


def _manifest(name: str, version: str, title: str, contents: Mapping[str, bytes]) -> Manifest:
    return Manifest(
        name=name,
        version=PackVersion.parse(version),
        title=title,
        generator="edge-identify tests",
        model=Model(name="none", pretrained="none", dim=4, space_id="0" * 64, licence="Apache-2.0"),
        preprocessing=Preprocessing(size_px=8, resize_mode=ResizeMode.SQUASH, interpolation=Interpolation.BICUBIC),
        image_variants={name: _variant(name) for name in ("onnx-int8", "onnx-fp32")},
        text_variants={},
        tokenizer=None,
        index=IndexSpec(
            file="index.faiss",
            kind=IndexKind.FLAT,
            dim=4,
            count=1,
            embedded_with="onnx-int8",
            most_images_per_reference=1,
        ),
        references_file="references.sqlite",
        reference_count=1,
        conformance_file="conformance/cases.json",
        files={
            path: FileEntry(path=path, length_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for path, data in sorted(contents.items())
        },
    )


def _variant(name: str) -> Variant:
    return Variant(
        name=name,
        runtime=Runtime.ONNX,
        model=f"image/{name}.onnx",
        files=(f"image/{name}.onnx",),
        input=Tensor(name="image", dtype="uint8", shape=(-1, 8, 8, 3)),
        output=Tensor(name="embedding", dtype="float32", shape=(-1, 4)),
        requires="ONNX opset 18",
        fidelity=Fidelity(sample="nothing", count=1, cosine_mean=1.0, cosine_min=1.0, top1_agreement=1.0),
        portable=True,
    )


@pytest.fixture(scope="session")
def small_pack() -> Callable[..., Path]:
    """`make_small_pack`, for tests that cannot import this file."""
    return make_small_pack


@pytest.fixture
def colour_pack(tmp_path: Path) -> Callable[[], Path]:
    """Return a function that writes a pack which answers by the mean colour of a photo, into a fresh folder."""
    return lambda: write_colour_pack(tmp_path / "colours")


@pytest.fixture
def rewrite_manifest() -> Callable[[Path], None]:
    """Return a function that makes a colour pack's manifest agree with its changed files."""
    return rewrite_colour_manifest
