"""What comes for `-`: a picture or paths, told by the first bytes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.edge_runtime.answers.identification import FailedPhoto
from edge_identify.edge_runtime.cli.inputs.standard_input import read_standard_input
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.photos import photo_inputs
from edge_identify.edge_runtime.photos.doubts import tell_doubt
from edge_identify.edge_runtime.photos.image_starts import image_follows, starts_an_image
from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from service_packs import photo_of, write_service_pack

GREEN, GREY = (0, 255, 0), (120, 120, 120)


def encoded(form: str, rgb: tuple[int, int, int] = GREEN) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), rgb).save(buffer, form)
    return buffer.getvalue()


@pytest.fixture
def pack(colour_pack: Callable[[], Path]) -> str:
    return str(add_calibration(colour_pack()))


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def read(data: bytes, *, null_separated: bool = False) -> OpenedPhoto | FailedPhoto | bytes:
    return read_standard_input(io.BytesIO(data), null_separated=null_separated)


def reason(data: bytes, *, null_separated: bool = False) -> str:
    found = read(data, null_separated=null_separated)
    assert isinstance(found, FailedPhoto)
    return str(found.error)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_picture_of_each_format_is_answered_as_its_file(
    form: str, pack: str, tmp_path: Path, send: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo").write_bytes(encoded(form))
    assert main([str(tmp_path / "photo"), "--pack", pack, "--json"]) == 0
    (of_file,) = json.loads(capsys.readouterr().out)["answers"]

    send(encoded(form))
    assert main(["-", "--pack", pack, "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]

    assert answer["photo"] == "standard input"
    assert answer["matches"] == of_file["matches"]


@pytest.mark.parametrize("path", ["BMW/photo.jpg", "RIFF/photo.webp", "GIF/photo.gif", "II*/photo.tif", "ftyp.jpg"])
def test_paths_that_begin_as_a_format_does_are_paths(path: str) -> None:
    assert read(path.encode() + b"\n") == path.encode() + b"\n"
    assert read(path.encode() + b"\0", null_separated=True) == path.encode() + b"\0"


def test_one_picture_has_the_screen_and_the_code_of_one_photo(
    pack: str, send: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    send(encoded("JPEG"))
    assert main(["-", "--pack", pack]) == ExitCode.DONE
    assert capsys.readouterr().out.startswith("standard input: identified")

    send(encoded("PNG", GREY))
    assert main(["-", "--pack", pack]) == ExitCode.UNKNOWN


def test_a_picture_may_come_beside_paths_and_for_one_thing(
    pack: str, tmp_path: Path, send: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.png").write_bytes(encoded("PNG"))

    send(encoded("JPEG"))
    assert main([str(tmp_path / "photo.png"), "-", "--pack", pack, "--jsonl"]) == 0
    names = [json.loads(line)["photo"] for line in capsys.readouterr().out.splitlines()]
    assert names == [str(tmp_path / "photo.png"), "standard input"]

    send(encoded("JPEG"))
    assert main(["--same-thing", "-", str(tmp_path / "photo.png"), "--pack", pack, "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert answer["photos"] == ["standard input", str(tmp_path / "photo.png")]


def test_its_position_and_its_part_are_used_and_near_goes_before(
    tmp_path: Path, send: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    pack = str(write_service_pack(tmp_path / "pack"))

    def position(*words: str) -> object:
        send(photo_of(GREEN, at=(48.85, 2.35)))
        main(["-", "--pack", pack, "--json", *words])
        return json.loads(capsys.readouterr().out)["answers"][0]["position"]

    found = position()
    assert isinstance(found, dict)
    assert (found["lat"], found["source"]) == (48.85, "photo")
    given = position("--near", "1,2")
    assert isinstance(given, dict)
    assert (given["lat"], given["source"]) == (1.0, "given")
    assert position("--no-location") is None

    halves = Image.new("RGB", (80, 40), (0, 0, 255))
    halves.paste(GREEN, (0, 0, 40, 40))
    halves.save(tmp_path / "halves.png")
    send((tmp_path / "halves.png").read_bytes())
    assert main(["-", "--pack", pack, "--json", "--roi", "0,0,40,40"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"][0]["matches"][0]["id"] == "green"


def test_it_is_shown_on_a_page_compared_and_explained(
    tmp_path: Path, send: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    pack, page, proof = str(write_service_pack(tmp_path / "pack")), tmp_path / "page.html", tmp_path / "proof.png"

    send(encoded("JPEG"))
    assert main(["-", "--pack", pack, "--html", str(page)]) == 0
    assert "data:image/jpeg;base64," in page.read_text()
    assert "standard input" in page.read_text()

    pytest.importorskip("cv2")
    send(encoded("JPEG"))
    assert main(["-", "--pack", pack, "--json", "--verify-geometry", "--explain", str(proof)]) == 0
    assert json.loads(capsys.readouterr().out)["answers"][0]["matches"][0]["matched_points"] is not None
    assert proof.read_bytes().startswith(b"\x89PNG")


def test_nothing_and_what_is_neither_picture_nor_paths_is_told(
    pack: str, send: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "standard input: is empty; send a picture, or paths, each followed by a line break" in reason(b"")
    assert "each followed by NUL" in reason(b"", null_separated=True)
    assert "is a picture, but --null says that paths come" in reason(encoded("JPEG"), null_separated=True)

    for data, said in [
        (b"\n\n", "standard input: names no photo"),
        (encoded("JPEG")[:300], "standard input: is damaged or truncated"),
        (b"\0\1\2\3" * 50, "standard input: is not an image in a known format"),
    ]:
        send(data)
        assert main(["-", "--pack", pack]) == ExitCode.PHOTO
        assert said in capsys.readouterr().err


def test_more_bytes_than_a_photo_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_inputs, "MAX_FILE_BYTES", 600)

    assert "standard input: more than the" in reason(encoded("BMP"))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "WEBP"])
def test_a_second_picture_is_told_in_a_line_and_the_first_is_read(
    form: str,
    pack: str,
    send: Callable[[bytes], None],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    tell_doubt.cache_clear()
    assert not image_follows(encoded(form))
    send(encoded(form) + encoded("PNG", GREY))
    assert main(["-", "--pack", pack, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"][0]["matches"][0]["id"] == "green"
    assert caplog.messages == [
        "standard input: another picture follows the first, and only the first is read; give paths of several"
    ]


def test_the_images_of_one_mpo_file_are_one_picture() -> None:
    buffer = io.BytesIO()
    first, second = Image.new("RGB", (40, 30), GREEN), Image.new("RGB", (40, 30), GREY)
    first.save(buffer, "MPO", save_all=True, append_images=[second])

    assert starts_an_image(buffer.getvalue())
    assert not image_follows(buffer.getvalue())
