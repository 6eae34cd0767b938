"""What the web app costs: bytes of the first visit, and later starts without a network.

    make web
    python benchmarks/web_app.py --starts 5

The bytes are what the server sends to a browser that accepts Brotli. Each start is a new headless Chromium with the
same profile and without the server: from the request of the page to the first screen. No pack is installed, so the
numbers are the app's own. `--starts 0` needs no browser.

    python benchmarks/web_app.py --starts 0 --pack DIR --photos queries.csv

installs a pack from a server in Chromium, stops the server, opens the browser again, and compares the answers to 50
photos with Python's: the figures of `javascript_core.py`, with pixels decoded by the browser, and `points_ms`, the
median time to find a photo's points and to compare them with one reference's. The table has a column `query` with
paths beside it.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import numpy as np
from javascript_core import figures, listed_photos, python_answers
from werkzeug.serving import BaseWSGIServer, make_server

from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.photos.images import open_image
from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER, WebApp, read_web_app
from edge_identify.sync_server.publishing.publish import publish
from edge_identify.sync_server.service.app import create_app

_SCRIPT = Path(__file__).with_name("web_app_start.mjs")
_PHOTOS = Path(__file__).with_name("web_app_photos.mjs")


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
def _server(repo: Path | None = None) -> Iterator[BaseWSGIServer]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each file
    server = make_server("127.0.0.1", 0, create_app(repo), threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server


def compare_photos(pack: Path, photos: Sequence[Path]) -> dict[str, object]:
    """Return how near the answers of the app, installed and without its server, are to Python's.

    Args:
        pack: A pack's folder.
        photos: At least one photo that both sides can decode.
    """
    name = read_manifest(pack).name
    with tempfile.TemporaryDirectory() as folder:
        publish(pack, Path(folder) / "repo", now_utc=datetime.now(UTC))
        with _server(Path(folder) / "repo") as server:
            url = f"http://127.0.0.1:{server.server_port}"
            words = ["node", str(_PHOTOS), str(WEB_FOLDER / "package.json"), url, f"{folder}/profile", name]
            with subprocess.Popen(
                [*words, *map(str, photos)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as browser:
                assert browser.stdout is not None
                if browser.stdout.readline() != "installed\n":
                    sys.exit("the pack could not be installed in Chromium; see above")
                server.shutdown()
                server.server_close()
                theirs = json.loads(browser.communicate("the server is stopped\n")[0])
    ours = python_answers(pack, [np.asarray(open_image(path), dtype=np.uint8) for path in photos])
    kept = {"photos", "same_first", "same_decision", "encode_ms"}
    found = {
        key: value
        for key, value in figures(ours, theirs).items()
        if key in kept or key.startswith(("cosine", "score", "points"))
    }
    return {**found, "points_ms": round(statistics.median(answer["points_ms"] for answer in theirs["answers"]), 1)}


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5, help="starts to measure (default: 5)")
    parser.add_argument("--pack", type=Path, metavar="DIR", help="a pack to compare with Python")
    parser.add_argument("--photos", type=Path, metavar="CSV", help="with --pack: a table with the column query")
    parser.add_argument("--most", type=int, default=50, help="number of photos, spread over the table (default: 50)")
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
    if options.pack is not None and not (options.photos is not None and options.photos.exists()):
        print(f"skipped: the comparison of photos; {options.photos} is not there", file=sys.stderr)
    elif options.pack is not None:
        found |= compare_photos(options.pack, listed_photos(options.photos, options.most))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
