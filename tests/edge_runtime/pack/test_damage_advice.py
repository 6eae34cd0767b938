"""Whoever has a damaged pack is told what to do: a device fetches it, its maker builds it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.convert.cli.main import main as build_main
from edge_identify.edge_runtime.cli.main import main as identify_main
from edge_identify.sync_server.cli.main import main as serve_main


@pytest.fixture(params=["changed", "missing", "longer"])
def damaged(request: pytest.FixtureRequest, colour_pack: Callable[[], Path]) -> Path:
    pack = colour_pack()
    file = pack / "references.sqlite"
    whole = file.read_bytes()
    if request.param == "missing":
        file.unlink()
    else:
        file.write_bytes(whole + b"x" if request.param == "longer" else whole[:-1] + bytes([whole[-1] ^ 1]))
    return pack


def test_a_device_fetches_it_again(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "photo.png")

    assert identify_main([str(tmp_path / "photo.png"), "--pack", f"{damaged}/"]) == 6
    assert "fetch the pack again with `edge-identify sync`" in capsys.readouterr().err


def test_its_maker_builds_it_again(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "photo.png")
    (tmp_path / "photos.csv").write_text("query,id\nphoto.png,red\n")
    evaluate = ["evaluate", "--pack", str(damaged), "--queries", str(tmp_path / "photos.csv")]
    for command, words in (
        (build_main, evaluate),
        (build_main, ["doctor", "--pack", str(damaged)]),
        (serve_main, ["publish", "--pack", str(damaged), "--repo", str(tmp_path / "repo")]),
    ):
        command(words)
        shown = capsys.readouterr()
        said = shown.out + shown.err
        assert "build the pack again with `edge-build pack`" in said, words
        assert "sync" not in said, words
