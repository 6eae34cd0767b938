"""The harmful nodes stay in float, and the number of tries is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.convert.export.onnx.quantisation_sensitivity import (
    QuantisedNet,
    mean_centred_cosine,
    most_tries,
    quantise_until_faithful,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


_Item = TypeVar("_Item")


class _Net:
    """A net whose fidelity is 1 minus the harm of each node in 8 bits."""

    def __init__(self, harm: Sequence[float], harm_of_form: Mapping[str, float] | None = None) -> None:
        self.harm_of_form = harm_of_form or {"only": 0.0}
        self.harm = {f"node{place}": value for place, value in enumerate(harm)}
        self.written: list[list[str]] = []
        self.forms: list[str] = []
        self.shown: list[tuple[str, int]] = []

    def quantise(self, nodes: Sequence[str], form: str) -> None:
        self.written.append(list(nodes))
        self.forms.append(form)

    def fidelity(self) -> float:
        return 1.0 - sum(self.harm[node] for node in self.written[-1]) - self.harm_of_form[self.forms[-1]]

    def show(self, step: str, items: Iterable[_Item]) -> Iterator[_Item]:
        for number, item in enumerate(items):
            self.shown.append((step, number))
            yield item

    def search(self) -> QuantisedNet:
        return quantise_until_faithful(
            list(self.harm),
            forms=tuple(self.harm_of_form),
            quantise=self.quantise,
            measure=self.fidelity,
            target=0.98,
            progress=self.show,
        )


def test_a_faithful_net_is_quantised_once_and_whole() -> None:
    net = _Net([0.001] * 9)
    assert net.search().left_in_float == ()
    assert len(net.written) == 1


def test_only_the_harmful_nodes_stay_in_float() -> None:
    net = _Net([0.0, 0.0, 0.3, 0.0, 0.0, 0.0, 0.5, 0.0])
    assert net.search() == QuantisedNet(form="only", left_in_float=("node2", "node6"), centred_cosine=1.0)
    assert net.written[-1] == [f"node{place}" for place in (0, 1, 3, 4, 5, 7)]


def test_a_part_that_answers_with_nothing_is_the_worst() -> None:
    net = _Net([0.0, 0.3, 0.0, float("nan"), 0.0, 0.0])
    assert net.search().left_in_float == ("node1", "node3")


def test_each_try_is_shown_as_it_begins() -> None:
    net = _Net([0.0, 0.0, 0.3, 0.0])
    net.search()
    assert net.shown == [("int8: tries", number) for number in range(len(net.written))]


def test_a_net_that_half_in_float_does_not_help_is_given_up_at_once() -> None:
    net = _Net([0.3] * 24)
    found = net.search()
    # Whole; the first 4 and 8 in float; whole; seven of twelve parts, which is more than half; half in float.
    assert (len(found.left_in_float), len(net.written)) == (12, 1 + 2 + 1 + 7 + 1)
    assert found.centred_cosine < 0.98


def test_the_first_form_that_reaches_the_target_is_taken_whole() -> None:
    net = _Net([0.0] * 12, {"fast": 0.03, "exact": 0.01, "best": 0.0})
    assert net.search() == QuantisedNet(form="exact", left_in_float=(), centred_cosine=0.99)
    assert net.forms == ["fast"] * 2 + ["exact"]


def test_the_first_nodes_stay_in_float_before_a_slower_form_is_tried() -> None:
    net = _Net([0.0, 0.0, 0.3] + [0.0] * 9, {"fast": 0.0, "exact": 0.0})
    assert net.search() == QuantisedNet(
        form="fast", left_in_float=("node0", "node1", "node2", "node3"), centred_cosine=1.0
    )
    assert net.forms == ["fast"] * 2


def test_parts_are_left_in_float_in_the_most_faithful_form_where_no_form_reaches_the_target() -> None:
    net = _Net([0.0] * 11 + [0.3], {"fast": 0.01, "exact": 0.005, "worse": float("nan")})
    found = net.search()
    assert (found.form, found.left_in_float) == ("exact", ("node11",))
    whole = ["exact", "worse", "fast", "exact"]
    assert (net.forms[:2], net.forms[2:6], set(net.forms[6:])) == (["fast"] * 2, whole, {"exact"})


@pytest.mark.parametrize("harmful", range(1, 7))
def test_as_much_stays_in_float_as_must_and_is_written_last(harmful: int) -> None:
    net = _Net([0.0] * (12 - harmful) + [0.1] * harmful)
    assert net.search().left_in_float == tuple(f"node{place}" for place in range(12 - harmful, 12))
    assert net.written[-1] == [f"node{place}" for place in range(12 - harmful)]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_tries_are_few_half_stays_quantised_and_the_report_is_the_last_try(harm: list[float]) -> None:
    net = _Net(harm)
    found = net.search()
    assert len(net.written) <= most_tries(1)
    last = [node for node in net.harm if node not in found.left_in_float]
    assert len(last) >= len(harm) // 2
    if found.centred_cosine >= 0.98 or found.left_in_float:
        assert net.written[-1] == last
        assert found.centred_cosine == net.fidelity()


def test_what_all_images_share_does_not_flatter() -> None:
    random = np.random.default_rng(0)
    original = (random.normal(size=(20, 8)) * 0.01 + 1).astype(np.float32)
    stranger = (random.normal(size=(20, 8)) * 0.01 + 1).astype(np.float32)
    assert mean_centred_cosine(original, original) > 0.9999
    assert abs(mean_centred_cosine(stranger, original)) < 0.4
    constant: NDArray[np.float32] = np.ones((3, 8), np.float32)
    assert mean_centred_cosine(constant, constant) == 1.0
