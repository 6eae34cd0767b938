"""`edge-identify PHOTO...` from its words to its exit code, with a small real pack."""

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colour_packs import CERTAINTY, add_calibration
from edge_identify.edge_runtime.answers import answer_json
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.cli.options.output_options import MANY_PHOTOS
from json_schema import faults

COLOURS = {"green": (0, 255, 0), "grey": (120, 120, 120), "between": (230, 10, 35), "blue": (0, 0, 255)}


@pytest.fixture
def pack(colour_pack: Callable[[], Path]) -> str:
    return str(add_calibration(colour_pack()))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of five photos, one of them broken."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, colour in COLOURS.items():
        Image.new("RGB", (9, 9), colour).save(folder / "more" / f"{name}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def valid(text: str) -> Any:
    schema = json.loads(Path(answer_json.__file__).with_name("answer.schema.json").read_text(encoding="utf-8"))
    document = json.loads(text)
    assert faults(document, schema, root=schema) == []
    return document


def test_a_folder_is_answered_a_line_for_each_photo_in_order(
    pack: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos), "--pack", pack, "--jsonl"]) == 1

    out, err = capsys.readouterr()
    lines = [valid(line) for line in out.splitlines()]
    assert [Path(line["photo"]).name for line in lines] == [
        "broken.jpg", "between.png", "blue.png", "green.png", "grey.png",
    ]  # fmt: skip
    assert "is not an image" in lines[0]["error"]
    assert [line["decision"] for line in lines[1:]] == ["ambiguous", "identified", "identified", "unknown"]
    assert f"skipped: {photos / 'broken.jpg'}: is not an image" in err
    assert "5 photos: 2 identified, 1 ambiguous, 1 unknown, 1 skipped" in err


def test_the_object_of_a_folder_is_as_the_schema_says(
    pack: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos), "--pack", pack, "--json"]) == 1

    document = valid(capsys.readouterr().out)
    assert len(document["answers"]) == 5
    assert document["encoder"] == "onnx-fp32"


@pytest.mark.parametrize("output", ["--json", "--jsonl"])
def test_a_single_broken_photo_is_an_object_and_a_code(
    pack: str, photos: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos / "broken.jpg"), "--pack", pack, output]) == 5

    document = valid(capsys.readouterr().out)
    assert "is not an image" in document.get("answers", [document])[0]["error"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["more/green.png"], 0),
        (["more/grey.png"], 3),
        (["more/between.png"], 4),
        (["broken.jpg"], 5),
        (["more"], 0),  # a folder's photos differ: the code says only that all were answered
        (["more/grey.png", "more/grey.png"], 0),
        (["more/grey.png", "broken.jpg"], 1),
        (["broken.jpg", "none.jpg"], 5),
        (["empty"], 5),
        (["empty", "more/grey.png"], 1),
        (["."], 1),
    ],
)
def test_the_exit_code_is_the_decision_of_one_photo_and_whether_all_of_several_were_answered(
    pack: str, photos: Path, words: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "empty").mkdir()
    monkeypatch.chdir(photos)

    for output in ([], ["--json"], ["--jsonl"], ["--html", "../report.html"]):
        assert main([*words, "--pack", pack, *output]) == code, output


def test_a_probable_photo_is_named_with_an_exit_code_of_its_own(
    colour_pack: Callable[[], Path], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack, photo = str(add_calibration(colour_pack(), certainty=CERTAINTY)), str(photos / "more/green.png")

    assert main([photo, "--pack", pack]) == 10
    assert "probably, 98%: check it\n  Pure green\n" in capsys.readouterr().out
    assert main(["--same-thing", photo, photo, "--pack", pack]) == 10
    assert main([str(photos / "more/grey.png"), "--pack", pack]) == 3
    assert main([str(photos / "more/between.png"), "--pack", pack]) == 4
    capsys.readouterr()

    assert main([str(photos / "more"), "--pack", pack, "--jsonl"]) == 0
    lines = [valid(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["decision"] for line in lines] == ["ambiguous", "probably", "probably", "unknown"]


def test_a_folder_with_one_photo_is_a_folder(pack: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    Image.new("RGB", (9, 9), COLOURS["grey"]).save(tmp_path / "one/photo.png")

    assert main([str(tmp_path / "one" / "photo.png"), "--pack", pack]) == 3
    assert main([str(tmp_path / "one"), "--pack", pack]) == 0


def test_a_photo_that_is_named_twice_is_answered_twice(
    pack: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(photos / "more/green.png")
    main([photo, photo, "--pack", pack, "--jsonl"])

    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["matches"] == second["matches"]


def test_paths_come_from_standard_input(
    pack: str, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = photos / "a\nb\x1b[2J.png"
    (photos / "more/green.png").rename(strange)
    for separator, words in ((b"\0", ["-", "-0"]), (b"\0", ["--null", "-"])):
        data = separator.join(os.fsencode(path) for path in (strange, photos / "more/grey.png"))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

        assert main([*words, "--pack", pack, "--jsonl"]) == 0
        lines = [valid(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["photo"] for line in lines] == [str(strange), str(photos / "more/grey.png")]

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    assert main(["-", "--pack", pack]) == 5
    assert "error: standard input: names no photo" in capsys.readouterr().err


def test_a_path_cannot_forge_a_line_of_the_screen_nor_of_the_errors(
    pack: str, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(photos)
    good, bad = "a\nb\x1b[2J.png", "c\nd\x1b[2J.png"
    Path("more/green.png").rename(good)
    Path(bad).write_bytes(b"no picture")

    main([good, bad, "--pack", pack])

    out, err = capsys.readouterr()
    assert r"a\nb\x1b[2J.png: identified" in out
    assert r"c\nd\x1b[2J.png: is not an image" in err
    assert all(line.isprintable() for line in (out + err).splitlines())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.jpg", "--json", "--jsonl"], "cannot be combined"),
        (["-", "-"], "can be given only once"),
        (["a.jpg", "-0"], "needs - as a PHOTO"),
        ([], "missing: PHOTO"),
        (["a.jpg", "--pictures", "sometimes"], "is not one of auto, always, never"),
    ],
)
def test_words_that_do_not_go_together_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_many_photos_have_a_line_each_and_few_a_screen(
    pack: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(photos / "more/green.png")
    main([photo] * (MANY_PHOTOS - 1) + ["--pack", pack])
    few = capsys.readouterr().out
    main([photo] * MANY_PHOTOS + ["--pack", pack])
    many = capsys.readouterr().out

    assert few.count("runners-up") == MANY_PHOTOS - 1
    assert many.count("\n") == MANY_PHOTOS
    assert many.splitlines()[0].split()[:4] == ["identified", "98%", "Pure", "green"]


def test_an_html_report_is_written_and_may_stand_beside_lines(
    pack: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.html"
    assert main([str(photos), "--pack", pack, "--html", str(report)]) == 1
    assert capsys.readouterr().out == ""
    alone = report.read_text()
    assert main([str(photos), "--pack", pack, "--html", str(report), "--jsonl"]) == 1
    assert capsys.readouterr().out.count("\n") == 5

    assert alone.count("data:image/jpeg;base64,") == 4
    assert "What 5 photos show" in alone
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["report.html"]


def test_a_report_that_cannot_be_written_is_found_before_the_pack_is_opened(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos), "--pack", "./no-such-pack", "--html", str(tmp_path)]) == 8
    assert "is a folder; give --html a file's name" in capsys.readouterr().err
    assert main([str(photos), "--pack", "./no-such-pack", "--html", str(tmp_path / "none/x.html")]) == 8
    assert "there is no folder" in capsys.readouterr().err
    assert main([str(photos), "--pack", "./no-such-pack", "--html", str(tmp_path / "x.html")]) == 6
    assert not (tmp_path / "x.html").exists()


def test_images_are_shown_where_they_are_asked_for_and_never_in_a_file(
    pack: str, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(photos / "more/green.png")
    monkeypatch.setenv("TERM", "xterm-kitty")
    for variable in ("TMUX", "STY", "TERM_PROGRAM", "INSIDE_EMACS", "NVIM", "VIM_TERMINAL"):
        monkeypatch.delenv(variable, raising=False)

    shown = {}
    for when in ("auto", "always", "never"):
        main([photo, "--pack", pack, "--pictures", when])
        shown[when] = "\x1b_G" in capsys.readouterr().out
    assert shown == {"auto": False, "always": True, "never": False}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    main([photo, "--pack", pack])
    assert "\x1b_G" in capsys.readouterr().out


def run_apart(pack: str, *words: str) -> "subprocess.Popen[str]":
    code = "import sys; from edge_identify.edge_runtime.cli.main import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words, "--pack", pack],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More photos than are answered before a person can press Ctrl-C."""
    folder = tmp_path / "many"
    folder.mkdir()
    Image.effect_noise((700, 700), 90).convert("RGB").save(folder / "0000.png")
    for number in range(1, 400):
        os.link(folder / "0000.png", folder / f"{number:04d}.png")
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_cleanly_with_what_is_done(
    pack: str, many: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    report = tmp_path / "report.html"
    with run_apart(pack, str(many), "--jsonl", "--html", str(report)) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]  # flushed as soon as it is known, though standard output is no terminal
        process.send_signal(number)
        lines += process.stdout.readlines()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(timeout=60)

    assert process.returncode == code, err
    assert "Traceback" not in err
    assert 0 < len(lines) < 400
    for line in lines:
        assert line.endswith("\n")
        valid(line)
    shown = re.search(r"<h1>What (\d+) photos? shows?</h1>", report.read_text())
    assert shown
    assert int(shown[1]) in (len(lines), len(lines) - 1)  # the line is printed before the page's part is written
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["report.html"]


def test_a_reader_that_has_read_enough_ends_the_run(pack: str, many: Path) -> None:
    started = time.monotonic()
    with run_apart(pack, str(many), "--jsonl") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert time.monotonic() - started < 60


def test_a_reader_that_has_read_enough_costs_no_report(pack: str, many: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    with run_apart(pack, str(many), "--jsonl", "--html", str(report)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1].startswith("400 photos: ")

    assert "What 400 photos show" in report.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="no such shell")
@pytest.mark.parametrize(
    ("words", "closed", "code"),
    [
        (["green.png"], ">&-", 0),
        (["grey.png"], ">&-", 3),
        (["green.png", "--json"], ">&- 2>&- <&-", 0),
        (["green.png", "blue.png", "--html", "page.html"], ">&-", 0),
        (["-"], "<&-", 5),
    ],
)
def test_closed_standard_streams_are_as_empty_ones(
    pack: str, photos: Path, words: list[str], closed: str, code: int
) -> None:
    program = "import sys; from edge_identify.edge_runtime.cli.main import main; sys.exit(main())"
    ended = subprocess.run(
        ["sh", "-c", f'"$0" "$@" {closed}', sys.executable, "-c", program, *words, "--pack", pack],
        cwd=photos / "more",
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ("standard input: is empty" in ended.stderr) == (words == ["-"])
    if "--html" in words:
        assert "What 2 photos show" in (photos / "more/page.html").read_text(encoding="utf-8")


def test_a_page_shows_the_part_that_was_looked_at(pack: str, tmp_path: Path) -> None:
    halves = Image.new("RGB", (200, 100), (0, 0, 255))
    halves.paste((0, 255, 0), (0, 0, 100, 100))
    for name in ("a.png", "b.png"):
        halves.save(tmp_path / name)
    words = [str(tmp_path / "a.png"), str(tmp_path / "b.png"), "--roi", "0,0,90,100", "--pack", pack]

    assert main([*words, "--html", str(tmp_path / "page.html")]) == 0

    shown = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', (tmp_path / "page.html").read_text(encoding="utf-8"))
    assert len(shown) == 2
    for encoded in shown:
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
            assert image.size == (90, 100)
            assert {green > 200 > 50 > blue for _, green, blue in np.asarray(image).reshape(-1, 3)} == {True}


@pytest.mark.parametrize("path", ["n" * 513 + ".jpg", "/".join(["d" * 200] * 25) + "/photo.jpg"])
def test_a_path_that_is_too_long_is_one_line_and_does_not_stop_the_others(
    path: str, pack: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([path, "--pack", pack]) == 5
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be read (File name too long)" in said

    assert main([path, str(photos / "more/green.png"), "--pack", pack, "--json"]) == 1
    assert "File name too long" in capsys.readouterr().err
    assert main([str(photos / "more/green.png"), "--store", "s" * 513]) == 8
    assert capsys.readouterr().err.endswith("File name too long; give a shorter path, and run again\n")
