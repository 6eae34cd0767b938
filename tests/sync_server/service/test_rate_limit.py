"""The rate limit is separate for each address, and refills evenly."""

from __future__ import annotations

from edge_identify.sync_server.service.rate_limit import RateLimit


def test_a_minute_s_questions_may_come_at_once_and_then_one_by_one() -> None:
    now = [0.0]
    rate = RateLimit(6, clock=lambda: now[0])
    assert [rate.wait_s("a") for _ in range(7)] == [0] * 6 + [10]
    assert rate.wait_s("b") == 0
    now[0] = 4
    assert rate.wait_s("a") == 6
    now[0] = 10
    assert [rate.wait_s("a"), rate.wait_s("a")] == [0, 10]


def test_no_rate_lets_all_pass_and_keeps_nobody() -> None:
    rate = RateLimit(0)
    assert not any(rate.wait_s("a") for _ in range(1000))


def test_addresses_are_forgotten_so_that_memory_does_not_grow() -> None:
    rate = RateLimit(1, clock=lambda: 0.0)
    assert (rate.wait_s("first"), rate.wait_s("first")) == (0, 60)
    for number in range(10_000):
        rate.wait_s(str(number))
    assert rate.wait_s("first") == 0
