"""A homography is found among wrong pairs, and found again with the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from edge_identify.edge_runtime.search.geometry.homography import _random_numbers, _samples, fit_homography

VIEW = np.array([[1.4, 0.3, 60.0], [-0.2, 1.3, 90.0], [0.0006, -0.0004, 1.0]])


def pairs(right: int, wrong: int, *, noise_px: float = 0.7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return positions in a reference of 256 px and in a photo: the first `right` pairs agree under `VIEW`."""
    random = np.random.default_rng(seed)
    source = random.uniform(0, 256, (right + wrong, 2))
    seen = np.column_stack([source, np.ones(len(source))]) @ VIEW.T
    target = seen[:, :2] / seen[:, 2:] + random.normal(0, noise_px, source.shape)
    target[right:] = random.uniform(0, 480, (wrong, 2))
    return source.astype(np.float32), target.astype(np.float32)


@pytest.mark.parametrize(("right", "wrong"), [(12, 0), (60, 20), (40, 60), (20, 40), (12, 28)])
def test_the_right_pairs_are_found_among_wrong_ones(right: int, wrong: int) -> None:
    source, target = pairs(right, wrong)

    found = fit_homography(source, target, tolerance=4.8)

    assert found is not None
    view, agrees = found
    assert agrees[:right].mean() >= 0.9
    assert agrees[right:].sum() <= 3, "a few wrong pairs agree by chance"
    corners = np.array([[20, 20, 1], [230, 20, 1], [230, 230, 1], [20, 230, 1.0]])
    seen, expected = corners @ view.T, corners @ VIEW.T
    tolerance_px = 12 if right < 20 else 5
    assert np.abs(seen[:, :2] / seen[:, 2:] - expected[:, :2] / expected[:, 2:]).max() < tolerance_px
    assert (seen[:, 2] > 0).all(), "what the camera sees has a positive depth"


def test_four_exact_pairs_give_their_homography() -> None:
    source, target = pairs(4, 0, noise_px=0)

    found = fit_homography(source, target, tolerance=3)

    assert found is not None
    assert found[1].all()
    assert np.abs(found[0] / found[0][2, 2] - VIEW).max() < 1e-2


def test_the_refit_is_nearer_than_four_exact_pairs_can_be() -> None:
    source, target = pairs(80, 0, noise_px=2.0)

    found = fit_homography(source, target, tolerance=4.8)

    assert found is not None
    seen = np.column_stack([source, np.ones(len(source))]) @ found[0].T
    true = np.column_stack([source, np.ones(len(source))]) @ VIEW.T
    assert np.abs(seen[:, :2] / seen[:, 2:] - true[:, :2] / true[:, 2:]).mean() < 1.0


def test_wrong_pairs_alone_agree_no_more_than_by_chance() -> None:
    counts = []
    for seed in range(10):
        found = fit_homography(*pairs(0, 30, seed=seed), tolerance=4.8)
        counts.append(0 if found is None else int(found[1].sum()))

    assert max(counts) < 8


def test_fewer_than_four_pairs_or_points_on_one_line_give_nothing() -> None:
    source, target = pairs(12, 0)
    flat = source * np.array([1, 0], np.float32)

    assert fit_homography(source[:3], target[:3], tolerance=3) is None
    assert fit_homography(flat, target, tolerance=3) is None
    assert fit_homography(source, flat, tolerance=3) is None
    assert fit_homography(np.ones((9, 2), np.float32), target[:9], tolerance=3) is None


def test_a_mirrored_image_gives_nothing_of_its_own() -> None:
    source, target = pairs(40, 0, noise_px=0)
    mirrored = source * np.array([-1, 1], np.float32)

    found = fit_homography(mirrored, target, tolerance=3)

    assert found is None or found[1].sum() < 8


def test_the_same_pairs_give_the_same_bits() -> None:
    first, second = (fit_homography(*pairs(20, 30), tolerance=4.8) for _ in range(2))

    assert first is not None
    assert second is not None
    assert first[0].tobytes() == second[0].tobytes()
    assert (first[1] == second[1]).all()


def hashed(number: int) -> int:
    """Return the documented hash, in plain integers, as a client in another language computes it."""
    mask = 0xFFFFFFFF
    number ^= number >> 16
    number = number * 0x7FEB352D & mask
    number ^= number >> 15
    number = number * 0x846CA68B & mask
    return number ^ number >> 16


def test_samples_are_those_of_the_documented_generator() -> None:
    assert _random_numbers(0, 2).tolist() == [[hashed(4 * s + j + 1) for j in range(4)] for s in range(2)]
    assert _random_numbers(128, 129).tolist() == [[hashed(4 * 128 + j + 1) for j in range(4)]]

    expected = [[hashed(4 * s + j + 1) * 9 >> 32 for j in range(4)] for s in range(64)]
    assert _samples(0, 64, 9).tolist() == [sample for sample in expected if len(set(sample)) == 4]
    assert _samples(0, 64, 9).max() == 8
