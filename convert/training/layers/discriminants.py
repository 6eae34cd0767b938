"""The image tower's last layer in closed form: the directions in which things differ more than photos of one thing do.

Of each thing there are two views, its reference and a simulated photo. What changes between them is noise (the
within-thing scatter); what changes from thing to thing is signal (the between-thing scatter). The directions with the
greatest ratio of the second to the first are Fisher's linear discriminants (Fisher 1936; for many classes Rao 1948),
found as generalised eigenvectors by a randomised subspace iteration (Halko, Martinsson, Tropp, arXiv:0909.4061).

No step size, no epochs, and a frozen trunk: going on to train it by contrast made photos of real things worse each
time it was tried. Photographs and drawn things spread
differently, so each collection has scatters of its own and counts as much as the other, whatever its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 1.0  # times the mean within-thing variance, added to each direction's; .3 and 3 were worse on real photos
_OVERSAMPLING = 32  # directions beyond those wanted, so that the last of these are found too
_ITERATIONS = 4


@dataclass(slots=True)
class PairScatter:
    """Sums over pairs of views of one collection's things.

    Attributes:
        pairs: How many.
        differences: Sum of the outer products of photo minus reference, [features, features].
        middles: Sum of the outer products of the pairs' means, [features, features].
        middle: Sum of the pairs' means, [features].
    """

    pairs: int
    differences: Tensor
    middles: Tensor
    middle: Tensor

    @classmethod
    def empty(cls, features: int, device: torch.device) -> PairScatter:
        """Return the sums over no pairs."""
        return cls(
            pairs=0,
            differences=torch.zeros(features, features, device=device),
            middles=torch.zeros(features, features, device=device),
            middle=torch.zeros(features, device=device),
        )

    def add(self, references: Tensor, photos: Tensor) -> None:
        """Add pairs: features of both views, float32 [n, features]."""
        differences, middles = photos - references, (photos + references) / 2
        self.differences.addmm_(differences.T, differences)
        self.middles.addmm_(middles.T, middles)
        self.middle += middles.sum(0)
        self.pairs += len(references)

    def within(self) -> Tensor:
        """Return the scatter of one view about its thing's mean, [features, features]."""
        return self.differences / (2 * self.pairs)

    def between(self) -> Tensor:
        """Return the scatter of the things' means, [features, features]."""
        mean = self.middle / self.pairs
        return self.middles / self.pairs - mean[:, None] * mean[None]


def linear_discriminants(scatters: Sequence[PairScatter], dim: int, *, ridge: float = RIDGE) -> Tensor:
    """Return the `dim` best directions, float32 [features, dim], best first.

    Args:
        scatters: Of several collections; each counts as much as the others.
        dim: How many directions.
        ridge: Share of the mean within-thing variance that is added to each direction's.

    Raises:
        ValueError: A collection has fewer than two pairs.
    """
    if any(scatter.pairs < 2 for scatter in scatters):
        raise ValueError("each collection needs at least two pairs")
    within = torch.stack([scatter.within() for scatter in scatters]).mean(0)
    between = torch.stack([scatter.between() for scatter in scatters]).mean(0)
    # Features of every size count alike: each is measured in its own standard deviation.
    scale = (within.diagonal() + between.diagonal()).clamp_min(1e-8).rsqrt()
    within, between = (scatter * scale[:, None] * scale[None] for scatter in (within, between))
    within.diagonal().add_(ridge * within.diagonal().mean())
    root = torch.linalg.cholesky(within)

    def ratio(directions: Tensor) -> Tensor:
        inner = torch.linalg.solve_triangular(root.T, directions, upper=True)
        result: Tensor = torch.linalg.solve_triangular(root, between @ inner, upper=False)
        return result

    generator = torch.Generator().manual_seed(0)
    width = min(dim + _OVERSAMPLING, len(root))
    directions = torch.randn(len(root), width, generator=generator).to(root)
    for _ in range(_ITERATIONS):
        directions = ratio(torch.linalg.qr(directions)[0])
    directions = torch.linalg.qr(directions)[0]
    small = directions.T @ ratio(directions)
    _, turns = torch.linalg.eigh((small + small.T) / 2)
    best = directions @ turns.flip(1)[:, :dim]
    found: Tensor = torch.linalg.solve_triangular(root.T, best, upper=True) * scale[:, None]
    return found
