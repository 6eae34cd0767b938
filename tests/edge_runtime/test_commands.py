"""What the three commands share: exit codes by fault, one-line errors, and the documented JSON."""

from __future__ import annotations

import errno
import gc
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.edge_runtime import errors
from edge_identify.edge_runtime.commands.answers import Answer, answer_lines, answers_as_json
from edge_identify.edge_runtime.commands.identify import main
from edge_identify.edge_runtime.commands.running import ExitCode, exit_code_for, require_extra, run_command
from edge_identify.edge_runtime.deciding.decision import Decision, Verdict
from edge_identify.edge_runtime.deciding.look_alikes import LookAlikes
from edge_identify.edge_runtime.identification import Identification, Match, StageSeconds
from edge_identify.edge_runtime.pack.references import Reference


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.PhotoError, 5),
        (errors.PackError, 6),
        (errors.PackDamagedError, 6),
        (errors.PackFormatError, 6),
        (errors.PackNotFoundError, 6),
        (errors.NetworkError, 7),
        (errors.SetupError, 8),
    ],
)
def test_the_exit_code_tells_whose_fault_it_is(error: type[errors.EdgeIdentifyError], code: int) -> None:
    assert exit_code_for(error("x")) == code


def test_every_error_of_the_tree_has_a_code_of_its_branch() -> None:
    for name in vars(errors).values():
        if isinstance(name, type) and issubclass(name, errors.EdgeIdentifyError):
            assert exit_code_for(name("x")) in ExitCode


def test_an_error_is_one_line_and_a_bug_has_a_code_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails() -> ExitCode:
        raise errors.PhotoError("x.jpg: is not a picture")

    def has_a_bug() -> ExitCode:
        raise ZeroDivisionError

    assert run_command(fails) == ExitCode.PHOTO
    assert capsys.readouterr().err == "error: x.jpg: is not a picture\n"
    assert run_command(has_a_bug) == ExitCode.BUG == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_ctrl_c_ends_with_the_shell_s_code(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> ExitCode:
        raise KeyboardInterrupt

    assert run_command(interrupted) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])  # found when all is printed, or by the print itself
def test_a_full_disk_behind_standard_output_is_one_line_that_names_it(unbuffered: str) -> None:
    code = (
        "import sys; from edge_identify.edge_runtime.commands.running import ExitCode, run_command\n"
        "sys.exit(run_command(lambda: print('answer') or ExitCode.DONE))"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert re.match("error: standard output.*: No space left on device; make room", done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == ExitCode.SETUP


def test_a_full_disk_names_the_file_that_was_to_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    def copies() -> ExitCode:
        raise OSError(errno.ENOSPC, "No space left on device", "from", None, "to")

    def has_a_bug() -> ExitCode:
        raise OSError(errno.EBADF, "Bad file descriptor")

    assert run_command(copies) == ExitCode.SETUP
    assert (
        capsys.readouterr().err == "error: to: No space left on device; make room where it is written, and run again\n"
    )
    assert run_command(has_a_bug) == ExitCode.BUG


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EDQUOT, "make room where it is written"),
        (errno.EFBIG, "make room where it is written"),
        (errno.EROFS, "choose a place that can be written"),
        (errno.EIO, "check the disk"),
    ],
)
def test_what_helps_depends_on_what_the_disk_says(capsys: pytest.CaptureFixture[str], number: int, advice: str) -> None:
    def fails() -> ExitCode:
        raise OSError(number, "no", "pack.json")

    assert run_command(fails) == ExitCode.SETUP
    assert capsys.readouterr().err == f"error: pack.json: no; {advice}, and run again\n"


def test_only_a_process_of_its_own_seldom_looks_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_threshold()
    try:
        with pytest.raises(SystemExit):
            main(["--help"])
        assert gc.get_threshold() == before

        monkeypatch.setattr(sys, "argv", ["edge-identify", "--help"])
        with pytest.raises(SystemExit):
            main()
        assert gc.get_threshold()[0] > before[0]
    finally:
        gc.set_threshold(*before)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not there")
def test_a_termination_cleans_up_and_has_the_shell_s_code(capsys: pytest.CaptureFixture[str]) -> None:
    cleaned = []
    before = signal.getsignal(signal.SIGTERM)

    def terminated() -> ExitCode:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            cleaned.append(True)
        return ExitCode.DONE

    assert run_command(terminated) == 143
    assert cleaned
    assert capsys.readouterr().err == "terminated\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_missing_extra_is_named_with_the_line_that_installs_it() -> None:
    require_extra("server", ("json", "flask"))
    with pytest.raises(
        errors.SetupError,
        match=r"no_such_library is not installed; run: pip install 'edge-identify\[server\]'",
    ):
        require_extra("server", ("json", "no_such_library"))


def answer() -> Answer:
    place = Reference(
        id="cat-1",
        name="Seated cat, bronze",
        namespace="museum",
        labels={"label": "cat"},
        latitude=1.5,
        longitude=-2.5,
        url="https://example.org/cat",
        licence="CC0-1.0",
        attributes={"hall": "7"},
    )
    plain = Reference(id="dog", name="dog")
    return Answer(
        kind="photo",
        question="p.jpg",
        result=Identification(
            matches=(
                Match(reference=place, score=0.912345678, rank=1),
                Match(reference=plain, score=0.1, rank=2),
            ),
            pack_name="museum",
            pack_version="1.0.0",
            variant_name="onnx-int8",
            times=StageSeconds(prepare=0.0023456, encode=0.007, search=0.002, decide=0.001),
        ),
    )


def test_a_person_sees_rank_score_name_id_and_what_it_is() -> None:
    question, first, second = answer_lines(answer())

    assert question == "p.jpg"
    assert first.startswith("   1   0.91  Seated cat, bronze  ")
    assert first.endswith("cat-1  museum · cat")
    assert second.rstrip().endswith("dog")


def test_the_json_object_is_the_documented_one() -> None:
    failed = Answer(kind="photo", question="q.jpg", result=errors.PhotoError("q.jpg: is not a picture"))

    document = json.loads(
        answers_as_json([answer(), failed], pack_name="museum", pack_version="1.0.0", encoder="onnx-int8")
    )

    assert document["schema"] == 1
    assert document["pack"] == {"name": "museum", "version": "1.0.0"}
    first, second = document["answers"]
    assert first["decision"] is None
    assert first["known_probability"] is None
    assert first["look_alikes"] is None
    assert first["matches"][0] == {
        "rank": 1, "id": "cat-1", "name": "Seated cat, bronze", "score": 0.912346, "confidence": None,
        "namespace": "museum",
        "labels": {"label": "cat"}, "location": {"lat": 1.5, "lng": -2.5}, "url": "https://example.org/cat",
        "licence": "CC0-1.0", "attributes": {"hall": "7"},
    }  # fmt: skip
    assert first["matches"][1]["location"] is None
    assert second == {"photo": "q.jpg", "error": "q.jpg: is not a picture"}


def calibrated(decision: Decision, look_alikes: LookAlikes | None = None) -> Answer:
    plain = answer()
    assert isinstance(plain.result, Identification)
    verdict = Verdict(
        decision=decision,
        evidence=1.0,
        known_probability=0.95,
        confidences=(0.92, 0.03),
        look_alike_count=2 if look_alikes else 0,
    )
    matches = tuple(
        replace(match, confidence=sure) for match, sure in zip(plain.result.matches, (0.92, 0.03), strict=True)
    )
    return replace(plain, result=replace(plain.result, verdict=verdict, look_alikes=look_alikes, matches=matches))


def look_alikes() -> LookAlikes:
    found = answer().result
    assert isinstance(found, Identification)
    references = tuple(match.reference for match in found.matches)
    return LookAlikes(references=references, namespace="museum", labels={"label": "cat"})


def test_a_person_sees_what_it_is_and_how_sure_that_is() -> None:
    question, first, second = answer_lines(calibrated(Decision.IDENTIFIED))

    assert question == "p.jpg: identified, sure (92%)"
    assert first.startswith("   1   92%   0.91  Seated cat, bronze  ")
    assert second.startswith("   2    3%   0.10  dog")


def test_a_person_sees_that_the_nearest_of_an_unknown_thing_are_only_that() -> None:
    question, first, _ = answer_lines(calibrated(Decision.UNKNOWN))

    assert question == "p.jpg: unknown (95% that it is in the pack); the nearest are"
    assert first.startswith("   1   92%   0.91  near  Seated cat, bronze")


def test_a_person_sees_what_look_alikes_have_in_common() -> None:
    question, *_ = answer_lines(calibrated(Decision.AMBIGUOUS, look_alikes()))

    assert question == "p.jpg: one of 2 look-alikes, all museum · cat"


def test_decisions_and_probabilities_are_in_the_json_object() -> None:
    answers = [calibrated(Decision.IDENTIFIED), calibrated(Decision.AMBIGUOUS, look_alikes())]

    document = json.loads(answers_as_json(answers, pack_name="p", pack_version="1.0.0", encoder="onnx-int8"))

    first, second = document["answers"]
    assert (first["decision"], first["known_probability"], first["look_alikes"]) == ("identified", 0.95, None)
    assert [match["confidence"] for match in first["matches"]] == [0.92, 0.03]
    assert second["decision"] == "ambiguous"
    assert second["look_alikes"] == {"ids": ["cat-1", "dog"], "namespace": "museum", "labels": {"label": "cat"}}


def test_the_decision_on_a_single_photo_is_the_exit_code_and_several_are_done(
    colour_pack: Callable[[], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, colour in (("green", (0, 255, 0)), ("grey", (120, 120, 120)), ("between", (230, 10, 35))):
        Image.new("RGB", (9, 9), colour).save(tmp_path / f"{name}.png")
    photos = [str(tmp_path / f"{name}.png") for name in ("green", "grey", "between")]
    plain = str(colour_pack())

    assert [main([photo, "--pack", plain]) for photo in photos] == [0, 0, 0]
    assert "uncalibrated" in capsys.readouterr().err
    pack = str(add_calibration(Path(plain)))
    assert [main([photo, "--pack", pack]) for photo in photos] == [0, 3, 4]
    assert [main([photo, "--pack", pack, "--json"]) for photo in photos] == [0, 3, 4]
    assert main([*photos, "--pack", pack]) == 0
    assert main([photos[1], str(tmp_path / "none.png"), "--pack", pack]) == 1


def test_a_first_word_that_is_a_subcommand_is_one_and_a_path_names_a_photo(
    colour_pack: Callable[[], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Image.new("RGB", (9, 9), (0, 0, 255)).save(tmp_path / "packs", "PNG")
    pack = str(colour_pack())
    monkeypatch.chdir(tmp_path)

    assert main(["packs", "--store", str(tmp_path / "store")]) == 0
    assert "no packs in" in capsys.readouterr().err
    assert main(["./packs", "--pack", pack]) == 0
    assert "Pure blue" in capsys.readouterr().out


def test_searching_by_an_empty_text_or_without_a_text_encoder_is_refused(
    colour_pack: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pack = str(colour_pack())

    assert main(["search", "  ", "--pack", pack]) == 8
    assert "the text is empty" in capsys.readouterr().err
    assert main(["search", "a cat", "--pack", pack]) == 6
    assert "no text encoder" in capsys.readouterr().err


def test_names_from_outside_cannot_move_the_cursor_or_forge_a_line() -> None:
    forged = Match(reference=Reference(id="x", name="\x1b[2Jcleared\n   1  0.99  forged"), score=0.5, rank=1)
    times = StageSeconds(prepare=0.1, encode=0.1, search=0.1, decide=0.1)
    result = Identification(
        matches=(forged,), pack_name="p", pack_version="1.0.0", variant_name="onnx-int8", times=times
    )

    lines = answer_lines(Answer(kind="photo", question="a\nb.jpg", result=result))

    assert lines[0] == r"a\nb.jpg"
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
