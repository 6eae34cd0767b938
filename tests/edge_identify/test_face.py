"""The package as a programmer meets it: few names, loaded late, typed, and documented by examples that run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

import edge_identify as ei
from colour_packs import with_files, write_colour_pack
from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.store.self_test import ConformanceCase, serialise_cases
from edge_identify.sync_server.publishing.publish import publish
from service_packs import photo_of, write_service_pack
from signed_trees import sign_folder

PAGE = Path(__file__).parents[2] / "docs/python-api.md"
MOST_NAMES = 10


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback while the block runs; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A published pack that passes its self-test."""
    folder = write_service_pack(tmp_path / "pack", name="street-art")
    (folder / "red.png").write_bytes(photo_of((255, 0, 0)))
    case = ConformanceCase(photo="red.png", pixels_sha256="0" * 64, embedding=(1.0, 0.0, 0.0))
    (folder / "cases.json").write_bytes(serialise_cases((case,), tolerance=0.99, measured=None))
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(with_files(replace(manifest), folder)))
    publish(folder, tmp_path / "repo", now_utc=datetime(2026, 1, 1, tzinfo=UTC))
    return tmp_path / "repo"


def test_the_names_are_few_and_all_there() -> None:
    assert dir(ei) == sorted(ei.__all__)
    assert len(ei.__all__) <= MOST_NAMES
    for name in ei.__all__:
        assert getattr(ei, name) is not None
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", ei.__version__)
    assert ei.EdgeIdentifyError is EdgeIdentifyError
    with pytest.raises(AttributeError, match="no attribute 'identify'"):
        ei.identify  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_package_loads_nothing_else() -> None:
    program = """
import json, sys
before = set(sys.modules)
import edge_identify
print(json.dumps(sorted(set(sys.modules) - before)))
edge_identify.EdgeIdentifyError, edge_identify.Identification, edge_identify.open
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    at_import, after_use = (json.loads(line) for line in done.stdout.splitlines())

    assert set(at_import) <= {"edge_identify", "__future__"}
    assert {"numpy", "onnxruntime", "PIL", "faiss"}.isdisjoint(name.partition(".")[0] for name in after_use)


def test_the_face_needs_the_device_room_only_and_no_command_line() -> None:
    files = list((PAGE.parents[1] / "edge_identify").glob("*.py"))
    assert len(files) > 2
    for file in files:
        for name in re.findall(r"(?:from|import) (edge_identify\.\S+)", file.read_text(encoding="utf-8")):
            assert name.startswith(("edge_identify.edge_runtime.", "edge_identify.pack_")), (file.name, name)
            assert ".cli." not in name, (file.name, name)


def test_importing_the_package_takes_less_than_thirty_milliseconds() -> None:
    program = "import time; start = time.process_time(); import edge_identify; print(time.process_time() - start)"
    command = [sys.executable, "-c", program]
    taken = [float(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout) for _ in range(3)]

    assert min(taken) < 0.03


def test_a_pack_is_synced_listed_and_opened_by_name(repository: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(PackNotFoundError):
        ei.open("street-art", store=store)
    assert ei.packs(store) == ()
    with served(repository) as url:
        report = ei.sync(url, store=str(store), unsigned=True)
        again = ei.sync(url, pack="street-art", store=store, unsigned=True)

    assert (report.name, str(report.version), str(again.action)) == ("street-art", "1.0.0", "up-to-date")
    (installed,) = ei.packs(store)
    assert (installed.name, str(installed.version), installed.source) == ("street-art", "1.0.0", url)
    for name in ("street-art", None, installed.folder, str(installed.folder)):
        with ei.open(name, store=store) as identifier:
            assert (identifier.pack_name, identifier.pack_version) == ("street-art", "1.0.0")


def test_a_pack_that_fails_its_self_test_is_not_installed(tmp_path: Path) -> None:
    publish(write_colour_pack(tmp_path / "pack"), tmp_path / "repo", now_utc=datetime(2026, 1, 1, tzinfo=UTC))

    with served(tmp_path / "repo") as url, pytest.raises(ei.EdgeIdentifyError, match="tests nothing"):
        ei.sync(url, store=tmp_path / "store", unsigned=True)
    assert ei.packs(tmp_path / "store") == ()


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="is a file"):
        ei.packs(tmp_path / "file")


def test_the_examples_of_the_page_run_as_they_stand(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) > 5
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "edge_identify.edge_runtime.store.pack_store.default_store_folder", lambda: tmp_path / "data/packs"
    )
    monkeypatch.setattr(
        "edge_identify.edge_runtime.store.open_by_name.default_store_folder", lambda: tmp_path / "data/packs"
    )
    (tmp_path / "photo.jpg").write_bytes(photo_of((250, 5, 5)))
    (tmp_path / "root.json").write_bytes(sign_folder(repository))
    names: dict[str, object] = {}
    printed = []
    with served(repository) as url:
        for block in blocks:
            exec(block.replace("https://packs.example.org", url), names)
            printed.append(capsys.readouterr().out)

    assert "street-art 1.0.0" in printed[0]
    assert printed[1].startswith("identified Pure red 0.9")
    assert "missing.jpg: no such file" in printed[-1]
    for name in ei.__all__:
        assert f"`ei.{name}" in text, f"the page does not show {name}"
