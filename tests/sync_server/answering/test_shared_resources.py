"""A shared resource is closed once, after its last user."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from edge_identify.sync_server.answering.shared_resources import SharedResources


def test_what_is_replaced_is_closed_after_its_last_user() -> None:
    closed: list[str] = []
    lending: SharedResources[str, str] = SharedResources(closed.append)
    lending.put("a", "first")
    with lending.borrow("a") as first, lending.borrow("a"):
        lending.put("a", "second")
        with lending.borrow("a") as second:
            assert (first, second) == ("first", "second")
        assert closed == []
    assert closed == ["first"]
    lending.withdraw("a")
    lending.withdraw("a")
    assert closed == ["first", "second"]


def test_what_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError), SharedResources[str, str](lambda _: None).borrow("a"):
        pass


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    closed: list[str] = []
    lending: SharedResources[str, str] = SharedResources(closed.append, most=2)
    for key in ("a", "b", "a", "c"):
        with lending.borrow(key, lambda key=key: key.upper()):  # type: ignore[misc]
            pass
    assert closed == ["B"]
    assert lending.keys() == ("a", "c")


def test_threads_that_want_the_same_get_one() -> None:
    made: list[int] = []
    together = Barrier(8)
    lending: SharedResources[str, object] = SharedResources(lambda _: None)

    def make() -> object:
        made.append(1)
        return object()

    def ask(_: int) -> int:
        together.wait()
        with lending.borrow("a", make) as value:
            return id(value)

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(ask, range(8)))
    assert len(found) == len(made) == 1


def test_what_cannot_be_made_leaves_nothing_behind() -> None:
    lending: SharedResources[str, str] = SharedResources(lambda _: None)

    def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), lending.borrow("a", fail):
        pass
    with lending.borrow("a", lambda: "made") as value:
        assert value == "made"
