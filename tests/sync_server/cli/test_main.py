"""`edge-serve` as people run it, in processes of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import pytest

from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.cli.main import main
from live_service import running


@pytest.fixture(autouse=True)
def _untested(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of these packs only look like what they stand for."""
    monkeypatch.setattr("edge_identify.edge_runtime.store.bounded_self_test.self_test_within_limits", lambda *_: None)


@pytest.fixture
def repo(small_pack: Callable[..., Path], tmp_path: Path) -> Path:
    assert main(["publish", "--pack", str(small_pack(tmp_path / "pack")), "--repo", str(tmp_path / "repo")]) == 0
    return tmp_path / "repo"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_the_server_serves_on_a_free_port_until_a_signal_ends_it(repo: Path, number: signal.Signals, code: int) -> None:
    with running("--repo", str(repo), "--port", "0", "--deliver-only") as (process, url):
        with urlopen(f"{url}/health", timeout=10) as answer:
            assert json.load(answer)["packs"] == 1
        process.send_signal(number)
        assert process.wait(timeout=20) == code
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_raw_requests_cannot_climb_out_of_the_tree(repo: Path) -> None:
    (repo.parent / "secret.json").write_text("a secret")
    with running("--repo", str(repo), "--port", "0") as (_, url):
        port = int(url.rpartition(":")[2])
        for path in (
            "/../secret.json",
            "//secret.json",
            "//etc/passwd",
            "/manifests/street-art/../../../secret.json",
            "/..%2fsecret.json",
            "/\\..\\secret.json",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
                line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                answer = line.makefile("rb").read()
            assert answer.startswith(b"HTTP/1.1 404 "), path
            assert b"a secret" not in answer


def test_many_slow_downloads_stop_nobody(repo: Path) -> None:
    large = repo / "blobs/sha256/ab" / ("ab" * 32)
    large.parent.mkdir(exist_ok=True)
    with large.open("wb") as file:
        file.truncate(48 * 2**20)  # far beyond what the server and the sockets keep in memory
    with running("--repo", str(repo), "--port", "0") as (_, url), ExitStack() as lines:
        port = int(url.rpartition(":")[2])
        for number in range(24):  # more than the server has threads
            line = lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            piece = "Range: bytes=1-\r\n" if number % 2 else ""
            line.sendall(f"GET /blobs/sha256/ab/{large.name} HTTP/1.1\r\nHost: localhost\r\n{piece}\r\n".encode())
            assert line.recv(12) == (b"HTTP/1.1 206" if piece else b"HTTP/1.1 200")
        with urlopen(f"{url}/health", timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"


def test_the_real_server_sends_whole_files_pieces_and_heads(repo: Path) -> None:
    path = next((repo / "blobs/sha256").glob("*/*"))
    data = path.read_bytes()
    with running("--repo", str(repo), "--port", "0") as (_, url):
        line = HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=10)
        with closing(line):
            for method, headers, body in (
                ("GET", {}, data),
                ("HEAD", {}, b""),
                ("GET", {"Range": "bytes=1-2"}, data[1:3]),
                ("GET", {"Range": "bytes=-1"}, data[-1:]),
                ("GET", {"If-None-Match": "*"}, b""),
                ("GET", {}, data),
            ):  # on one connection: a byte too many would spoil the next answer
                line.request(method, f"/{path.relative_to(repo).as_posix()}", headers=headers)
                assert line.getresponse().read() == body


def test_publish_says_what_it_did(
    repo: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, small_pack: Callable[..., Path]
) -> None:
    capsys.readouterr()
    assert main(["publish", "--pack", str(tmp_path / "pack"), "--repo", str(repo)]) == 0
    assert "is already published" in capsys.readouterr().out
    new = small_pack(tmp_path / "new", version="1.1.0", payload={"index.faiss": b"more"})
    assert main(["publish", "--pack", str(new), "--repo", str(repo), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "street-art",
        "version": "1.1.0",
        "is_new": True,
        "copied_files": 1,
        "copied_bytes": 4,
        "reused_files": 4,
    }


def test_publishing_again_says_that_it_repaired(repo: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    blob = next((repo / "blobs/sha256").glob("*/*"))
    blob.write_bytes(blob.read_bytes()[::-1])
    capsys.readouterr()
    assert main(["publish", "--pack", str(tmp_path / "pack"), "--repo", str(repo)]) == 0
    assert "damaged files repaired: 1" in capsys.readouterr().out


def test_a_refused_version_is_one_line_with_the_code_for_a_wrong_set_up(
    repo: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, small_pack: Callable[..., Path]
) -> None:
    other = small_pack(tmp_path / "other", payload={"index.faiss": b"other"})
    assert main(["publish", "--pack", str(other), "--repo", str(repo)]) == ExitCode.SETUP
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "build with --version" in lines[0]


def test_a_folder_without_a_pack_has_the_code_for_packs(tmp_path: Path) -> None:
    assert main(["publish", "--pack", str(tmp_path), "--repo", str(tmp_path / "repo")]) == ExitCode.PACK


def test_an_empty_folder_is_not_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--repo", str(tmp_path), "--port", "0"]) == ExitCode.SETUP
    assert "edge-serve publish --pack DIR" in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_line(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["run", "--repo", str(repo), "--port", port]) == ExitCode.SETUP
    assert "or 0 for a free one" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["publish", "--help"], ["run", "--help"]])
def test_help_shows_an_example_before_the_options(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(words)
    text = capsys.readouterr().out
    assert text.index("edge-serve " + (words[0] if len(words) > 1 else "publish")) < text.index("options:")
    assert "example" in text
    assert "exit codes" in text


@pytest.mark.parametrize("port", ["-1", "65536", "x", "٣"])
def test_a_port_that_is_none_is_wrong_usage(port: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", "--repo", "x", f"--port={port}"])


def test_help_loads_neither_flask_nor_waitress() -> None:
    code = (
        "import sys\nimport edge_identify.sync_server.cli.main\nimport edge_identify.sync_server.publishing.publish\n"
    )
    code += "print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"flask", "waitress", "prometheus_client", "torch", "sqlite_utils", "numpy"} & set(modules)
