"""The order of fetching, with a clock that the test moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_identify.datasets.sources.fetching.host_schedule import Schedule


def test_hosts_take_turns_and_none_has_more_on_its_way_than_it_may() -> None:
    schedule = Schedule([f"http://a/{n}" for n in range(4)] + ["http://b/0"], per_host=2)
    assert [schedule.take(0) for _ in range(4)] == ["http://a/0", "http://b/0", "http://a/1", None]
    assert schedule.wait_s(0) is None
    schedule.finish("http://a/0")
    assert schedule.take(0) == "http://a/2"


def test_what_is_tried_again_waits_for_its_time_and_the_rest_does_not() -> None:
    schedule = Schedule(["http://a/0", "http://a/1"], per_host=1)
    assert schedule.take(0) == "http://a/0"
    schedule.retry("http://a/0", at=5)
    assert schedule.take(1) == "http://a/1"
    schedule.finish("http://a/1")
    assert (schedule.take(1), schedule.wait_s(1)) == (None, 4)
    assert schedule.take(5) == "http://a/0"


def test_a_paused_host_is_left_alone_and_the_others_go_on() -> None:
    schedule = Schedule(["http://a/0", "http://a/1", "http://b/0"], per_host=9)
    schedule.pause_host("http://a/0", until=7)
    assert [schedule.take(0), schedule.take(0), schedule.wait_s(0)] == ["http://b/0", None, 7]
    assert schedule.take(7) == "http://a/0"


def test_a_host_that_is_given_up_leaves_nothing_waiting() -> None:
    schedule = Schedule(["http://a/0", "http://a/1", "http://b/0"], per_host=1)
    schedule.take(0)
    assert schedule.give_up_host("http://a/0") == ["http://a/1"]
    assert schedule.take(0) == "http://b/0"
    assert not schedule.is_done
    schedule.finish("http://a/0")
    schedule.finish("http://b/0")
    assert schedule.is_done


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=30), st.integers(1, 4))
def test_everything_comes_as_often_as_it_fails_and_once_more(plan: list[tuple[str, int]], per_host: int) -> None:
    failures = {f"http://{host}/{at}": count for at, (host, count) in enumerate(plan)}
    schedule, now, taken = Schedule(failures, per_host=per_host), 0.0, dict.fromkeys(failures, 0)
    while not schedule.is_done:
        address = schedule.take(now)
        if address is None:
            now += schedule.wait_s(now) or 0
            continue
        taken[address] += 1
        if taken[address] <= failures[address]:
            schedule.retry(address, now + 1)
        else:
            schedule.finish(address)
    assert taken == {address: count + 1 for address, count in failures.items()}
