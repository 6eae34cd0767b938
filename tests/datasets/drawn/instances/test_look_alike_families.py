"""Drawn instances: reproducible, different from their look-alikes, of the documented shape."""

from __future__ import annotations

from itertools import islice

import numpy as np

from edge_identify.datasets.drawn.instances import SIDE_PX, DrawnInstance, Kind, draw_families, draw_near_twins


def _some(seed: int, families: int = 60) -> list[list[DrawnInstance]]:
    return list(islice(draw_families(np.random.default_rng(seed), ()), families))


def test_every_kind_is_drawn_at_its_size_with_alpha() -> None:
    instances = [instance for family in _some(0) for instance in family]
    assert {instance.kind for instance in instances} == set(Kind)
    for instance in instances:
        assert instance.pixels.shape == (SIDE_PX, SIDE_PX, 4)
        assert instance.pixels.dtype == np.uint8


def test_the_same_seed_draws_the_same_and_another_draws_others() -> None:
    first, again, other = (_some(seed, families=6) for seed in (1, 1, 2))
    pixels = [[instance.pixels for family in run for instance in family] for run in (first, again, other)]
    assert all(np.array_equal(one, two) for one, two in zip(pixels[0], pixels[1], strict=True))
    assert not any(np.array_equal(one, two) for one, two in zip(pixels[0], pixels[2], strict=False))


def test_no_two_members_of_a_family_are_the_same_image() -> None:
    for family in _some(3):
        images = {instance.pixels.tobytes() for instance in family}
        assert len(images) == len(family)


def test_packages_stand_on_white_and_are_cut_out() -> None:
    packages = [i for family in _some(4) for i in family if i.kind is Kind.PACKAGE]
    for package in packages:
        outside = package.pixels[package.pixels[..., 3] == 0]
        assert len(outside) > 0.05 * SIDE_PX**2
        assert (outside[:, :3] == 255).all()


def test_near_twins_differ_in_few_pixels_but_they_differ() -> None:
    for one, other in draw_near_twins(np.random.default_rng(5), 30):
        differs = (one.pixels.astype(int) - other.pixels).any(axis=2)
        assert differs.any()


def test_images_that_are_handed_in_are_printed_and_not_changed() -> None:
    images = [np.full((96, 128, 3), (250, 0, 250), dtype=np.uint8)]
    before = images[0].copy()
    families = islice(draw_families(np.random.default_rng(6), images), 60)
    printed = [
        bool((np.abs(instance.pixels[..., :3].astype(int) - (250, 0, 250)).max(axis=2) < 3).mean() > 0.02)
        for family in families
        for instance in family
    ]
    assert any(printed)
    assert np.array_equal(images[0], before)
