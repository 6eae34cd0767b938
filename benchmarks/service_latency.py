"""What HTTP adds to the engine's own time: `POST /v1/identify` beside the same engine in this process.

    python benchmarks/service_latency.py --pack PACK

Prints one JSON line for each size of photo: median wall milliseconds, interleaved, of the engine, of a request on an
open connection and of one on a new connection; and what a request takes beyond the seconds that its answer states.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import urllib3
from measuring import print_line, wall_ms_interleaved
from served_pack import served

from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo
from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
from edge_identify.sync_server.answering.pack_engine import PackEngine, position_of

_PHOTOS_PX = {"1_megapixel": (1152, 864), "12_megapixels": (4032, 3024)}
_TOP_K = 5
_MOST_ADDED_MS = 15


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    engine = PackEngine(nullcontext(open_pack(options.pack)), ConcurrencyLimit(1, patience_s=60))
    with served(options.pack) as server:
        for title, size_px in _PHOTOS_PX.items():
            photo = drawn_photo(size_px=size_px)
            print_line("service_latency", photo=title, **_measured(engine, server.url, photo, options.rounds))
    engine.close()


def _measured(engine: PackEngine, url: str, photo: bytes, rounds: int) -> dict[str, object]:
    pool = urllib3.PoolManager()
    beyond: list[float] = []

    def ask(manager: urllib3.PoolManager) -> None:
        started = time.perf_counter()
        fields = {"file": ("photo.jpg", photo, "image/jpeg")}
        answer = manager.request("POST", f"{url}/v1/identify", fields=fields, retries=False)
        wall_s = time.perf_counter() - started
        assert answer.status == 200, answer.data
        if manager is pool:
            beyond.append(1000 * (wall_s - json.loads(answer.data)["seconds"]))

    things: dict[str, Callable[[], object]] = {
        "engine": lambda: engine.identify(photo, name="photo", top_k=_TOP_K, position=position_of(photo)),
        "http_open_connection": lambda: ask(pool),
        "http_new_connection": lambda: _with_new_pool(ask),
    }
    wall_ms = wall_ms_interleaved(things, rounds)
    added = round(median(beyond), 2)
    return {
        "wall_ms": wall_ms,
        "added_ms": round(wall_ms["http_open_connection"] - wall_ms["engine"], 2),
        "beyond_stated_seconds_ms": added,
        "asked_for": f"at most {_MOST_ADDED_MS} ms added",
    }


def _with_new_pool(ask: Callable[[urllib3.PoolManager], None]) -> None:
    with urllib3.PoolManager() as manager:
        ask(manager)


if __name__ == "__main__":
    main()
