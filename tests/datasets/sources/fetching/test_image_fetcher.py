"""One image from a misbehaving server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from misbehaving_server import MisbehavingServer, misbehaving_server

from edge_identify.datasets.sources.fetching.image_cache import ImageCache
from edge_identify.datasets.sources.fetching.image_fetcher import FetchLimits, ImageFetcher, TransientError
from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.io.public_addresses import (
    LookUp,
    MayConnect,
    is_public,
    is_public_or_own,
    look_up,
)
from edge_identify.edge_runtime.photos.images import open_image

LIMITS = FetchLimits(max_bytes=2**20, connect_timeout_s=2, read_timeout_s=2, image_within_s=0.5)


@contextmanager
def fetching(
    cache: ImageCache, *, may_connect: MayConnect = is_public_or_own, resolve: LookUp = look_up
) -> Iterator[ImageFetcher]:
    fetcher = ImageFetcher(cache, LIMITS, connections_per_host=2, may_connect=may_connect, resolve=resolve)
    with closing(fetcher):
        yield fetcher


@pytest.mark.parametrize("path", ["good/1.png", "octets/1", "redirect/1?/good/1.png"])
def test_an_image_is_fetched(server: MisbehavingServer, cache: ImageCache, path: str) -> None:
    with fetching(cache) as fetcher:
        fetcher.fetch(server.url(path))
    assert open_image(cache.path(server.url(path))).size == (24, 16)


def test_a_known_image_is_asked_for_by_its_etag_and_a_new_one_replaces_it(
    server: MisbehavingServer, cache: ImageCache
) -> None:
    url = server.url("good/1.png")
    with fetching(cache) as fetcher:
        fetcher.fetch(url)
        first = cache.path(url).read_bytes()
        fetcher.fetch(url)
        assert (server.asked["/good/1.png"], server.not_modified) == (2, 1)
        assert cache.path(url).read_bytes() == first
        server.edition = 9
        fetcher.fetch(url)
        assert cache.path(url).read_bytes() != first
        cache.path(url).write_bytes(b"damaged")
        fetcher.fetch(url)  # not by its etag: what is here is not what the server would confirm
        assert open_image(cache.path(url)).size == (24, 16)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone/1.png", "answered 404 "),
        ("html/1.png", "the response is a web page, not an image"),
        ("claims-2-gb/1.png", "larger than the limit of 1 MiB"),
        ("endless/1.png", "larger than the limit of 1 MiB"),
        ("gzip-bomb/1.png", "larger than the limit of 1 MiB"),
        ("redirect/1?/redirect/1?/redirect/1", "redirects"),
        ("redirect/1?file:///etc/passwd", "redirects to file, which is not followed"),
        ("bad-redirect/1", "redirects to a malformed address"),
    ],
)
def test_what_will_never_work_is_an_error_at_once(
    server: MisbehavingServer, cache: ImageCache, path: str, message: str
) -> None:
    if path.count("redirect/1?") > 1:
        server.behaviours["redirect"] = lambda request: request.answer(302, headers={"Location": request.path})
    url = server.url(path)
    with fetching(cache) as fetcher, pytest.raises(NetworkError, match=message) as caught:
        fetcher.fetch(url)
    assert not isinstance(caught.value, TransientError)
    assert cache.entry(url) is None
    assert list(cache.folder.rglob("*.part")) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("down/1.png", "temporary server error"),
        ("cut-once/1.png", r"connection was lost \([^()]*IncompleteRead\([^()]*\)\)$"),
        ("cut-without-length/1.png", "incomplete"),
        ("empty/1.png", "the response is empty"),
        ("drip/1.png", "not complete after 0.5 seconds"),
        ("drip-head/1.png", "the response is empty|connection was lost"),  # cut off: it ends, or is reset
    ],
)
def test_what_may_work_again_is_a_passing_error_and_leaves_nothing(
    server: MisbehavingServer, cache: ImageCache, path: str, message: str
) -> None:
    url, started = server.url(path), time.monotonic()
    with fetching(cache) as fetcher, pytest.raises(TransientError, match=message):
        fetcher.fetch(url)
    assert time.monotonic() - started < 5
    assert cache.entry(url) is None
    assert not cache.path(url).exists()


def test_a_server_says_when_to_come_back(server: MisbehavingServer, cache: ImageCache) -> None:
    with fetching(cache) as fetcher, pytest.raises(TransientError) as caught:
        fetcher.fetch(server.url("busy/1.png"))
    assert caught.value.retry_after_s == 1


def test_a_server_that_is_not_there_is_unreachable(cache: ImageCache) -> None:
    with misbehaving_server() as server:
        url = server.url("good/1.png")
    with fetching(cache) as fetcher, pytest.raises(TransientError, match="cannot be reached") as caught:
        fetcher.fetch(url)
    assert caught.value.is_unreachable


def test_a_private_address_is_not_even_connected_to(server: MisbehavingServer, cache: ImageCache) -> None:
    url = server.url("good/1.png")
    with (
        fetching(cache, may_connect=is_public) as fetcher,
        pytest.raises(NetworkError, match=f"^{re.escape(url)}: .*--allow-private"),
    ):
        fetcher.fetch(url)
    assert server.times == []


def test_a_redirect_to_a_private_address_is_refused(server: MisbehavingServer, cache: ImageCache) -> None:
    with misbehaving_server("127.0.0.2") as inner:
        url = server.url(f"redirect/1?{inner.url('good/1.png')}")
        public = lambda address: address == "127.0.0.1"  # noqa: E731 - stands for the public net
        with (
            fetching(cache, may_connect=public) as fetcher,
            pytest.raises(NetworkError, match=r"redirect/1.*: 127\.0\.0\.2 is a private address"),
        ):
            fetcher.fetch(url)
        assert inner.times == []
    assert server.asked["/redirect/1"] == 1


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    server: MisbehavingServer, cache: ImageCache
) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])  # the name is rebound after the check

    def rebound(_host: str, _port: int) -> list[str]:
        return next(answers)

    with misbehaving_server("127.0.0.2"):
        url = server.url("good/1.png").replace("127.0.0.1", "pictures.example")
        with fetching(cache, may_connect=lambda address: address == "127.0.0.1", resolve=rebound) as fetcher:
            fetcher.fetch(url)
    assert server.asked["/good/1.png"] == 1
    assert next(answers) == ["127.0.0.2"]  # asked once, and never again
