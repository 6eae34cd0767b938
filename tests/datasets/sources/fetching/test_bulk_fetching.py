"""Many images at once: retries, limits for each host, and continuing after an interruption."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from itertools import islice
from pathlib import Path

import pytest
from misbehaving_server import MisbehavingServer, Request, misbehaving_server

from edge_identify.datasets.sources.fetching.bulk_fetching import Fetched, FetchPolicy, fetch_all
from edge_identify.datasets.sources.fetching.image_cache import ImageCache
from edge_identify.datasets.sources.fetching.image_fetcher import FetchLimits

LIMITS = FetchLimits(max_bytes=2**20, connect_timeout_s=2, read_timeout_s=2, image_within_s=1)


def policy(**settings: object) -> FetchPolicy:
    chosen: dict[str, object] = {"backoff_s": 0.01, "allow_private": True, "limits": LIMITS, **settings}
    return FetchPolicy(**chosen)  # type: ignore[arg-type]


def fetch(urls: list[str], cache: ImageCache, **settings: object) -> dict[str, str | None]:
    return {each.address: each.problem for each in fetch_all(urls, cache, policy(**settings))}


def test_a_server_that_fails_now_and_then_gives_every_image_in_the_end(
    server: MisbehavingServer, cache: ImageCache
) -> None:
    kinds = ("good", "good", "flaky", "cut-once")
    urls = [server.url(f"{kinds[at % 4]}/{at}.png") for at in range(200)]
    assert fetch(urls, cache) == dict.fromkeys(urls)
    assert all(cache.entry(url) for url in urls)
    assert sum(server.asked.values()) == 300


def test_what_cannot_be_had_is_told_and_does_not_stop_the_rest(server: MisbehavingServer, cache: ImageCache) -> None:
    urls = [server.url(f"{kind}/1.png") for kind in ("good", "gone", "html", "down", "drip", "endless")]
    problems = fetch(urls, cache, attempts=2)
    assert [url for url, problem in problems.items() if problem is None] == urls[:1]
    assert "failed 2 times" in (problems[urls[3]] or "")
    assert [server.asked[f"/{kind}/1.png"] for kind in ("gone", "html", "down")] == [1, 1, 2]


def test_after_429_the_whole_host_is_left_alone_for_as_long_as_it_asked(
    server: MisbehavingServer, cache: ImageCache
) -> None:
    urls = [server.url("busy/1.png"), *(server.url(f"good/{at}.png") for at in range(5))]
    assert fetch(urls, cache, per_host=1) == dict.fromkeys(urls)
    asked = [at for at, _ in server.times]
    assert server.times[0][1] == "/busy/1.png"
    assert asked[1] - asked[0] >= 0.99


def test_a_server_that_asks_for_a_day_is_not_waited_for(server: MisbehavingServer, cache: ImageCache) -> None:
    url, started = server.url("very-busy/1.png"), time.monotonic()
    assert "run again later" in (fetch([url], cache)[url] or "")
    assert (server.asked["/very-busy/1.png"], time.monotonic() - started < 5) == (1, True)


@pytest.mark.parametrize("per_host", [1, 3])
def test_a_host_never_gets_more_requests_at_once_than_it_may(
    server: MisbehavingServer, cache: ImageCache, per_host: int
) -> None:
    together = threading.Barrier(per_host, timeout=10)  # passed only by as many requests at once
    at_once: list[str] = []
    most = 0

    def answer_together(request: Request) -> None:
        nonlocal most
        at_once.append(request.path)
        most = max(most, len(at_once))
        together.wait()
        at_once.remove(request.path)
        request.send_image()

    server.behaviours["good"] = answer_together
    urls = [server.url(f"good/{at}.png") for at in range(60)]
    assert fetch(urls, cache, per_host=per_host) == dict.fromkeys(urls)
    assert most == per_host


def test_a_host_that_is_down_is_given_up_without_asking_for_every_image(cache: ImageCache) -> None:
    with misbehaving_server() as server:
        urls = [server.url(f"good/{at}.png") for at in range(300)]
    problems = fetch(urls, cache, host_failures=10)
    assert None not in problems.values()
    assert sum("could not be reached" in (problem or "") for problem in problems.values()) > 250


def test_an_interrupted_run_goes_on_where_it_was(server: MisbehavingServer, cache: ImageCache) -> None:
    urls = [server.url(f"good/{at}.png") for at in range(80)]
    run = fetch_all(urls, cache, policy(workers=2))
    assert len(list(islice(run, 30))) == 30
    assert isinstance(run, Generator)
    run.close()  # as Ctrl-C does
    asked = sum(server.asked.values())
    assert 30 <= asked < 40
    assert fetch(urls, cache) == dict.fromkeys(urls)
    assert sum(server.asked.values()) == 80


def test_a_later_run_asks_only_whether_something_changed(server: MisbehavingServer, cache: ImageCache) -> None:
    urls = [server.url(f"good/{at}.png") for at in range(20)]
    fetch(urls, cache)
    fetch(urls, cache, fresh_s=0)
    assert server.not_modified == 20


def test_private_addresses_are_refused_unless_they_are_allowed(server: MisbehavingServer, cache: ImageCache) -> None:
    url = server.url("good/1.png")
    assert "--allow-private" in (fetch([url], cache, allow_private=False)[url] or "")


def test_a_cache_that_cannot_be_written_ends_the_run(server: MisbehavingServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        fetch([server.url("good/1.png")], ImageCache(tmp_path / "file"))


def test_nothing_to_fetch_is_done_at_once(cache: ImageCache) -> None:
    assert list(fetch_all([], cache, policy())) == list[Fetched]()
