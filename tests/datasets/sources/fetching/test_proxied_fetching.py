"""Images where a proxy is the only way out: what can be checked here is checked before the proxy is asked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from misbehaving_server import MisbehavingServer

from edge_identify.datasets.sources.fetching.image_cache import ImageCache
from edge_identify.datasets.sources.fetching.image_fetcher import FetchLimits, ImageFetcher, TransientError
from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.io.public_addresses import MayConnect, is_public, is_public_or_own
from forward_proxy import ForwardProxy, forward_proxy

LIMITS = FetchLimits(max_bytes=2**20, connect_timeout_s=2, read_timeout_s=2, image_within_s=2)
NAME, MOVED = "pictures.invalid", "moved.invalid"


@pytest.fixture
def proxy(server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForwardProxy]:
    """A proxy of `http_proxy` that finds the server under two names and under a link-local address."""
    address = ("127.0.0.1", server.server_port)
    with forward_proxy(dict.fromkeys((NAME, MOVED, "169.254.169.254", "10.0.0.9"), address)) as running:
        monkeypatch.setenv("http_proxy", f"http://{running.address}")
        yield running


def unknown_here(host: str, _port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, host)


@contextmanager
def fetching(cache: ImageCache, may_connect: MayConnect = is_public, **known: list[str]) -> Iterator[ImageFetcher]:
    """A fetcher on a machine that resolves the names of `known` only, given with _ for dots."""

    def resolve(host: str, port: int) -> list[str]:
        return known.get(host.replace(".", "_")) or unknown_here(host, port)

    fetcher = ImageFetcher(cache, LIMITS, connections_per_host=2, may_connect=may_connect, resolve=resolve)
    with closing(fetcher):
        yield fetcher


def test_a_name_that_only_the_proxy_knows_is_fetched_from(cache: ImageCache, proxy: ForwardProxy) -> None:
    url = f"http://{NAME}/good/1.png"
    with fetching(cache) as fetcher:
        fetcher.fetch(url)

    assert proxy.asked == [f"GET {url}"]
    assert cache.path(url).stat().st_size > 0


def test_a_name_of_a_public_address_is_asked_for_through_the_proxy(cache: ImageCache, proxy: ForwardProxy) -> None:
    with fetching(cache, pictures_invalid=["93.184.216.34"]) as fetcher:
        fetcher.fetch(f"http://{NAME}/good/1.png")

    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("10.0.0.9", []),
        ("169.254.169.254", []),
        ("2852039166", []),  # 169.254.169.254 as one number
        ("0xa9.254.0xa9fe", []),
        ("0251.0376.0251.0376", []),
        (NAME, ["10.0.0.9"]),
        (NAME, ["93.184.216.34", "10.0.0.9"]),
        (NAME, ["::ffff:169.254.169.254"]),
    ],
)
def test_a_private_address_never_reaches_the_proxy(
    host: str, known: list[str], cache: ImageCache, proxy: ForwardProxy
) -> None:
    with (
        fetching(cache, pictures_invalid=known) as fetcher,
        pytest.raises(NetworkError, match=r"which is (not|never) permitted"),
    ):
        fetcher.fetch(f"http://{host}/good/1.png")

    assert proxy.asked == []


def test_neither_does_one_in_a_redirect(cache: ImageCache, proxy: ForwardProxy) -> None:
    with fetching(cache) as fetcher:
        fetcher.fetch(f"http://{NAME}/redirect/1?http://{MOVED}/good/1.png")
        with pytest.raises(NetworkError, match=r"169\.254\.169\.254 is a link-local or cloud metadata address"):
            fetcher.fetch(f"http://{NAME}/redirect/1?http://169.254.169.254/good/1.png")

    assert [line.split("/")[2] for line in proxy.asked] == [NAME, MOVED, NAME]


def test_with_allow_private_a_private_address_is_asked_for_and_metadata_are_not(
    cache: ImageCache, proxy: ForwardProxy
) -> None:
    with fetching(cache, is_public_or_own) as fetcher:
        fetcher.fetch("http://10.0.0.9/good/1.png")
        with pytest.raises(NetworkError, match="never permitted"):
            fetcher.fetch("http://169.254.169.254/good/1.png")

    assert len(proxy.asked) == 1


def test_no_proxy_is_asked_directly_and_checked_as_ever(
    cache: ImageCache, proxy: ForwardProxy, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", NAME)
    direct = f"http://{NAME}:{server.server_port}/good/1.png"
    with fetching(cache, lambda _: True, pictures_invalid=["127.0.0.1"]) as fetcher:
        fetcher.fetch(direct)
    assert cache.path(direct).stat().st_size > 0
    assert proxy.asked == []
    with (
        fetching(cache, pictures_invalid=["127.0.0.1"]) as fetcher,
        pytest.raises(NetworkError, match="a private address"),
    ):
        fetcher.fetch(f"http://{NAME}/good/1.png")

    assert proxy.asked == []


def test_a_name_that_the_proxy_does_not_know_is_tried_again(cache: ImageCache, proxy: ForwardProxy) -> None:
    with fetching(cache) as fetcher, pytest.raises(TransientError, match="temporary server error"):
        fetcher.fetch("http://nobody.invalid/1.png")
    assert len(proxy.asked) == 1


def test_a_tunnel_that_the_proxy_refuses_names_the_proxy(
    cache: ImageCache, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:s3cret@{proxy.address}")
    with (
        fetching(cache) as fetcher,
        pytest.raises(TransientError, match=r"of https_proxy does not lead to nobody\.invalid") as raised,
    ):
        fetcher.fetch("https://nobody.invalid/1.png")

    assert proxy.asked == ["CONNECT nobody.invalid:443"]
    assert "s3cret" not in str(raised.value)


def test_a_name_that_can_be_none_is_an_error_of_its_image(cache: ImageCache) -> None:
    fetcher = ImageFetcher(cache, LIMITS, connections_per_host=1)
    with closing(fetcher), pytest.raises(TransientError, match="cannot be resolved"):
        fetcher.fetch(f"http://{'a' * 70}.invalid/1.png")
