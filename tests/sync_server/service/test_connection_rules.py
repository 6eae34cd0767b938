"""Deadlines of clients that send and read slowly."""

from __future__ import annotations

import pytest

from edge_identify.sync_server.service.connection_rules import (
    BODY_S,
    HEADERS_S,
    IDLE_S,
    LEAST_BYTES_PER_S,
    WINDOW_S,
    Phase,
    Progress,
    closed_for_room,
)

ENOUGH = int(WINDOW_S * LEAST_BYTES_PER_S)


def _at(phase: Phase, since_s: float = 0.0) -> Progress:
    return Progress(phase=phase, since_s=since_s, window_since_s=since_s, window_bytes=0)


@pytest.mark.parametrize(
    ("phase", "most_s"),
    [(Phase.IDLE, IDLE_S), (Phase.HEADERS, HEADERS_S), (Phase.BODY, WINDOW_S), (Phase.READER, WINDOW_S)],
)
def test_a_client_that_does_nothing_is_overdue_after_its_time(phase: Phase, most_s: float) -> None:
    assert not _at(phase).is_overdue(most_s)
    assert _at(phase).is_overdue(most_s + 0.1)


def test_a_server_that_computes_is_never_the_client_s_fault() -> None:
    assert not _at(Phase.ANSWER).is_overdue(1e6)


@pytest.mark.parametrize("phase", [Phase.BODY, Phase.READER])
def test_a_byte_now_and_then_does_not_keep_a_connection(phase: Phase) -> None:
    progress = _at(phase)
    for second in range(int(WINDOW_S) + 2):
        progress = progress.observed(phase, now_s=second, moved_bytes=second)
    assert progress.is_overdue(WINDOW_S + 1)


def test_a_slow_reader_that_goes_on_may_take_an_hour() -> None:
    progress = _at(Phase.READER)
    for second in range(3600):
        progress = progress.observed(Phase.READER, now_s=second, moved_bytes=2 * second * LEAST_BYTES_PER_S)
        assert not progress.is_overdue(second)


def test_a_reader_that_stops_after_a_fast_start_is_overdue() -> None:
    progress = _at(Phase.READER).observed(Phase.READER, now_s=1, moved_bytes=10**9)
    assert not progress.observed(Phase.READER, now_s=WINDOW_S, moved_bytes=10**9).is_overdue(WINDOW_S)
    assert progress.observed(Phase.READER, now_s=WINDOW_S + 2, moved_bytes=10**9).is_overdue(WINDOW_S + 2)


def test_a_body_ends_in_time_however_it_goes_on() -> None:
    progress = _at(Phase.BODY)
    for second in range(int(BODY_S) + 2):
        progress = progress.observed(Phase.BODY, now_s=second, moved_bytes=second * ENOUGH)
    assert progress.is_overdue(BODY_S + 1)


def test_each_phase_has_its_own_time() -> None:
    progress = _at(Phase.HEADERS).observed(Phase.BODY, now_s=HEADERS_S - 1, moved_bytes=100)
    assert not progress.is_overdue(HEADERS_S + 1)


def test_room_is_made_by_idle_connections_first_and_never_by_answers() -> None:
    connections = [
        ("answer", _at(Phase.ANSWER)),
        ("reader", _at(Phase.READER)),
        ("headers", _at(Phase.HEADERS, 1.0)),
        ("new", _at(Phase.IDLE, 9.0)),
        ("old", _at(Phase.IDLE, 2.0)),
    ]
    assert closed_for_room(connections, 9) == ["old", "new", "headers"]
    assert closed_for_room(connections, 1) == ["old"]
