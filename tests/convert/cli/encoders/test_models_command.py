"""`edge-build models` says what there is, how large it is and what its licence asks."""

from __future__ import annotations

import json

import pytest

from edge_identify.convert.cli.main import main


def test_the_table_names_each_family_with_its_licences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[1].split()) == "builtin 768 160 5.9 M 6.8 M 6 + 7 MB 1 Apache-2.0"
    assert any(line.startswith("MobileCLIP-S1 ") and line.endswith("1 apple-amlr (research only)") for line in lines)
    assert any(line.startswith("RN50 ") and "of unknown licence" in line for line in lines)


def test_one_model_lists_its_weights_and_what_they_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "ViT-B-16"]) == 0
    out = capsys.readouterr().out
    assert "ViT-B-16/openai: MIT (" in out
    assert "ViT-B-16/dfn2b: apple-amlr" in out
    assert "needs --accept-licence" in out


def test_one_model_lists_about_how_large_its_files_will_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "RN50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    image, text = (next(line for line in lines if line.split()[0] == tower) for tower in ("image", "text"))
    assert "onnx-fp32 153" in image
    assert "onnx-w4" not in image, "a form that convolutional nets do not have"
    assert "onnx-w4" in text


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "ViT-B-16-SigLIP", "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert (model["dim"], model["size_px"], model["needs_tokenizer_file"]) == (768, 224, True)
    assert model["weights"][0]["licence"]["name"] == "Apache-2.0"


def test_a_wrong_name_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "mobileclip-s9"]) == 8
    assert "the nearest are MobileCLIP-S" in capsys.readouterr().err
