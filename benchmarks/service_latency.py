"""What HTTP adds to the engine's own time: `POST /v1/identify` beside the same engine in this process.

    python benchmarks/service_latency.py --pack PACK

Prints one JSON line for each size of photo: median wall milliseconds, interleaved, of the engine, of a request on an
open connection and of one on a new connection; the median of what a request takes beyond the engine in the same round,
and beyond the seconds that its answer states; and the CPU milliseconds that the server takes beyond the engine.

Points are not compared: that takes the same time in both, and its time varies by more than what HTTP adds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import mean, median

import urllib3
from measuring import print_line, wall_ms_in_rounds
from served_pack import Served, served

from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo
from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
from edge_identify.sync_server.answering.pack_engine import PackEngine, position_of

_PHOTOS_PX = {"1_megapixel": (1152, 864), "12_megapixels": (4032, 3024)}
_TOP_K = 5
_MOST_ADDED_MS = 15
_MODE = GeometryMode.NEVER


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
            print_line("service_latency", photo=title, **_measured(engine, server, photo, options.rounds))
    engine.close()


def _measured(engine: PackEngine, server: Served, photo: bytes, rounds: int) -> dict[str, object]:
    pool = urllib3.PoolManager()
    beyond: list[float] = []
    server_cpu_ms: list[float] = []
    engine_cpu_ms: list[float] = []

    def ask(manager: urllib3.PoolManager) -> None:
        started, cpu_ms = time.perf_counter(), server.cpu_ms()
        fields = {"file": ("photo.jpg", photo, "image/jpeg"), "verify_geometry": _MODE.value}
        answer = manager.request("POST", f"{server.url}/v1/identify", fields=fields, retries=False)
        wall_s = time.perf_counter() - started
        assert answer.status == 200, answer.data
        if manager is pool:
            beyond.append(1000 * (wall_s - json.loads(answer.data)["seconds"]))
            server_cpu_ms.append(server.cpu_ms() - cpu_ms)

    def ask_engine() -> None:
        started = time.process_time()
        engine.identify(photo, name="photo", top_k=_TOP_K, position=position_of(photo), geometry=_MODE)
        engine_cpu_ms.append(1000 * (time.process_time() - started))

    things: dict[str, Callable[[], object]] = {
        "engine": ask_engine,
        "http_open_connection": lambda: ask(pool),
        "http_new_connection": lambda: _with_new_pool(ask),
    }
    wall_ms = wall_ms_in_rounds(things, rounds)
    added = [http - own for http, own in zip(wall_ms["http_open_connection"], wall_ms["engine"], strict=True)]
    return {
        "wall_ms": {name: round(median(values), 2) for name, values in wall_ms.items()},
        "added_ms": round(median(added), 2),
        "beyond_stated_seconds_ms": round(median(beyond), 2),
        # The kernel counts a process's time in steps of 10 ms: a mean of many is exact, a median is not.
        "added_cpu_ms": round(mean(server_cpu_ms) - mean(engine_cpu_ms), 2),
        "asked_for": f"at most {_MOST_ADDED_MS} ms added",
    }


def _with_new_pool(ask: Callable[[urllib3.PoolManager], None]) -> None:
    with urllib3.PoolManager() as manager:
        ask(manager)


if __name__ == "__main__":
    main()
