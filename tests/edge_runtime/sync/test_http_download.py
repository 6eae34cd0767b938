"""Allowed targets of redirects. `test_sync_client` tests the other downloads against servers."""

from __future__ import annotations

import pytest

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.sync.http_download import redirect_target


@pytest.mark.parametrize(
    ("url", "location", "expected"),
    [
        ("http://a.example/x/packs.json", "/y/packs.json", "http://a.example/y/packs.json"),
        ("http://a.example/packs.json", "https://b.example/packs.json", "https://b.example/packs.json"),
        ("https://a.example/packs.json", "//b.example/packs.json", "https://b.example/packs.json"),
    ],
)
def test_a_redirect_is_followed_over_http_and_https(url: str, location: str, expected: str) -> None:
    assert redirect_target(url, location) == expected


@pytest.mark.parametrize("location", ["http://a.example/packs.json", "ftp://a.example/", "file:///etc/passwd"])
def test_a_redirect_never_leaves_https(location: str) -> None:
    with pytest.raises(NetworkError, match="not followed"):
        redirect_target("https://a.example/packs.json", location)


@pytest.mark.parametrize("location", ["http://[", "//[::1", "http://a\u2100b/", "http://b:99999/", "//b:x/"])
def test_a_redirect_to_what_is_no_address_is_an_error_of_the_network(location: str) -> None:
    with pytest.raises(NetworkError, match="redirects to a malformed address"):
        redirect_target("http://a.example/packs.json", location)
