"""The main job: reference images, catalogue, pack, server, device, answer after the server has stopped.

The device command loads none of the maker's or the server's libraries, and opens no connection to answer.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

DECIDED = (0, 10, 4, 3)  # identified, probably, ambiguous, unknown: so small a pack is not sure of each photo
FORBIDDEN = (
    "torch",
    "open_clip",
    "flask",
    "sqlite_utils",
    "timm",
    "torchvision",
    "coremltools",
    "onnx",
    "tqdm",
    "waitress",
)

#: Runs the command with the forbidden libraries missing and with sockets that refuse, then tells what was loaded.
_PROGRAM = """
import json, socket, sys
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None
def refuse(*_, **__):
    raise AssertionError("a connection was opened")
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
from edge_identify.edge_runtime.cli.main import main
code = main(sys.argv[2:])
rooms = sorted({".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("edge_identify.")})
network = bool({"urllib3", "tuf", "securesystemslib", "cryptography"} & set(sys.modules))
print(json.dumps({"code": code, "rooms": rooms, "urllib3": network}), file=sys.stderr)
"""


def test_the_demo_identifies_the_drawn_set_with_the_server_stopped(demo) -> None:  # type: ignore[no-untyped-def]
    assert demo.finished.code == 0, demo.finished.out + demo.finished.err
    assert "24 of 24 simulated photos right at rank 1" in demo.finished.out
    assert re.search(r"received: \d+\.\d MB for the first .* \d\.\d kB for the second", demo.finished.out)
    answers = json.loads((demo.folder / "answers.json").read_text())
    assert answers["schema"] == 2
    assert answers["encoder"] == "onnx-int8"
    assert {"rank", "id", "name", "score", "location", "labels"} <= answers["answers"][0]["matches"][0].keys()


def test_a_second_sync_fetches_nothing(demo) -> None:  # type: ignore[no-untyped-def]
    second = [line for line in demo.finished.out.splitlines() if " fetched, " in line][1]

    assert "0 files (0.0 MB) fetched" in second


def test_the_device_keeps_only_the_variant_it_runs(demo) -> None:  # type: ignore[no-untyped-def]
    encoders = demo.folder / "store/demo/versions/1.0.0/encoders"

    assert {path.parent.name for path in encoders.rglob("model.*") if "mlpackage" not in str(path)} == {"onnx-int8"}


def test_the_references_thumbnails_come_with_the_pack(demo) -> None:  # type: ignore[no-untyped-def]
    manifest = json.loads((demo.folder / "store/demo/versions/1.0.0/pack.json").read_text())
    installed = (demo.folder / "store/demo/versions/1.0.0/thumbnails.sqlite").read_bytes()

    assert manifest["thumbnails"] == {"file": "thumbnails.sqlite", "side_px": 256}
    assert installed == (demo.folder / "pack/thumbnails.sqlite").read_bytes()


def test_a_person_gets_the_answer_on_one_screen(demo, run) -> None:  # type: ignore[no-untyped-def]
    answer = run("edge-identify", demo.photos[0], "--store", demo.folder / "store")

    lines = answer.out.splitlines()
    # So small a pack is not certain of each photo.
    said = {0: "identified, ", 10: "probably, ", 4: "ambiguous, ", 3: "unknown"}[answer.code]
    assert " ".join(line.strip() for line in lines[:2]).startswith(f"{demo.photos[0]}: {said}")
    assert "mosaic-001" in answer.out
    assert len(lines) <= 24
    assert "probability, similarity" in answer.err


def test_text_finds_references_through_the_exported_text_tower(demo, run) -> None:  # type: ignore[no-untyped-def]
    answer = run("edge-identify", "search", "a mosaic", "--json", "--top-k", "3", "--store", demo.folder / "store")

    assert answer.code == 0
    (only,) = json.loads(answer.out)["answers"]
    assert only["text"] == "a mosaic"
    assert [match["rank"] for match in only["matches"]] == [1, 2, 3]


def test_evaluate_prints_the_documented_object(demo, run) -> None:  # type: ignore[no-untyped-def]
    figures = run(
        "edge-build",
        "evaluate",
        "--pack",
        demo.folder / "pack",
        "--queries",
        demo.folder / "set/queries.csv",
        "--group-by",
        "kind",
        "--json",
    )

    assert figures.code == 0
    document = json.loads(figures.out)
    assert document["all"]["queries"] == 24
    assert document["all"]["recall@1"] >= 0.95
    assert set(document["groups"]) >= {"not-in-set"}
    assert document["all"]["decisions"]["known"]["photos"] == 24
    assert document["all"]["decisions"]["not_in_pack"]["photos"] == document["all"]["not_in_pack"] > 0


def test_verify_finds_every_byte_right_and_then_a_flipped_bit(demo, run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("edge-identify", "verify", "--store", demo.folder / "store").code == 0

    import shutil

    broken = tmp_path / "pack"
    shutil.copytree(demo.folder / "pack", broken)
    model = broken / "encoders/image/onnx-int8/model.onnx"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 4
    model.write_bytes(data)

    found = run("edge-identify", "verify", "--pack", broken)
    assert found.code == 6
    assert "onnx-int8/model.onnx: its content has changed" in found.out
    assert run("edge-identify", demo.photos[0], "--pack", broken).code == 6


def test_building_again_gives_the_same_bytes(demo, run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    again = run(
        "edge-build", "pack", "--catalogue", demo.folder / "catalogue.sqlite", "--name", "demo",
        "--version", "1.1.0", "--title", "Drawn mosaics", "--out", tmp_path / "again",
    )  # fmt: skip

    assert again.code == 0, again.err
    assert (tmp_path / "again/pack.json").read_bytes() == (demo.folder / "pack-2/pack.json").read_bytes()


def test_an_update_fetches_what_changed_and_keeps_the_model(  # type: ignore[no-untyped-def]
    demo, run, serve: Callable[[Path], AbstractContextManager[str]], tmp_path: Path
) -> None:
    images = tmp_path / "pictures"
    images.mkdir()
    for path in sorted((demo.folder / "set/references").iterdir())[:4]:
        Image.open(path).convert("RGB").save(images / f"{path.stem}.png")
    repo, store, catalogue = tmp_path / "repo", tmp_path / "store", tmp_path / "c.sqlite"

    def release(version: str) -> None:
        assert run("edge-build", "add", f"images:{images}", "--catalogue", catalogue).code == 0
        out = tmp_path / f"pack-{version}"
        built = run(
            "edge-build", "pack", "--catalogue", catalogue, "--name", "street", "--version", version,
            "--variants", "onnx-int8", "--local-features", "none", "--out", out,
        )  # fmt: skip
        assert built.code == 0, built.err
        assert run("edge-serve", "publish", "--pack", out, "--repo", repo).code == 0

    release("1.0.0")
    with serve(repo) as url:
        first = json.loads(run("edge-identify", "sync", url, "--unsigned", "--store", store, "--json").out)["synced"][0]
        Image.new("RGB", (200, 200), (250, 120, 10)).save(images / "an-orange.png")
        release("1.1.0")
        second = json.loads(run("edge-identify", "sync", "--unsigned", "--store", store, "--json").out)["synced"][0]

    assert (first["version"], second["version"]) == ("1.0.0", "1.1.0")
    assert second["fetched_bytes"] < 0.02 * first["fetched_bytes"]
    assert second["reused_files"] >= 3
    answer = run("edge-identify", images / "an-orange.png", "--store", store, "--json")
    assert json.loads(answer.out)["answers"][0]["matches"][0]["id"] == "an-orange"


@pytest.mark.parametrize("command", ["edge-identify", "edge-build", "edge-serve"])
def test_help_begins_with_an_example(run, command: str) -> None:  # type: ignore[no-untyped-def]
    shown = run(command, "--help")

    assert shown.code == 0
    assert shown.out.index("example") < shown.out.index("--version", shown.out.index("example"))


def run_alone(*arguments: object) -> dict[str, object]:
    words = [
        sys.executable,
        "-c",
        _PROGRAM,
        json.dumps(FORBIDDEN),
        *(str(argument) for argument in arguments),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stderr.splitlines()[-1])
    assert report["code"] in DECIDED, done.stderr
    return report


def test_identifying_and_searching_need_the_base_install_only(demo) -> None:  # type: ignore[no-untyped-def]
    store = demo.folder / "store"

    for words in (
        (demo.photos[0],),
        demo.photos,  # enough of them for FAISS
        ("search", "a mosaic"),
        ("packs",),
        ("verify",),
    ):
        report = run_alone(*words, "--store", store)
        assert (report["rooms"], report["urllib3"]) == (["edge_identify.edge_runtime"], False)


def test_asking_for_help_loads_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "from edge_identify.edge_runtime.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'PIL', 'onnxruntime', 'faiss', 'urllib3', 'regex', 'ftfy'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_one_photo_is_answered_without_faiss(demo) -> None:  # type: ignore[no-untyped-def]
    program = (
        "import sys\n"
        "from edge_identify.edge_runtime.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "print('faiss' in sys.modules, file=sys.stderr)\n"
        "sys.exit(code)"
    )
    words = [sys.executable, "-c", program, str(demo.photos[0]), "--store", str(demo.folder / "store")]

    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode in DECIDED, done.stderr
    assert done.stderr.splitlines()[-1] == "False"
