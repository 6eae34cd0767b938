"""Searching by a text, from the command line: bands, filters, and namespaces that the text names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colour_packs import COLOURS, FIDELITY, colour_manifest, with_files
from edge_identify.edge_runtime.commands.identify import main
from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.identification import Identifier, TextSearcher
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
from edge_identify.edge_runtime.pack.reader import open_pack
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage, write_references

CONTEXT = 16
VOCABULARY = 514  # of a tokenizer without merges: bytes, bytes that end a word, start and end
AXES = {"r": 0, "g": 1, "b": 2}  # a text is red as far as it has r's that do not end a word

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


@pytest.fixture
def text_pack(colour_pack: Callable[[], Path]) -> Path:
    """The colour pack with a text tower that knows letters, namespaces, and bands for texts."""
    folder = colour_pack()
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
    """Write the calibration, and the manifest anew."""
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


def asked(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["search", *words, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)["answers"][0]
    return answer


def test_a_text_s_matches_have_bands(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = asked(["ra", "--pack", str(text_pack)], capsys)

    assert [(match["id"], match["band"]) for match in answer["matches"]] == [
        ("red", "strong"), ("crimson", "strong"), ("green", "weak"), ("blue", "weak"),
    ]  # fmt: skip
    assert answer["matches"][0]["confidence"] is None
    assert answer["decision"] is None
    assert asked(["ra ga", "--pack", str(text_pack)], capsys)["matches"][0]["band"] == "fair"


def test_a_person_sees_the_bands(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["search", "ra", "--pack", str(text_pack)])

    printed = capsys.readouterr()
    assert "   1  strong   1.00  red" in printed.out
    assert "how well it fits" in printed.err
    assert "uncalibrated" not in printed.err


def test_where_texts_are_not_calibrated_there_is_no_band(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for texts in ({}, {"onnx-int8": TEXTS}):
        with_texts(text_pack, texts)
        assert [match["band"] for match in asked(["ra", "--pack", str(text_pack)], capsys)["matches"]] == [None] * 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"strong": 2}, "`strong` is 2"),
        ({"fair": 0.95}, "`fair` is 0.95, above `strong`"),
        ({"fair": "low"}, "`fair` should be a number"),
        ({"auroc": 0.3}, "`auroc` is 0.3"),
        ({"genuine_count": 0}, "`genuine_count` is 0"),
        ({"impostors_fair": -0.1}, "`impostors_fair` is -0.1"),
    ],
)
def test_impossible_bands_are_refused_and_photos_do_not_mind(
    text_pack: Path, changes: dict[str, object], said: str
) -> None:
    pack = open_pack(with_texts(text_pack, {"onnx-fp32": TEXTS | changes}))

    with pytest.raises(PackFormatError, match=said):
        TextSearcher(pack)
    with Identifier(pack):
        pass


def test_a_namespace_named_in_the_text_is_suggested_and_not_applied(
    text_pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bbbb in paris", "--pack", str(text_pack)]

    answer = asked(words, capsys)
    main(["search", *words])
    told = capsys.readouterr().err

    assert answer["matches"][0]["id"] == "blue"
    assert len(answer["matches"]) == 4
    assert answer["suggested_namespaces"] == ["Paris"]
    assert answer["filters"] is None
    assert "--namespace 'Paris'" in told


def test_a_namespace_named_in_the_text_is_applied_when_asked_for(
    text_pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    applied = asked(["bbbb in paris", "--auto-namespace", "--pack", str(text_pack)], capsys)
    unnamed = asked(["ba", "--auto-namespace", "--pack", str(text_pack)], capsys)
    chosen = asked(["bbbb in paris", "--auto-namespace", "--namespace", "Lyon", "--pack", str(text_pack)], capsys)

    assert {match["id"] for match in applied["matches"]} == {"red", "crimson"}
    assert applied["filters"] == {"namespaces": ["Paris"], "labels": {}}
    assert applied["suggested_namespaces"] == []
    assert (len(unnamed["matches"]), unnamed["filters"]) == (4, None)
    assert {match["id"] for match in chosen["matches"]} == {"green", "blue"}


def test_a_text_s_answer_is_as_the_schema_says(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edge_identify.edge_runtime.commands import answer_json
    from json_schema import faults

    schema = json.loads(Path(answer_json.__file__).with_name("answer.schema.json").read_text(encoding="utf-8"))
    main(["search", "bbbb in paris", "--pack", str(text_pack), "--namespace", "Lyon", "--json"])

    assert faults(json.loads(capsys.readouterr().out), schema, root=schema) == []
