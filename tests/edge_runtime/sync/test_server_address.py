"""Server addresses as people type them."""

from __future__ import annotations

import pytest

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.sync.server_address import tree_url


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("https://example.org/packs/", "https://example.org/packs"),
        ("https://example.org/packs/packs.json", "https://example.org/packs"),
        ("https://example.org/index.html", "https://example.org"),
        ("https://example.org/packs?session=1#top", "https://example.org/packs"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_an_address_becomes_the_root_of_a_tree(typed: str, expected: str) -> None:
    assert tree_url(typed) == expected
    assert tree_url(tree_url(typed)) == expected


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("localhost:8000", "http://localhost:8000 "),
        ("192.168.1.20", "http://192.168.1.20 "),
        ("example.org/packs", "https://example.org/packs "),
    ],
)
def test_an_address_without_a_scheme_gets_a_suggestion(typed: str, suggested: str) -> None:
    with pytest.raises(SetupError, match=f"did you mean {suggested}"):
        tree_url(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "ftp://example.org",
        "file:///etc/passwd",
        "http://",
        "http://host:99999",
        "http://host:0",
        "http://a b",
        "http://[x",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(SetupError):
        tree_url(typed)


def test_a_password_is_neither_kept_nor_printed() -> None:
    with pytest.raises(SetupError) as caught:
        tree_url("https://user:secret@example.org")
    assert "secret" not in str(caught.value)
