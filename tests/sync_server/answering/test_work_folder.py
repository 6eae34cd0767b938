"""The working folder of a server is removed when the server ends, also when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_identify.edge_runtime.io.work_folder import temporary_files_together, work_folder
from live_service import Client, running

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not there")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of its own, also for started servers."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def _folders(temporary: Path) -> list[Path]:
    return list(temporary.glob("edge-serve-*"))  # onnxruntime leaves a file of its own there


def _serve(repo: Path, number: signal.Signals, *, is_hasty: bool = False) -> list[str]:
    """Start a server, send it a signal after it has laid out its pack, and return the working folder."""
    with running("--repo", str(repo), "--port", "0", env=dict(os.environ)) as (process, url):
        client = Client(url, process)
        client.wait_until_ready()
        laid_out = [path.name for path in Path(os.environ["TMPDIR"]).rglob("*") if path.is_file()]
        process.send_signal(number)
        while is_hasty and process.poll() is None:  # again and again: while it cleans up, too
            process.send_signal(number)
            time.sleep(0.001)
        process.wait(timeout=30)
        client.close()
    return laid_out


def test_temporary_files_of_a_killed_command_are_removed_by_the_next_one(temporary: Path) -> None:
    code = (
        "import os, tempfile\n"
        "from edge_identify.edge_runtime.io.work_folder import temporary_files_together\n"
        "with temporary_files_together('edge-build-run-'):\n"
        "    open(os.path.join(tempfile.mkdtemp(), 'large'), 'w').close()\n"
        "    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False).returncode == 9
    assert [path.name for path in temporary.rglob("large")] == ["large"]

    with temporary_files_together("edge-build-run-"):
        assert not list(temporary.rglob("large"))
        assert Path(tempfile.mkdtemp()).parent.parent == temporary
    assert list(temporary.iterdir()) == []
    assert tempfile.tempdir == str(temporary)


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("is_hasty", [False, True])
def test_a_server_that_is_told_to_end_leaves_nothing(
    service_repo: Path, temporary: Path, number: signal.Signals, is_hasty: bool
) -> None:
    assert "references.sqlite" in _serve(service_repo, number, is_hasty=is_hasty)
    assert _folders(temporary) == []


@needs_signals
def test_the_next_server_removes_what_a_killed_one_left(service_repo: Path, temporary: Path) -> None:
    _serve(service_repo, signal.SIGKILL)
    (left,) = _folders(temporary)
    (temporary / "edge-serve-of-somebody").mkdir()  # no lock of ours in it
    with work_folder("edge-serve-") as living:
        _serve(service_repo, signal.SIGTERM)
        assert living.is_dir()
    assert not left.exists()
    assert [path.name for path in _folders(temporary)] == ["edge-serve-of-somebody"]


def test_of_many_that_start_at_once_each_has_a_folder_of_its_own(temporary: Path) -> None:
    def use(number: int) -> str:
        for _ in range(50):
            with work_folder("edge-serve-") as folder:
                (folder / "mine").write_text(str(number))
                assert (folder / "mine").read_text() == str(number)
        return "used"

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(8))) == {"used"}
    assert _folders(temporary) == []
