"""A sample hardly changes when names are added."""

from hypothesis import given
from hypothesis import strategies as st

from edge_identify.convert.caching.stable_sample import stable_positions


@given(st.lists(st.text(max_size=4), max_size=30, unique=True), st.integers(0, 12), st.text(min_size=5, max_size=6))
def test_a_new_name_replaces_at_most_one_of_the_sample(names: list[str], most: int, new: str) -> None:
    before = {names[at] for at in stable_positions(names, most)}
    after = {([new, *names])[at] for at in stable_positions([new, *names], most)}

    assert len(before) == min(most, len(names))
    assert len(before - after) <= 1
    assert after - before <= {new}


def test_positions_are_in_order() -> None:
    assert stable_positions([str(number) for number in range(100)], 10) == sorted(
        stable_positions([str(number) for number in range(100)], 10)
    )
