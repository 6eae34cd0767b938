"""Deadlines of a connection: how long a client may take to send a request and to read the response.

A client that sends or reads less than a least rate is disconnected. Otherwise a few clients that send one byte now and
then would hold all connections. These are plain rules; `web_server` applies them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

K = TypeVar("K")

IDLE_S = 60.0  # a connection without a request; the default of nginx is 75
HEADERS_S = 15.0  # from the first byte of a request to the end of its headers; Apache's default is 20 to 40
BODY_S = 300.0  # the whole body: 12 MB at 40 kB/s
WINDOW_S = 15.0  # in which a body or a response moves at least
LEAST_BYTES_PER_S = 1000  # a phone on GPRS has 3 to 5 kB/s; `sync` expects the same of servers


class Phase(StrEnum):
    """What a connection waits for."""

    IDLE = "idle"
    HEADERS = "headers"
    BODY = "body"
    ANSWER = "answer"  # the server's turn
    READER = "reader"  # a response that the client has not read yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a connection has done in its phase.

    Attributes:
        phase: The phase.
        since_s: Clock time when the phase began.
        window_since_s: Clock time when the current window began.
        window_bytes: The connection's bytes at that time, both directions.
    """

    phase: Phase
    since_s: float
    window_since_s: float
    window_bytes: int

    def observed(self, phase: Phase, *, now_s: float, moved_bytes: int) -> Progress:
        """Return the progress at a later time; a full window with enough bytes is followed by a new one.

        Args:
            phase: The phase now.
            now_s: Clock time.
            moved_bytes: All bytes of the connection so far, both directions.
        """
        if phase is not self.phase:
            return Progress(phase=phase, since_s=now_s, window_since_s=now_s, window_bytes=moved_bytes)
        if moved_bytes - self.window_bytes >= WINDOW_S * LEAST_BYTES_PER_S:
            return Progress(phase=phase, since_s=self.since_s, window_since_s=now_s, window_bytes=moved_bytes)
        return self

    def is_overdue(self, now_s: float) -> bool:
        """Return whether the client took too long."""
        most_s = {Phase.IDLE: IDLE_S, Phase.HEADERS: HEADERS_S, Phase.BODY: BODY_S}.get(self.phase)
        if most_s is not None and now_s - self.since_s > most_s:
            return True
        return self.phase in (Phase.BODY, Phase.READER) and now_s - self.window_since_s > WINDOW_S


def closed_for_room(connections: Iterable[tuple[K, Progress]], count: int) -> list[K]:
    """Return the connections to close when there are too many: idle ones first, then unfinished headers, oldest first.

    Args:
        connections: All connections. Those with a body, an answer or a response stay.
        count: How many to close at most.
    """
    order = (Phase.IDLE, Phase.HEADERS)
    able = [(order.index(one.phase), one.since_s, key) for key, one in connections if one.phase in order]
    return [key for _, _, key in sorted(able, key=lambda row: row[:2])[:count]]
