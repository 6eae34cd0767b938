"""The Dockerfile's steps without docker: `python tests/support/image_steps.py` runs them in new folders.

A folder stands for docker's file system: each absolute path that the Dockerfile makes (WORKDIR, COPY, the virtual
environment) is a path below it. Not covered: the base image, USER, and dependencies on this machine beside Python.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
_OWN_PATHS = ("/opt/edge", "/src", "/repo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An instruction of a Dockerfile: its keyword and its arguments on one line."""

    word: str
    rest: str

    @property
    def command(self) -> list[str]:
        """The command of a CMD in JSON form."""
        words: list[str] = json.loads(self.rest)
        return words


def steps() -> list[Step]:
    """Return the steps of the Dockerfile, in order."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(word=word, rest=rest) for word, _, rest in (one.partition(" ") for one in joined.splitlines() if one)]


def only(word: str) -> Step:
    """Return the only step with this keyword."""
    (step,) = (one for one in steps() if one.word == word)
    return step


def environment() -> dict[str, str]:
    """Return the variables of ENV."""
    return dict(pair.split("=", 1) for pair in shlex.split(only("ENV").rest))


def health_command() -> list[str]:
    """Return the health check's command."""
    return Step(word="CMD", rest=only("HEALTHCHECK").rest.partition(" CMD ")[2]).command


def build(folder: Path, context: Path) -> None:
    """Run the steps of the first stage. The second stage only copies its virtual environment.

    Args:
        folder: The root of the image.
        context: The build context.

    Raises:
        CalledProcessError: A step failed.
    """
    variables, here = {}, folder
    for step in steps():
        if step.word == "FROM" and here != folder:
            return
        if step.word == "ARG":
            name, _, value = step.rest.partition("=")
            variables[name] = value.strip('"')
        elif step.word == "WORKDIR":
            here = folder / step.rest.lstrip("/")
            here.mkdir(parents=True)
        elif step.word == "COPY":
            _copy(context, here, *shlex.split(step.rest))
        elif step.word == "RUN":
            print(f"RUN {step.rest[:100]}", flush=True)
            env = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder), **variables, **_index()}
            subprocess.run(["sh", "-ec", placed(step.rest, folder)], cwd=here, env=env, check=True)


def placed(text: str, folder: Path) -> str:
    """Replace the image's absolute paths in a text by paths below a folder."""
    return re.sub("|".join(map(re.escape, _OWN_PATHS)), lambda match: f"{folder}{match[0]}", text)


def _copy(context: Path, here: Path, *words: str) -> None:
    *sources, target = words
    for source in sources:
        if (context / source).is_dir():
            shutil.copytree(
                context / source, here / target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(context / source, here / target)


def _index() -> Mapping[str, str]:
    """Return pip's index options of this machine; a real image build has its own."""
    names = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE", "PIP_FIND_LINKS", "PIP_CERT", "SSL_CERT_FILE")
    return {name: value for name, value in os.environ.items() if name in names}


def serve_once(bin_folder: Path, repo: Path) -> None:
    """Start CMD with ENV on a repository, wait for its health check, and end it.

    Args:
        bin_folder: Folder with `python` and `edge-serve`.
        repo: The repository that compose.yaml mounts.

    Raises:
        CalledProcessError: The health check fails for half a minute.
        AssertionError: The server does not respond, or does not end on a signal.
    """
    with tempfile.TemporaryDirectory() as empty:
        port = _free_port()
        env = {
            **environment(), "PATH": f"{bin_folder}:/usr/bin:/bin", "EDGE_SERVE_REPO": str(repo),
            "EDGE_SERVE_PORT": port, "EDGE_SERVE_HOST": "127.0.0.1", "TMPDIR": empty, "HOME": empty,
        }  # fmt: skip
        with subprocess.Popen(only("CMD").command, cwd=empty, env=env) as server:
            try:
                end = time.monotonic() + 30
                while subprocess.run(health_command(), env=env, capture_output=True, check=False).returncode != 0:
                    assert server.poll() is None, "the server ended"
                    assert time.monotonic() < end, "the health check fails"
                    time.sleep(0.2)
                with urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
                    assert json.load(answer)["model_loaded"] is True
            finally:
                server.terminate()
            assert server.wait(timeout=30) == 0
        sick = subprocess.run(health_command(), env=env, capture_output=True, check=False)
        assert sick.returncode != 0, "the health check says that a server which has ended is well"
        assert list(Path(empty).glob("edge-serve-*")) == []


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as line:
        return str(line.getsockname()[1])


def main() -> None:
    """Build in new folders and start the result."""
    from edge_identify.sync_server.publishing.publish import publish
    from golden_packs import golden_pack

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, ROOT)
        publish(golden_pack("format-1-with-signs"), folder / "repo", now_utc=datetime.now(UTC))
        serve_once(folder / "opt/edge/bin", folder / "repo")
        found = subprocess.run([folder / "opt/edge/bin/python", "-c", "import torch"], capture_output=True, check=False)
        assert found.returncode != 0, "torch came along"
        size = sum(path.lstat().st_size for path in (folder / "opt/edge").rglob("*"))
        print(f"the Dockerfile's steps run, CMD answers, HEALTHCHECK holds; /opt/edge is {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
