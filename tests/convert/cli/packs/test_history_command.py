"""Each build leaves a record: in the catalogue always, in MLflow where somebody runs it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, redirect_stderr
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image

from edge_identify import __version__
from edge_identify.convert.cli.main import main
from edge_identify.convert.cli.packs import pack_command
from edge_identify.convert.cli.packs.history_command import parameters_of
from edge_identify.convert.packing.pack_references import hash_of_data
from edge_identify.datasets.catalogue.build_history import BuildRecord
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from mlflow_server import MlflowServer, mlflow_server

pytestmark = pytest.mark.usefixtures("few_photos")

RECORD = BuildRecord(
    finished_utc=datetime(2026, 11, 21, tzinfo=UTC),
    pack_name="noise",
    pack_version="1.0.0",
    software="0.1.0",
    parameters={"model": "builtin"},
    data_sha256="d" * 64,
    encoder="e" * 64,
    reference_count=3,
    picture_count=4,
    figures={"size_bytes": 2000.0},
)


def add_noise(folder: Path) -> Path:
    (folder / "p").mkdir()
    for number in range(3):
        Image.effect_noise((40, 40), 40 + 30 * number).convert("RGB").save(folder / f"p/{number}.png")
    assert main(["add", f"images:{folder / 'p'}", "--catalogue", str(folder / "c.db")]) == 0
    return folder / "c.db"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_models: tuple[str, str]) -> tuple[Path, str]:
    """A catalogue that a pack was built from while the environment named an MLflow that is not there; what was told."""
    catalogue = add_noise(tmp_path_factory.mktemp("built"))
    words = ["--name", "noise", "--model", tiny_models[0], "--pretrained", "random", "--variants", "onnx-fp32"]
    told = StringIO()
    with pytest.MonkeyPatch.context() as changed, redirect_stderr(told):
        changed.setitem(sys.modules, "mlflow", None)
        changed.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@127.0.0.1:9")
        out = str(catalogue.parent / "pack")
        assert main(["pack", "--catalogue", str(catalogue), *words, "--batch-size", "2", "--out", out]) == 0
    return catalogue, told.getvalue()


def test_a_build_is_recorded_with_what_went_in_and_what_was_measured(
    built: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue, _ = built
    assert main(["history", "--catalogue", str(catalogue), "--json"]) == 0
    [build] = json.loads(capsys.readouterr().out)["builds"]
    assert (build["software"], build["pack_name"], build["pack_version"]) == (__version__, "noise", "1.0.0")
    assert (build["reference_count"], build["picture_count"]) == (3, 3)
    assert re.fullmatch("[0-9a-f]{64}", build["data_sha256"])
    assert re.fullmatch("[0-9a-f]{64}", build["encoder"])
    assert (build["parameters"]["batch_size"], build["parameters"]["variants"]) == ("2", "onnx-fp32")
    assert build["parameters"]["device"] in ("cpu", "cuda", "mps")
    assert build["figures"]["fidelity.image.onnx-fp32.cosine_mean"] > 0.999
    assert build["figures"]["size_bytes"] > 1000
    assert not any(str(catalogue.parent) in text for text in build["parameters"].values())

    assert main(["history", "--catalogue", str(catalogue)]) == 0
    shown = capsys.readouterr()
    date, time = build["finished_utc"][:10], build["finished_utc"][11:16]
    assert shown.out.splitlines()[0].startswith(f"{date} {time} UTC  noise 1.0.0")
    assert f"3 references, 3 images  data {build['data_sha256'][:12]}" in shown.out
    assert "1 build" in shown.err


def test_builds_are_listed_in_their_order_also_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(_catalogue: Catalogue) -> AbstractContextManager[None]:
        raise SetupError("attempt to write a readonly database")

    with Catalogue.open(tmp_path / "c.db") as catalogue:
        for version in ("1.0.0", "1.0.1"):
            catalogue.build_history().add(replace(RECORD, pack_version=version))
        monkeypatch.setattr(Catalogue, "_transaction", read_only)
        records = catalogue.build_history().records()
    assert records == [RECORD, replace(RECORD, pack_version="1.0.1")]


def test_other_references_images_and_credits_are_other_data_and_paths_are_not() -> None:
    references = [Reference(id="a", name="A")]
    image = CatalogueImage(index_id=1, reference_id="a", sha256="0", path=Path("/a.png"))
    first = hash_of_data(references, [image])
    assert hash_of_data(references, [replace(image, path=Path("/elsewhere.png"))]) == first
    for change in ({"provenance": "Ada"}, {"licence": "CC0"}, {"sha256": "1"}, {"index_id": 2}):
        assert hash_of_data(references, [replace(image, **change)]) != first
    assert hash_of_data([replace(references[0], name="B")], [image]) != first


def test_of_files_their_names_are_recorded_and_of_servers_nothing() -> None:
    parser = CommandParser(examples=["pack"])
    pack_command.add_parser(parser.add_subparsers())
    words = "pack --catalogue c --name n --out o --model ViT-B-32/openai --as-of 2026-01-31 --mlflow http://u:p@h"
    files = "--pretrained /home/alice/ACME/w.safetensors --adapter /home/alice/x.adapter"
    parameters = parameters_of(parser.parse_args([*words.split(), *files.split()]))
    assert parameters["model"] == "ViT-B-32/openai"
    assert (parameters["pretrained"], parameters["adapter"]) == ("w.safetensors", "x.adapter")
    assert not {"mlflow", "out", "catalogue"} & parameters.keys()
    assert not any("alice" in text for text in parameters.values())
    on_windows = parser.parse_args([*words.split(), "--pretrained", r"C:\Users\alice\w.pt"])
    assert parameters_of(on_windows)["pretrained"] == "w.pt"
    assert parameters_of(parser.parse_args(words.split()))["pretrained"] == ""


def test_mlflow_that_was_asked_for_and_is_not_there_is_told_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = add_noise(tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    words = ["pack", "--catalogue", str(catalogue), "--name", "noise", "--out", str(tmp_path / "pack")]
    assert main([*words, "--mlflow", "http://me:hunter2@127.0.0.1:9"]) == 8
    told = capsys.readouterr().err
    assert "MLflow at http://127.0.0.1:9: needs its client; pip install 'edge-identify[mlflow]'" in told
    assert "hunter2" not in told
    assert not (tmp_path / "pack").exists()


def test_where_only_the_environment_asks_for_mlflow_the_pack_is_built_without(built: tuple[Path, str]) -> None:
    catalogue, told = built
    assert (catalogue.parent / "pack/pack.json").is_file()
    assert "this build is not recorded in MLflow" in told
    assert "hunter2" not in told


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowServer]:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with mlflow_server() as running:
        yield running


@pytest.mark.filterwarnings("ignore")  # MLflow's own, of its libraries
def test_a_build_becomes_a_finished_run(server: MlflowServer) -> None:
    from edge_identify.convert.reporting.mlflow_runs import MlflowRuns

    assert MlflowRuns(server.url).record(RECORD) == "run-1"
    [created], [logged], [updated] = (
        server.said["runs/create"],
        server.said["runs/log-batch"],
        server.said["runs/update"],
    )
    assert (created["experiment_id"], created["run_name"]) == ("7", "noise 1.0.0")
    assert {"key": "data_sha256", "value": "d" * 64} in created["tags"]
    assert logged["params"] == [{"key": "model", "value": "builtin"}]
    metrics = {metric["key"]: metric["value"] for metric in logged["metrics"]}
    assert metrics == {"size_bytes": 2000.0, "references": 3.0, "pictures": 4.0}
    assert updated["status"] == "FINISHED"


@pytest.mark.filterwarnings("ignore")  # MLflow's own, of its libraries
def test_a_server_that_breaks_off_after_the_build_is_told_and_not_with_its_password(server: MlflowServer) -> None:
    from edge_identify.convert.reporting.mlflow_runs import MlflowRuns

    runs = MlflowRuns(server.url.replace("//", "//me:hunter2@"))
    server.breaks_off = True
    with pytest.raises(SetupError, match=r"MLflow at http://127.*does not take the build") as caught:
        runs.record(RECORD)
    assert "hunter2" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")  # MLflow's own, of its libraries
@pytest.mark.parametrize("address", ["http://me:hunter2@127.0.0.1:9", "http://me:hunter2@[bad", "http://[bad"])
def test_an_address_where_no_server_answers_is_told_in_a_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    from edge_identify.convert.reporting.mlflow_runs import MlflowRuns

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(SetupError, match=r"^MLflow at http://[^ ]+: does not take the build \(.+\)") as caught:
        MlflowRuns(address)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
