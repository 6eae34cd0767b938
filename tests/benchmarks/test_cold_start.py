"""The whole command is measured beside its peers, where they are; one that was named and is not there is an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(*options: str, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "cold_start.py"), *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": path},
    )


def test_the_command_is_measured_and_peers_that_are_not_here_are_said_aloud(int8_pack: Path, tmp_path: Path) -> None:
    ended = run("--encoder-pack", str(int8_pack), "--references", "50", "--rounds", "1", path=str(tmp_path))

    assert ended.returncode == 0, ended.stderr
    line = json.loads(ended.stdout)
    own, script = line["figures"]["edge_identify_installed"], line["figures"]["onnxruntime_faiss_int8"]
    assert line["share"]["onnxruntime_faiss_int8"]["cpu_ms"] == round(own["cpu_ms"] / script["cpu_ms"], 3)
    assert set(line["skipped"]) == {"open_clip_faiss", "rclip", "fastembed"}
    for peer in ("rclip", "fastembed"):  # the second has no command that could be on PATH
        assert f"SKIPPED {peer}: was not found; name the Python that has it with --{peer}-python" in ended.stderr


def test_a_peer_that_was_named_and_is_not_there_is_an_error(tmp_path: Path) -> None:
    ended = run("--encoder-pack", "unused", "--rclip-python", sys.executable, path=str(tmp_path))

    assert ended.returncode == 2
    assert "rclip is not installed there; run:" in ended.stderr


def test_a_process_is_measured_in_its_folder_and_with_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from measuring import Command, processes_interleaved

    code = "import os; open('seen', 'a').write(os.environ['ASKED'])"
    command = Command(words=[sys.executable, "-c", code], folder=tmp_path, environment={"ASKED": "x"})
    figures = processes_interleaved({"it": command}, rounds=2)

    assert figures["it"]["cpu_ms"] > 0
    assert (tmp_path / "seen").read_text() == "xxxx"  # a round to warm up, two that count, one for the memory
