"""nginx with a configuration of the documents, in a folder of its own; skipped loudly where it is not installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"  # beside PATH: Debian has it where only root looks
_ANSWERS_WITHIN_S = 20
_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log combined;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
{locations}
    }}
}}
"""


@contextmanager
def nginx_server(locations: str, folder: Path) -> Iterator[str]:
    """Start nginx and yield its URL; skip the test if it is not installed.

    Args:
        locations: The content of its `server` block.
        folder: A new folder for its files; `access.log` is there.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path=_PLACES)
    if program is None:
        pytest.skip("nginx is not installed (apt-get install nginx)")
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = _CONFIGURATION.format(folder=folder, port=port, locations=locations)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[str], port: int) -> None:
    end = time.monotonic() + _ANSWERS_WITHIN_S
    while time.monotonic() < end:
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(process.stderr.read())
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not answer")
