"""What the three commands share: exit codes by fault, and one-line errors."""

from __future__ import annotations

import errno
import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.edge_runtime import errors
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode, exit_code_for
from edge_identify.edge_runtime.terminal.required_extras import require_extra


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
        raise errors.PhotoError("x.jpg: is not an image")

    def has_a_bug() -> ExitCode:
        raise ZeroDivisionError

    assert run_command(fails) == ExitCode.PHOTO
    assert capsys.readouterr().err == "error: x.jpg: is not an image\n"
    assert run_command(has_a_bug) is ExitCode.BUG
    assert int(ExitCode.BUG) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_clock_that_python_cannot_tell_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late() -> float:
        raise OverflowError("timestamp too large to convert to C _PyTime_t")

    monkeypatch.setattr(time, "time", too_late)

    assert run_command(lambda: ExitCode.DONE) == ExitCode.SETUP
    assert capsys.readouterr().err == "error: the clock of this system is after the year 2262; set it, and run again\n"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("libx.so: failed to map segment from shared object"),
        ImportError("Exception caught: std::bad_alloc"),  # ONNX Runtime, while it is loaded
    ],
)
def test_too_little_memory_is_one_line_with_a_code_of_its_own(
    capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fails() -> ExitCode:
        raise error

    assert run_command(fails) == 71
    assert re.fullmatch("error: out of memory; .*\n", capsys.readouterr().err)


def test_ctrl_c_ends_with_the_shell_s_code(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> ExitCode:
        raise KeyboardInterrupt

    assert run_command(interrupted) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])  # found when all is printed, or by the print itself
def test_a_full_disk_behind_standard_output_is_one_line_that_names_it(unbuffered: str) -> None:
    code = (
        "import sys\n"
        "from edge_identify.edge_runtime.terminal.exit_codes import ExitCode\n"
        "from edge_identify.edge_runtime.terminal.command_run import run_command\n"
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
        (errno.ENAMETOOLONG, "give a shorter path"),
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
        monkeypatch.setattr("edge_identify.edge_runtime.cli.main.end_soon_after_a_signal", lambda: None)
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


def test_searching_by_an_empty_text_is_refused_and_without_a_text_encoder_words_are_searched(
    colour_pack: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pack = str(colour_pack())

    assert main(["search", "  ", "--pack", pack]) == 8
    assert "the text is empty" in capsys.readouterr().err
    assert main(["search", "a cat", "--pack", pack]) == 3
    assert main(["search", "pure red", "--pack", pack]) == 0
    assert "Pure red" in capsys.readouterr().out
