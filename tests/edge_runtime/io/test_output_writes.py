"""Files that the user named: modes, links, FIFOs, devices and standard output, through the commands themselves."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.convert.cli.main import main as build_main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources.source_parsing import parse_source
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.output_files import check_is_file, check_writable
from edge_identify.edge_runtime.io.output_writes import write_output

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, FIFOs and devices are of POSIX")

Command = Callable[[str], int]
COMMANDS = ("export --out", "duplicates --html", "evaluate --html", "identify --html")


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colour_pack: Callable[[], Path], request: pytest.FixtureRequest
) -> Command:
    """The command of the parameter, as a function of the path of its output file."""
    pack = str(add_calibration(colour_pack()))
    monkeypatch.chdir(tmp_path)
    for name, colour in (("a", (0, 255, 0)), ("b", (0, 0, 255))):
        Path("pictures").mkdir(exist_ok=True)
        Image.new("RGB", (40, 40), colour).save(f"pictures/{name}.png")
    Path("q.csv").write_text("query,id\npictures/a.png,green\n")
    with Catalogue.open(Path("c.catalogue")) as catalogue:
        catalogue.add(parse_source("images:pictures"))
    words = {
        "export --out": ["export", "--catalogue", "c.catalogue", "--out"],
        "duplicates --html": ["duplicates", "--catalogue", "c.catalogue", "--html"],
        "evaluate --html": ["evaluate", "--pack", pack, "--queries", "q.csv", "--html"],
        "identify --html": ["pictures/a.png", "pictures/b.png", "--pack", pack, "--html"],
    }[request.param]
    run = main if request.param.startswith("identify") else build_main
    return lambda path: run([*words, path])


def is_whole(content: bytes) -> bool:
    return content.startswith((b"<!doctype html>", b"<!DOCTYPE html>", b"path,id,")) and content.endswith(b"\n")


@contextmanager
def read_apart(fifo: Path) -> Iterator[list[bytes]]:
    """Read a FIFO in a thread, until its writer closes it."""
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    yield read
    reader.join(timeout=20)


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_a_fifo_is_written_into_and_stays(command: Command, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    with read_apart(fifo) as read:
        assert command("fifo") == 0

    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert is_whole(read[0])


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_a_link_stays_and_the_file_it_leads_to_is_written(command: Command, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in ("old", "new"):
        (tmp_path / f"{name}.link").symlink_to(f"elsewhere/{name}")
    (tmp_path / "elsewhere/old").write_text("old")

    for name in ("old", "new"):
        assert command(f"{name}.link") == 0
        assert (tmp_path / f"{name}.link").is_symlink()
        assert is_whole((tmp_path / "elsewhere" / name).read_bytes())


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_an_overwritten_file_keeps_its_mode(command: Command, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("old")
    for mode in (0o600, 0o640, 0o666):
        (tmp_path / "page").chmod(mode)

        assert command("page") == 0
        assert stat.S_IMODE((tmp_path / "page").stat().st_mode) == mode
    assert is_whole((tmp_path / "page").read_bytes())


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
@pytest.mark.parametrize("name", ["-", "stdout", "/dev/fd/1"])
def test_standard_output_gets_the_file_and_nothing_else(
    command: Command, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], name: str
) -> None:
    Path("stdout").symlink_to("/dev/fd/1")  # as `/dev/stdout`, which a fault here would replace on this machine
    before = sorted(tmp_path.iterdir())

    assert command(name) == 0

    assert is_whole(capfdbinary.readouterr().out)
    assert sorted(tmp_path.iterdir()) == before
    assert Path("stdout").is_symlink()


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_the_null_device_takes_everything_and_stays(command: Command) -> None:
    """Through a link: if this fails, the link is replaced, and the machine keeps its device."""
    Path("null").symlink_to("/dev/null")
    Path("null.link").symlink_to("null")

    assert command("null.link") == 0

    assert Path("null.link").is_symlink()
    assert stat.S_ISCHR(Path("null").stat().st_mode)


@pytest.mark.parametrize(
    "words",
    [
        ["duplicates", "--catalogue", "c"],
        ["search", "a text", "--catalogue", "c"],
        ["evaluate", "--pack", "p", "--queries", "q.csv"],
    ],
)
def test_two_results_on_standard_output_are_refused(capfd: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert build_main([*words, "--html", "-", "--json"]) == 8

    out, err = capfd.readouterr()
    assert "--html and --json both write to standard output; give --html a file's name" in err
    assert out == ""


@pytest.mark.parametrize("words", [["--json"], ["--jsonl"], ["--explain", "-"]])
def test_an_answer_and_a_page_cannot_share_standard_output(capfd: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["a.png", "--pack", "./p", "--html", "-", *words]) == 8

    out, err = capfd.readouterr()
    assert "both write to standard output" in err
    assert out == ""


def test_a_file_that_standard_output_was_sent_to_is_not_truncated(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from edge_identify.edge_runtime.io.output_writes import write_output\n"
        "print('before')\n"
        "write_output(Path('/dev/fd/1'), b'page\\n')\n"
        "print('after')\n"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], check=True, stdout=out)

    assert (tmp_path / "out").read_text() == "before\npage\nafter\n"


def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_output(tmp_path / "new", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_device_node_is_written_into_and_stays(tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        write_output(device, b"into nothing")
    except PermissionError:
        pytest.skip("only root makes and opens device nodes here")

    assert stat.S_ISCHR(device.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["null"]


def test_a_link_that_leads_nowhere_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "far").symlink_to("no-such-folder/page")
    with pytest.raises(SetupError, match=r"there is no folder .*no-such-folder"):
        check_writable(tmp_path / "far", "--html")

    (tmp_path / "itself").symlink_to("itself")
    with pytest.raises(SetupError, match="leads to itself"):
        check_writable(tmp_path / "itself", "--html")


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.chdir(tmp_path)  # the name of a socket may have 100 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with pytest.raises(SetupError, match="is a block device or a socket"):
            check_writable(Path("socket"), "--html")


def test_what_is_read_again_must_be_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("-"), Path("/dev/null")):
        with pytest.raises(SetupError, match="is not a regular file; --out needs one"):
            check_is_file(path, "--out")
    check_is_file(tmp_path / "weights", "--out")
