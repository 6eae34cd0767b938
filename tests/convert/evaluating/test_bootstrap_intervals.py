"""Bootstrap intervals, compared with plain loops over the same resamples and with known properties."""

from __future__ import annotations

import numpy as np
import pytest

from edge_identify.convert.evaluating import bootstrap_intervals as resampling
from edge_identify.convert.evaluating import decision_figures
from edge_identify.convert.evaluating.bootstrap_intervals import PhotoMeasurements, bootstrap_intervals


def drawn_sample(count: int, seed: int = 0) -> PhotoMeasurements:
    rng = np.random.default_rng(seed)
    is_known = rng.uniform(size=count) < 0.7
    confidence = np.round(rng.uniform(size=count), 2)  # rounded, so that some are equal
    return PhotoMeasurements(
        is_known=is_known,
        rank=np.where(
            is_known & (rng.uniform(size=count) < confidence), 1, 3 * (is_known & (np.arange(count) % 2 > 0))
        ),
        score=np.round(rng.uniform(size=count) + is_known, 1),
        is_accepted=confidence > 0.3,
        evidence=np.round(rng.normal(size=count) + is_known, 1),
        confidence=confidence,
        is_identified=confidence > 0.8,
        is_probable=(confidence > 0.5) & (confidence <= 0.8),
    )


def test_every_figure_of_a_resample_is_the_figure_of_its_photos() -> None:
    sample = drawn_sample(60)
    assert sample.evidence is not None
    assert sample.is_accepted is not None
    assert sample.is_identified is not None
    assert sample.is_probable is not None
    times = resampling._draw(np.random.default_rng(1), 7, 60)

    measured = resampling._measure(sample, times, (1, 5))

    assert times.sum(axis=1).tolist() == [60] * 7
    for at, counts in enumerate(times):
        photos = np.repeat(np.arange(60), counts)
        known, rank = sample.is_known[photos], sample.rank[photos]
        accepted, evidence = sample.is_accepted[photos], sample.evidence[photos]
        assert measured["recall@1"][at] == pytest.approx((rank[known] == 1).mean())
        assert measured["recall@5"][at] == pytest.approx((rank[known] > 0).mean())
        assert measured["false_accept_rate"][at] == pytest.approx(accepted[~known].mean())
        assert measured["false_reject_rate"][at] == pytest.approx(1 - accepted[known].mean())
        assert measured["right_accepted"][at] == pytest.approx(accepted[rank == 1].mean())
        identified, probable = sample.is_identified[photos], sample.is_probable[photos]
        assert measured["identified_right_share"][at] == pytest.approx((rank == 1)[identified].mean())
        assert measured["probably_right_share"][at] == pytest.approx((rank == 1)[probable].mean())
        assert measured["right_identified"][at] == pytest.approx(identified[rank == 1].mean())
        assert measured["right_named"][at] == pytest.approx((identified | probable)[rank == 1].mean())
        by_pairs = decision_figures.auroc(evidence[known].tolist(), evidence[~known].tolist())
        assert measured["auroc_evidence"][at] == pytest.approx(by_pairs, abs=1e-4)


def test_the_calibration_error_of_a_resample_is_that_of_its_photos() -> None:
    # Without equal confidences: how those fall into bins is a matter of their order.
    confidence = np.random.default_rng(2).permutation(37) / 40
    is_right = np.random.default_rng(3).uniform(size=37) < confidence
    times = resampling._draw(np.random.default_rng(4), 5, 37)

    measured = resampling._calibration_error(times, confidence, is_right)

    for at, counts in enumerate(times):
        photos = np.repeat(np.arange(37), counts)
        alone = decision_figures.calibration_error(confidence[photos].tolist(), is_right[photos].tolist())
        assert measured[at] == pytest.approx(alone, abs=1e-4)


def test_the_same_photos_give_the_same_intervals_and_these_contain_what_was_measured() -> None:
    sample = drawn_sample(200)
    assert sample.confidence is not None

    found = bootstrap_intervals(sample, depths=(1, 5))

    assert found == bootstrap_intervals(sample, depths=(1, 5))
    once = np.ones((1, 200), dtype=np.int64)
    for name, (value,) in resampling._measure(sample, once, (1, 5)).items():
        interval = found[name]
        assert interval is not None
        low, high = interval
        assert low < value < high, name


def test_the_interval_of_a_share_is_as_wide_as_counting_predicts() -> None:
    count = 400
    sample = PhotoMeasurements(
        is_known=np.ones(count, dtype=bool), rank=np.arange(count) % 4, score=np.zeros(count)
    )  # rank 1 for a quarter

    interval = bootstrap_intervals(sample, depths=(1,))["recall@1"]

    half_width = 1.96 * (0.25 * 0.75 / count) ** 0.5
    assert interval == pytest.approx((0.25 - half_width, 0.25 + half_width), abs=0.006)


def test_a_pack_that_says_what_comes_true_has_an_interval_that_reaches_zero() -> None:
    hits = np.arange(100) % 2
    sample = PhotoMeasurements(
        is_known=np.ones(100, dtype=bool),
        rank=hits,
        score=np.zeros(100),
        is_accepted=np.ones(100, dtype=bool),
        evidence=np.zeros(100),
        confidence=np.full(100, 0.5),
    )

    interval = bootstrap_intervals(sample, depths=(1,))["ece"]

    assert interval is not None
    assert interval[0] == 0
    assert 0 < interval[1] < 0.15


def test_figures_without_a_photo_have_no_interval() -> None:
    sample = PhotoMeasurements(is_known=np.ones(3, dtype=bool), rank=np.array([1, 0, 2]), score=np.zeros(3))

    found = bootstrap_intervals(sample, depths=(1,))

    assert found["auroc_score"] is None
    assert "ece" not in found


def test_many_photos_are_resampled_a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = drawn_sample(50)
    whole = bootstrap_intervals(sample, depths=(1,))
    monkeypatch.setattr(resampling, "_MOST_CELLS", 50 * 300)

    pieces = bootstrap_intervals(sample, depths=(1,))

    for name, interval in whole.items():
        assert pieces[name] == pytest.approx(interval, abs=0.03)
