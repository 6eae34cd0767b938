"""Directions in which things differ and photos of one thing do not are found, whatever their scale."""

from __future__ import annotations

import pytest
import torch

from edge_identify.convert.training.layers.discriminants import PairScatter, linear_discriminants

FEATURES = 40


def _scatter(count: int, *, signal: slice, scale: torch.Tensor | None = None, seed: int = 0) -> PairScatter:
    """Pairs of views whose things differ in some features; in the others the views differ."""
    generator = torch.Generator().manual_seed(seed)
    things = torch.zeros(count, FEATURES)
    things[:, signal] = torch.randn(things[:, signal].shape, generator=generator)
    noise = torch.full((FEATURES,), 1.0)
    noise[signal] = 0.1
    views = [things + noise * torch.randn(count, FEATURES, generator=generator) + 5 for _ in range(2)]
    factors = torch.ones(FEATURES) if scale is None else scale
    scatter = PairScatter.empty(FEATURES, torch.device("cpu"))
    scatter.add(views[0][: count // 2] * factors, views[1][: count // 2] * factors)
    scatter.add(views[0][count // 2 :] * factors, views[1][count // 2 :] * factors)
    return scatter


def _share(directions: torch.Tensor, features: slice) -> float:
    """How much of the directions' length lies in some features."""
    squares = directions.square()
    return float(squares[features].sum() / squares.sum())


def test_the_directions_lie_where_things_differ() -> None:
    directions = linear_discriminants([_scatter(4000, signal=slice(0, 6))], 6)
    assert directions.shape == (FEATURES, 6)
    assert _share(directions, slice(0, 6)) > 0.99
    seven = linear_discriminants([_scatter(4000, signal=slice(0, 6))], 7)
    assert _share(seven[:, 6:], slice(0, 6)) < 0.1  # the best come first; the seventh has nothing left to find


def test_they_are_those_of_a_dense_solution() -> None:
    scatter = _scatter(500, signal=slice(3, 20), seed=1)
    found = linear_discriminants([scatter], 5, ridge=0.5)
    within, between = scatter.within(), scatter.between()
    scale = (within.diagonal() + between.diagonal()).rsqrt()
    within, between = (each * scale[:, None] * scale[None] for each in (within, between))
    within += 0.5 * within.diagonal().mean() * torch.eye(FEATURES)
    spread, turned = torch.linalg.eigh(within)
    white = turned / spread.sqrt()
    _, best = torch.linalg.eigh(white.T @ between @ white)
    exact = (white @ best[:, -5:]) * scale[:, None]
    overlap = torch.linalg.svdvals(torch.linalg.qr(found)[0].T @ torch.linalg.qr(exact)[0])
    assert float(overlap.min()) > 0.99


def test_the_scale_of_a_feature_does_not_matter() -> None:
    scale = torch.logspace(-3, 3, FEATURES)
    plain = linear_discriminants([_scatter(2000, signal=slice(0, 6))], 6)
    scaled = linear_discriminants([_scatter(2000, signal=slice(0, 6), scale=scale)], 6)
    overlap = torch.linalg.svdvals(torch.linalg.qr(scaled * scale[:, None])[0].T @ torch.linalg.qr(plain)[0])
    assert float(overlap.min()) > 0.99


def test_each_collection_counts_the_same_whatever_its_size() -> None:
    few, many = _scatter(300, signal=slice(0, 3)), _scatter(30_000, signal=slice(20, 23), seed=2)
    directions = linear_discriminants([few, many], 6)
    assert 0.4 < _share(directions, slice(0, 3)) < 0.6
    assert 0.4 < _share(directions, slice(20, 23)) < 0.6


def test_a_collection_without_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two pairs"):
        linear_discriminants([PairScatter.empty(FEATURES, torch.device("cpu"))], 3)
