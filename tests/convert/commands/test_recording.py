"""Each build leaves a record: in the catalogue always, in MLflow where somebody runs it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.convert.commands import main
from edge_identify.datasets.catalogue import Catalogue
from edge_identify.edge_runtime import __version__


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "p").mkdir()
    for number in range(3):
        Image.effect_noise((40, 40), 40 + 30 * number).convert("RGB").save(tmp_path / f"p/{number}.png")
    assert main(["add", f"images:{tmp_path / 'p'}", "--catalogue", str(tmp_path / "c.db")]) == 0
    return tmp_path / "c.db"


@pytest.fixture
def built(catalogue: Path, tiny_vit: str) -> list[str]:
    words = ["pack", "--catalogue", str(catalogue), "--name", "noise", "--model", tiny_vit, "--pretrained", "random"]
    return [*words, "--variants", "onnx-fp32", "--out", str(catalogue.parent / "pack"), "--replace"]


def test_each_build_is_recorded_with_what_went_in_and_what_was_measured(
    catalogue: Path, built: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for version in ("1.0.0", "1.0.1"):
        assert main([*built, "--version", version, "--batch-size", "2"]) == 0
    Image.new("RGB", (40, 40), "red").save(catalogue.parent / "p/4.png")
    main(["add", f"images:{catalogue.parent / 'p'}", "--catalogue", str(catalogue)])
    assert main([*built, "--version", "1.1.0"]) == 0
    capsys.readouterr()

    assert main(["history", "--catalogue", str(catalogue), "--json"]) == 0
    first, second, third = json.loads(capsys.readouterr().out)["builds"]
    assert [build["pack_version"] for build in (first, second, third)] == ["1.0.0", "1.0.1", "1.1.0"]
    assert (first["software"], first["pack_name"]) == (__version__, "noise")
    assert (first["reference_count"], third["picture_count"]) == (3, 4)
    assert first["data_sha256"] == second["data_sha256"] != third["data_sha256"]
    assert re.fullmatch("[0-9a-f]{64}", first["encoder"])
    assert first["encoder"] == second["encoder"]
    assert (first["parameters"]["batch_size"], first["parameters"]["variants"]) == ("2", "onnx-fp32")
    assert first["figures"]["fidelity.image.onnx-fp32.cosine_mean"] > 0.999
    assert first["figures"]["size_bytes"] > 1000
    assert not any(str(catalogue.parent) in text for text in first["parameters"].values())

    assert main(["history", "--catalogue", str(catalogue)]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0].startswith(first["finished_utc"][:10])
    assert f"3 references, 3 pictures  data {first['data_sha256'][:12]}" in shown.out
    assert "3 builds" in shown.err


def test_a_credit_that_changes_is_other_data(catalogue: Path, built: list[str]) -> None:
    assert main(built) == 0
    main(["add", f"images:{catalogue.parent / 'p'}", "--catalogue", str(catalogue), "--provenance", "Ada"])
    assert main(built) == 0
    with Catalogue.open_existing(catalogue) as opened:
        first, second = opened.build_history().records()
    assert first.data_sha256 != second.data_sha256


def test_mlflow_that_was_asked_for_and_is_not_there_is_told_before_anything_is_built(
    catalogue: Path, built: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert main([*built, "--mlflow", "http://127.0.0.1:9"]) == 8
    assert "pip install 'edge-identify[mlflow]'" in capsys.readouterr().err
    assert not (catalogue.parent / "pack").exists()

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert main(built) == 0
    assert "this build is not recorded in MLflow" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # MLflow's own, of its libraries
def test_a_build_becomes_a_run_in_a_real_store(
    catalogue: Path, built: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    from mlflow import MlflowClient

    address = f"sqlite:///{catalogue.parent / 'runs.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    capsys.readouterr()
    assert main([*built, "--json"]) == 0
    json.loads(capsys.readouterr().out)  # MLflow prints nothing between
    client = MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name("edge-identify")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    with Catalogue.open_existing(catalogue) as opened:
        [record] = opened.build_history().records()
    assert (run.info.status, run.data.tags["data_sha256"]) == ("FINISHED", record.data_sha256)
    assert run.data.params == dict(record.parameters)
    assert run.data.metrics == {**record.figures, "references": 3.0, "pictures": 3.0}
    assert run.info.run_name == "noise 1.0.0"


@pytest.mark.filterwarnings("ignore")  # MLflow's own, of its libraries
def test_a_tracking_server_that_is_down_is_told_in_a_line(
    catalogue: Path, built: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert main([*built, "--mlflow", "http://127.0.0.1:9"]) == 8
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "MLflow at http://127.0.0.1:9: does not take the build" in line
    assert not (catalogue.parent / "pack").exists()
