"""Threads by kind of request, so that `/livez` never waits behind a photo.

Each lane has its own threads and its own queue. The queue for questions is bounded: a request beyond it, or one that
waited longer than its deadline, gets 503 at once.
"""

from __future__ import annotations

from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING

from waitress.task import ThreadedTaskDispatcher

if TYPE_CHECKING:
    from edge_identify.sync_server.service.web_server import Channel

_STATUS_PATHS = frozenset({"/livez", "/health", "/readyz", "/metrics"})
_READING = ("GET", "HEAD", "OPTIONS")


class Lane(StrEnum):
    """A kind of request."""

    STATUS = "status"
    FILES = "files"
    QUESTIONS = "questions"


# Status: two, since `/readyz` asks each pack. Files: waitress sends them itself, a thread only opens them. Questions:
# as many as are embedded in one batch, while the photos of the next one are decoded.
_THREADS = {Lane.STATUS: 2, Lane.FILES: 4, Lane.QUESTIONS: 24}
MOST_WAITING = 64  # questions; 24 more are being answered


def lane_of(method: str, path: str) -> Lane:
    """Return the lane of a request."""
    if path in _STATUS_PATHS:
        return Lane.STATUS
    return Lane.FILES if method in _READING else Lane.QUESTIONS


class WorkLanes:
    """What waitress calls a task dispatcher: takes a connection whose next request is complete."""

    def __init__(self) -> None:
        """Start the threads."""
        self._lanes = {lane: ThreadedTaskDispatcher() for lane in Lane}
        for lane, dispatcher in self._lanes.items():
            dispatcher.queue_logger = _Silent  # a queue is normal here
            dispatcher.set_thread_count(_THREADS[lane])

    @property
    def waiting(self) -> int:
        """Questions that wait for a thread."""
        return len(self._lanes[Lane.QUESTIONS].queue)

    def add_task(self, channel: Channel) -> None:
        """Queue the next request of a connection."""
        request = channel.requests[0]
        lane = lane_of(getattr(request, "command", "GET"), getattr(request, "path", "/"))
        if lane is Lane.QUESTIONS and self.waiting >= MOST_WAITING:
            request.is_refused = True
            lane = Lane.FILES  # refusing takes a millisecond
        request.queued_s = monotonic()
        self._lanes[lane].add_task(channel)

    def shutdown(self, *, timeout_s: float) -> None:
        """End all threads, and wait for those that work."""
        end_s = monotonic() + timeout_s
        for dispatcher in self._lanes.values():
            dispatcher.set_thread_count(0)
        for dispatcher in self._lanes.values():
            dispatcher.shutdown(timeout=max(0.0, end_s - monotonic()))


class _Silent:
    @staticmethod
    def warning(*_: object) -> None:
        """Ignore the message."""
