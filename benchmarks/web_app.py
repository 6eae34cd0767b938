"""What the web app costs: bytes of the first visit, and the second start without a network.

    make web
    python benchmarks/web_app.py

The bytes are what `edge-serve` sends to a browser that accepts Brotli. The start is measured in headless Chromium, with
the server stopped: from the request of the page to the buttons of the screen Identify. No pack is installed, so that
the numbers are the app's own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER, WebApp, read_web_app

_STARTS = 5
_SCRIPT = Path(__file__).with_name("web_app_start.mjs")


def first_visit_bytes(app: WebApp) -> dict[str, int]:
    """Return the sizes of the app's files as they are sent: in the best content coding that there is."""
    return {name: min([len(file.data), *map(len, file.encoded.values())]) for name, file in app.files.items()}


def start_ms(url: str, profile: Path, starts: int) -> list[float]:
    """Return how long each start without a network takes, in milliseconds.

    Args:
        url: Address of a running server; Chromium visits it once and is then cut off.
        profile: Folder for the browser's profile.
        starts: How many starts to measure.
    """
    words = ["node", str(_SCRIPT), str(WEB_FOLDER / "package.json"), url, str(profile), str(starts)]
    return list(json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running `edge-serve run`, to measure starts, too")
    parser.add_argument("--starts", type=int, default=_STARTS)
    options = parser.parse_args()
    app = read_web_app()
    if not app.is_complete:
        sys.exit("the app's runtime is not here; run `make web`")
    sizes = first_visit_bytes(app)
    largest = max(sizes, key=lambda name: sizes[name])
    print(f"first visit: {sum(sizes.values()) / 1e6:.2f} MB in {len(sizes)} files, {largest} {sizes[largest] / 1e6:.2f} MB")
    if options.url:
        with tempfile.TemporaryDirectory() as profile:
            times = start_ms(options.url, Path(profile), options.starts)
        print(f"start without a network: median {statistics.median(times):.0f} ms of {len(times)}, longest {max(times):.0f} ms")


if __name__ == "__main__":
    main()
