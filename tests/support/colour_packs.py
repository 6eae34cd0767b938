"""A small real pack: its encoder returns the mean colour of an image as a unit vector."""

import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
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
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

SIZE_PX = 8
CALIBRATION_FILE = "calibration.json"
CERTAINTY = {"identified": 0.99, "probably": 0.7}  # pure colours have a confidence of .96 to .98
FIDELITY = Fidelity(sample="by construction", count=1, cosine_mean=1.0, cosine_min=1.0, top1_agreement=1.0)

#: id, name, colour; crimson has two images.
COLOURS: tuple[tuple[str, str, tuple[int, int, int]], ...] = (
    ("red", "Pure red", (255, 0, 0)),
    ("green", "Pure green", (0, 255, 0)),
    ("blue", "Pure blue", (0, 0, 255)),
    ("crimson", "Crimson", (220, 20, 60)),
    ("crimson", "Crimson", (200, 30, 70)),
)


def write_mean_colour_model(path: Path) -> None:
    from onnx import TensorProto, checker, helper, save

    nodes = [
        helper.make_node("Cast", ["pixels"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values", "axes"], ["colour"], keepdims=0),
        helper.make_node("LpNormalization", ["colour"], ["embedding"], axis=-1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "mean_colour",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", SIZE_PX, SIZE_PX, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    checker.check_model(model)
    save(model, path)


def flat_index_bytes(vectors: np.ndarray, ids: Sequence[int]) -> bytes:
    """Return an index file, written by hand, so that the reader is not tested with its own writer."""
    count, dim = vectors.shape
    header = struct.pack("<iqqqBi", dim, count, 1 << 20, 1 << 20, 1, 0)
    flat = b"IxFI" + header + struct.pack("<Q", vectors.size) + vectors.astype("<f4").tobytes()
    return b"IxM2" + header + flat + struct.pack("<Q", count) + np.asarray(ids, "<i8").tobytes()


def write_colour_pack(folder: Path) -> Path:
    """Write the pack into a new folder and return it."""
    (folder / "encoders").mkdir(parents=True)
    write_mean_colour_model(folder / "encoders/model.onnx")
    vectors = np.array([colour for _, _, colour in COLOURS], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    (folder / "images.faiss").write_bytes(flat_index_bytes(vectors, range(1, len(COLOURS) + 1)))
    references = {identifier: Reference(id=identifier, name=name) for identifier, name, _ in COLOURS}
    references["red"] = replace(references["red"], latitude=48.85, longitude=2.35, labels={"label": "warm"})
    images = [
        ReferenceImage(index_id=position + 1, reference_id=identifier, sha256="0" * 64)
        for position, (identifier, _, _) in enumerate(COLOURS)
    ]
    write_references(folder / "references.sqlite", references.values(), images)
    (folder / "cases.json").write_text('{"tolerance": 0.99, "cases": []}')
    rewrite_manifest(folder)
    return folder


def rewrite_manifest(folder: Path) -> None:
    """Update the manifest to the current files of the pack."""
    calibration = CALIBRATION_FILE if (folder / CALIBRATION_FILE).exists() else None
    manifest = replace(with_files(colour_manifest(), folder), calibration_file=calibration)
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))


def add_calibration(folder: Path, *, variant: str = "onnx-fp32", **changes: object) -> Path:
    """Add a hand-written calibration for one variant; return the pack's folder.

    Pure colours are identified, grey is unknown, and colours between red and crimson are ambiguous. With `CERTAINTY`
    as `certainty`, pure colours are probable.
    """
    fields: dict[str, object] = {
        "measured_with": variant,
        "neighbours": 20,
        "score_weight": 40.0,
        "contrast_weight": 0.0,
        "margin_weight": 0.0,
        "intercept": -36.0,
        "temperature": 0.01,
        "accept": 0.0,
        "least_share": 0.7,
        "false_accept_rate": 0.02,
        "genuine_count": 10,
        "impostor_count": 10,
        "false_accepts": 0.0,
        "true_accepts": 1.0,
    }
    (folder / CALIBRATION_FILE).write_text(json.dumps({"variants": {variant: fields | changes}}))
    rewrite_manifest(folder)
    return folder


def write_many_colours_pack(folder: Path, things: Sequence[tuple[Reference, tuple[int, int, int]]]) -> Path:
    """Write a calibrated colour pack with other references, one colour each, into a new folder; return it."""
    write_colour_pack(folder)
    (folder / "references.sqlite").unlink()
    vectors = np.array([colour for _, colour in things], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    (folder / "images.faiss").write_bytes(flat_index_bytes(vectors, range(1, len(things) + 1)))
    images = [
        ReferenceImage(index_id=at, reference_id=thing.id, sha256="0" * 64)
        for at, (thing, _) in enumerate(things, start=1)
    ]
    write_references(folder / "references.sqlite", [thing for thing, _ in things], images)
    add_calibration(folder)
    manifest = replace(colour_manifest(), calibration_file=CALIBRATION_FILE, reference_count=len(things))
    index = replace(manifest.index, count=len(things), most_images_per_reference=1)
    manifest = replace(with_files(manifest, folder), index=index)
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    return folder


def colour_manifest() -> Manifest:
    variant = Variant(
        name="onnx-fp32",
        runtime=Runtime.ONNX,
        model="encoders/model.onnx",
        files=("encoders/model.onnx",),
        input=Tensor(name="pixels", dtype="uint8", shape=(-1, SIZE_PX, SIZE_PX, 3)),
        output=Tensor(name="embedding", dtype="float32", shape=(-1, 3)),
        requires="ONNX opset 18",
        fidelity=FIDELITY,
    )
    return Manifest(
        name="colours",
        version=PackVersion(1, 0, 0),
        title="Four colours",
        generator="tests",
        model=Model(name="mean-colour", pretrained="none", dim=3, space_id="c" * 64, licence="Apache-2.0"),
        preprocessing=Preprocessing(
            size_px=SIZE_PX, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC
        ),
        image_variants={"onnx-fp32": variant},
        text_variants={},
        tokenizer=None,
        index=IndexSpec(
            file="images.faiss",
            kind=IndexKind.FLAT,
            dim=3,
            count=len(COLOURS),
            embedded_with="onnx-fp32",
            most_images_per_reference=2,
        ),
        references_file="references.sqlite",
        reference_count=4,
        conformance_file="cases.json",
        files={},
    )


def with_files(manifest: Manifest, folder: Path) -> Manifest:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST_NAME)
    entries = [
        FileEntry(
            path=path.relative_to(folder).as_posix(),
            length_bytes=path.stat().st_size,
            sha256=sha256_of_file(path),
        )
        for path in paths
    ]
    return replace(manifest, files={entry.path: entry for entry in entries})
