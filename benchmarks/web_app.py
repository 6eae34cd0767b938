"""What the web app costs: bytes of the first visit, and later starts without a network.

    make web
    python benchmarks/web_app.py --starts 5

The bytes are what the server sends to a browser that accepts Brotli. Each start is a new headless Chromium with the
same profile and without the server: from the request of the page to the first screen. No pack is installed, so the
numbers are the app's own. `--starts 0` needs no browser.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from werkzeug.serving import BaseWSGIServer, make_server

from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER, WebApp, read_web_app
from edge_identify.sync_server.service.app import create_app

_SCRIPT = Path(__file__).with_name("web_app_start.mjs")


def first_visit_bytes(app: WebApp) -> dict[str, int]:
    """Return the sizes of the app's files as they are sent, in the best content coding that there is."""
    return {name: min([len(file.data), *map(len, file.encoded.values())]) for name, file in app.files.items()}


def start_ms(profile: Path, starts: int) -> list[float]:
    """Return how long each start without a server takes, in milliseconds.

    Args:
        profile: Folder for the browser's profile.
        starts: How many starts to measure, after the first visit.
    """
    with _server() as server:
        url = f"http://127.0.0.1:{server.server_port}"
        words = ["node", str(_SCRIPT), str(WEB_FOLDER / "package.json"), url, str(profile), str(starts)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as browser:
            assert browser.stdout is not None
            if browser.stdout.readline() != "visited\n":
                sys.exit("the app could not be opened in Chromium; see above")
            server.shutdown()
            server.server_close()
            return list(json.loads(browser.communicate("the server is stopped\n")[0]))


@contextmanager
def _server() -> Iterator[BaseWSGIServer]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each file
    server = make_server("127.0.0.1", 0, create_app(None), threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5, help="starts to measure (default: 5)")
    options = parser.parse_args()
    app = read_web_app()
    sizes = first_visit_bytes(app)
    found: dict[str, object] = {
        "benchmark": "web_app",
        "has_runtime": app.is_complete,
        "first_visit_bytes": sum(sizes.values()),
        "files": len(sizes),
        "runtime_bytes": sum(size for name, size in sizes.items() if name.startswith("vendor/")),
    }
    if options.starts:
        with tempfile.TemporaryDirectory() as profile:
            times = start_ms(Path(profile), options.starts)
        found |= {"start_ms_median": statistics.median(times), "start_ms_longest": max(times)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
