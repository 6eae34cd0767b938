"""Views: the reference is nearly the image, the photo is changed but still the thing, and both repeat."""

from __future__ import annotations

import torch

from edge_identify.convert.training.material.photo_views import PhotoViews, Things


def _things(count: int = 12, *, is_package: bool = False) -> Things:
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    images = torch.nn.functional.interpolate(coarse, size=(144, 144), mode="nearest")
    alpha = torch.ones(count, 1, 144, 144)
    if is_package:
        alpha[..., :40] = alpha[..., -40:] = 0
    return Things(pictures=torch.cat([images, alpha], 1), is_package=torch.full((count,), is_package))


def _views(seed: int = 0) -> PhotoViews:
    return PhotoViews(torch.Generator().manual_seed(seed))


def test_views_have_the_asked_size_and_stay_between_0_and_1() -> None:
    for things in (_things(), _things(is_package=True)):
        for view in (_views().reference(things, 64), _views().photo(things, 72, difficulty=1.0)):
            assert view.shape[:2] == (12, 3)
            assert float(view.min()) >= 0
            assert float(view.max()) <= 1
            assert bool(torch.isfinite(view).all())


def test_the_same_generator_gives_the_same_photo_and_leaves_the_things_alone() -> None:
    things = _things()
    before = things.pictures.clone()
    first, again, other = (_views(seed).photo(things, 64, difficulty=1.0) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.05)
    assert torch.equal(things.pictures, before)


def test_an_easy_photo_is_nearer_to_its_own_reference_than_to_the_others() -> None:
    things = _things()
    reference = torch.nn.functional.avg_pool2d(_views(3).reference(things, 64), 8).flatten(1)
    photo = torch.nn.functional.avg_pool2d(_views(4).photo(things, 64, difficulty=0.05), 8).flatten(1)
    assert torch.cdist(photo, reference).argmin(1).tolist() == list(range(12))


def test_more_difficulty_takes_the_photo_farther_from_the_reference() -> None:
    things = _things()
    reference = _views(3).reference(things, 64)
    easy, hard = (
        float((_views(4).photo(things, 64, difficulty=difficulty) - reference).abs().mean())
        for difficulty in (0.1, 1.0)
    )
    assert hard > 1.3 * easy


def test_behind_a_cut_out_thing_a_photo_shows_something_else_and_a_reference_its_own_ground() -> None:
    things = _things(is_package=True)
    things.pictures[:, :3] = torch.where(things.pictures[:, 3:] > 0, things.pictures[:, :3], torch.ones(()))
    reference, photo = _views(1).reference(things, 64), _views(1).photo(things, 64, difficulty=0.3)
    white = [float((view[..., :2].amin(1) > 0.8).float().mean()) for view in (reference, photo)]
    assert white[0] > white[1] + 0.1
