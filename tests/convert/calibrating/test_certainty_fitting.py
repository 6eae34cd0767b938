"""The least confidences for identified and probably: worked examples, and laws for any photos."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.convert.calibrating.certainty_fitting import fit_certainty, raise_probably
from edge_identify.convert.calibrating.named_reference import NamedReference
from edge_identify.edge_runtime.decisions.calibration import Certainty, Correction
from edge_identify.edge_runtime.decisions.decision import corrected

LOOSE = Certainty(identified=0.9, probably=0.1)
KEPT, RIGHT = (0.7, 0.9), (0.95, 0.85)
TEN_RIGHT = [(0.9 + at / 100, True) for at in range(10)]  # .90 to .99

photos = st.lists(
    st.tuples(st.floats(0, 1) | st.sampled_from([0.25, 0.5, 0.83, 0.97]), st.sampled_from([True, True, True, False])),
    max_size=60,
)


def certainty_of(named: list[tuple[float, bool]]) -> Certainty:
    references = [NamedReference(confidence=confidence, is_right=is_right) for confidence, is_right in named]
    return fit_certainty(references, kept=KEPT, right=RIGHT)


@pytest.mark.parametrize(
    ("named", "identified", "probably"),
    [
        (TEN_RIGHT, 0.93, 0.91),  # seven of ten reach .93, nine reach .91
        ([*TEN_RIGHT, (0.955, False)], 0.96, 0.91),  # 7 of 8 are too few; below .96, 5 of 6 are right
        ([*TEN_RIGHT, *[(0.925, False)] * 3], 0.93, 0.93),  # with the three, 7 of 10 or 9 of 12 are right
        ([*TEN_RIGHT, (0.995, False)], 1.0, 0.91),  # never 95 % right: nothing is identified
        ([*TEN_RIGHT, *[(0.8, False)] * 90], 0.93, 0.91),  # wrong ones below the thresholds do not count
        ([(0.5, True)] * 10, 0.5, 0.5),  # equal values pass together
        ([(0.9, False)] * 10, 1.0, 1.0),
        ([(0.87654321, True)], 0.8765, 0.8765),
        ([(1.0, True)], 1.0, 1.0),
        ([], 1.0, 1.0),
    ],
)
def test_the_thresholds_keep_their_share_and_rise_until_enough_are_right(
    named: list[tuple[float, bool]], identified: float, probably: float
) -> None:
    assert certainty_of(named) == Certainty(identified=identified, probably=probably)


@given(photos)
def test_whatever_was_named_enough_are_right_and_probably_is_never_surer(named: list[tuple[float, bool]]) -> None:
    found = certainty_of(named)
    identified = [is_right for confidence, is_right in named if confidence >= found.identified]
    all_named = [is_right for confidence, is_right in named if confidence >= found.probably]

    assert 0 <= found.probably <= found.identified <= 1
    if found.identified < 1:
        assert sum(identified) >= RIGHT[0] * len(identified)
    if found.probably < 1:
        assert sum(all_named) >= RIGHT[1] * len(all_named)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_where_all_are_right_the_stated_shares_are_kept_and_no_more(confidences: list[float]) -> None:
    found = certainty_of([(confidence, True) for confidence in confidences])

    for least, kept in ((found.identified, KEPT[0]), (found.probably, KEPT[1])):
        assert sum(confidence >= least for confidence in confidences) >= kept * len(confidences)
        surer = sum(confidence >= least + 0.0001 for confidence in confidences)
        assert surer < kept * len(confidences) or surer == 0 or least == 1


@given(photos, st.randoms())
def test_the_order_of_the_photos_does_not_matter(named: list[tuple[float, bool]], random: Random) -> None:
    shuffled = list(named)
    random.shuffle(shuffled)

    assert certainty_of(shuffled) == certainty_of(named)


def drawn(count: int, correction: Correction, seed: int = 4) -> list[NamedReference]:
    """Return photos whose answers are right as often as a correction says."""
    rng = np.random.default_rng(seed)
    return [
        NamedReference(confidence=each, is_right=bool(rng.uniform() < corrected(each, correction)))
        for each in rng.uniform(0.02, 0.98, count).tolist()
    ]


@pytest.mark.parametrize("truth", [Correction(slope=1.2, intercept=2.0), Correction(slope=0.8, intercept=0.3)])
def test_probably_begins_where_answers_are_right_often_enough(truth: Correction) -> None:
    found = raise_probably(LOOSE, drawn(8000, truth), 0.75)

    assert corrected(found.probably, truth) == pytest.approx(0.75, abs=0.02)
    assert found.identified == LOOSE.identified


def test_fewer_photos_give_a_stricter_threshold() -> None:
    truth = Correction(slope=1.2, intercept=2.0)
    few = [raise_probably(LOOSE, drawn(12, truth, seed), 0.75).probably for seed in range(30)]

    assert sum(few) / len(few) > raise_probably(LOOSE, drawn(8000, truth), 0.75).probably + 0.03


@given(photos)
def test_probably_is_never_lowered_nor_above_identified(named: list[tuple[float, bool]]) -> None:
    answered = [NamedReference(confidence=confidence, is_right=is_right) for confidence, is_right in named]

    found = raise_probably(LOOSE, answered, 0.75)

    assert LOOSE.probably <= found.probably <= found.identified == LOOSE.identified
    if not answered:
        assert found.probably == found.identified
