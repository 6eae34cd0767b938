"""A pack with a text encoder that counts letters: a text is as red as it has r's that do not end a word.

It knows letters only: digits and other signs all mean the same to it.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from colour_packs import COLOURS, FIDELITY, colour_manifest, with_files, write_colour_pack
from edge_identify.edge_runtime.pack.manifest import (
    MANIFEST_NAME,
    Cleaning,
    Runtime,
    Tensor,
    TokenizerKind,
    TokenizerSpec,
    Variant,
)
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage
from edge_identify.edge_runtime.pack.references_writing import write_references

CONTEXT = 16
BYTES = 256
VOCABULARY = 2 * BYTES + 2  # of a tokenizer without merges: bytes, bytes that end a word, start and end
AXES = {"r": 0, "g": 1, "b": 2}

TEXTS = {
    "measured_with": "onnx-fp32",
    "strong": 0.9,
    "fair": 0.6,
    "auroc": 0.95,
    "genuine_count": 40,
    "impostor_count": 80,
    "genuine_strong": 0.5,
    "genuine_fair": 0.9,
    "impostors_strong": 0.02,
    "impostors_fair": 0.2,
}


def write_letter_pack(folder: Path) -> Path:
    """Write the colour pack with a text encoder, namespaces and text bands into a new folder; return it."""
    write_colour_pack(folder)
    write_letter_model(folder / "encoders/text.onnx")
    (folder / "encoders/merges.txt").write_text("")
    (folder / "references.sqlite").unlink()
    spaces = {"red": "Paris", "crimson": "Paris", "green": "Lyon", "blue": "Lyon"}
    things = [Reference(id=name, name=name, namespace=space) for name, space in spaces.items()]
    images = [
        ReferenceImage(index_id=position + 1, reference_id=name, sha256="0" * 64)
        for position, (name, _, _) in enumerate(COLOURS)
    ]
    write_references(folder / "references.sqlite", things, images)
    return with_texts(folder, {"onnx-fp32": TEXTS})


def with_texts(folder: Path, texts: object) -> Path:
    """Write the calibration and update the manifest."""
    (folder / "calibration.json").write_text(json.dumps({"variants": {}, "texts": texts}))
    variant = Variant(
        name="onnx-fp32",
        runtime=Runtime.ONNX,
        model="encoders/text.onnx",
        files=("encoders/text.onnx",),
        input=Tensor(name="tokens", dtype="int64", shape=(-1, CONTEXT)),
        output=Tensor(name="embedding", dtype="float32", shape=(-1, 3)),
        requires="ONNX opset 18",
        fidelity=FIDELITY,
    )
    tokenizer = TokenizerSpec(
        kind=TokenizerKind.CLIP_BPE, file="encoders/merges.txt", context_length=CONTEXT, cleaning=Cleaning.LOWER
    )
    manifest = replace(
        with_files(colour_manifest(), folder),
        text_variants={"onnx-fp32": variant},
        tokenizer=tokenizer,
        calibration_file="calibration.json",
    )
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    return folder


def write_letter_model(path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper, save

    table = np.full((VOCABULARY, 3), 1e-6, np.float32)
    for code in range(ord("a"), ord("z") + 1):
        table[[code - 33, code - 33 + BYTES], code % 3] = 1e-4  # enough to be another word, too little to count
    for letter, axis in AXES.items():
        table[ord(letter) - 33, axis] = 1  # bytes from 33 on come first, in order
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["letters"]),
        helper.make_node("ReduceSum", ["letters", "axes"], ["colour"], keepdims=0),
        helper.make_node("LpNormalization", ["colour"], ["embedding"], axis=-1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "letters",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", CONTEXT])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(table, "table"), helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
