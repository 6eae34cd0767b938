"""Pauses between requests, and the limit of the rate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge_identify.edge_runtime.sync.request_pace import RateLimit, retry_after_s, with_jitter

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_pause_is_half_to_one_and_a_half_its_length() -> None:
    assert (with_jitter(2.0, lambda: 0.0), with_jitter(2.0, lambda: 1.0)) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        ("Sat, 31 Jan 2026 12:00:30 GMT", 30.0),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("9" * 50, 999_999_999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


def test_a_download_is_held_to_its_rate_and_a_pause_is_not_made_up_for() -> None:
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    limit = RateLimit(1000, sleep=sleep, clock=lambda: now[0])
    for _ in range(5):
        limit.add(500)
    assert now[0] == pytest.approx(102.5)
    now[0] += 60
    limit.add(1000)
    assert now[0] == pytest.approx(163.5)


def test_without_a_limit_nothing_waits() -> None:
    RateLimit(None, sleep=lambda _: pytest.fail("waits"), clock=lambda: 0.0).add(10**9)
