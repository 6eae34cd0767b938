"""A fixed examination for the image tower while it learns: held-out photographs and drawn things never seen.

The benchmarks are not used for it: a choice that was made by them could no longer be measured with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from edge_identify.convert.training.material.image_batches import KnownThings
from edge_identify.convert.training.material.photo_views import PhotoViews, Things
from edge_identify.datasets.drawn.instances import DrawnInstance, Kind, draw_families, draw_near_twins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SEED = 20_261_121  # never used for training: those seeds are pairs
_THINGS, _TWINS = 400, 200

#: From pixels [n, 3, side, side], 0 to 1, to embeddings [n, dim] of length 1.
Embed = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the examination says; shares of photos, 0 to 1.

    Attributes:
        photographs: A simulated photo of a held-out photograph finds it among all references.
        drawn: The same for drawn things, which stand there with their whole families.
        near_twins: A photo of one of two near-twins is nearer to its own reference.
    """

    photographs: float
    drawn: float
    near_twins: float


class Examination:
    """The questions; always the same for the same pictures.

    Args:
        photographs: Held-out ones, uint8 RGB.
        side_px: Side of the views.
    """

    def __init__(self, photographs: Sequence[NDArray[np.uint8]], *, side_px: int) -> None:
        import numpy as np

        rng = np.random.default_rng(_SEED)
        held_out = KnownThings(photographs=photographs[:_THINGS], seed=_SEED)
        natural = [held_out.picture(number) for number in range(len(held_out.photographs))]
        drawn: list[DrawnInstance] = []
        while len(drawn) < _THINGS:
            drawn += next(draw_families(rng, photographs))
        drawn = drawn[:_THINGS]
        twins = [twin for pair in draw_near_twins(rng, _TWINS) for twin in pair]
        pictures = natural + [instance.pixels for instance in (*drawn, *twins)]
        is_package = [False] * len(natural) + [instance.kind is Kind.PACKAGE for instance in (*drawn, *twins)]
        stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div_(255)
        things = Things(pictures=stacked, is_package=torch.tensor(is_package))
        views = PhotoViews(torch.Generator().manual_seed(_SEED))
        self._references = _as_bytes(views.reference(things, side_px))
        self._photos = _as_bytes(views.photo(things, side_px, difficulty=1.0))
        self._naturals, self._things = len(natural), len(natural) + len(drawn)

    def mark(self, embed: Embed) -> Marks:
        """Let an encoder answer."""
        references = torch.cat([embed(part.float() / 255) for part in torch.split(self._references, 64)])
        photos = torch.cat([embed(part.float() / 255) for part in torch.split(self._photos, 64)])
        right = (
            (photos[: self._things] @ references[: self._things].T)
            .argmax(1)
            .eq(torch.arange(self._things, device=photos.device))
        )
        twins = references[self._things :].view(-1, 2, references.shape[1])
        asked = photos[self._things :].view(-1, 2, photos.shape[1])
        similarity = asked @ twins.transpose(1, 2)
        told_apart = similarity.argmax(2).eq(torch.arange(2, device=photos.device))
        return Marks(
            photographs=_share(right[: self._naturals]),
            drawn=_share(right[self._naturals :]),
            near_twins=_share(told_apart),
        )


def _as_bytes(pictures: torch.Tensor) -> torch.Tensor:
    return (pictures * 255 + 0.5).clamp(0, 255).to(torch.uint8)


def _share(hits: torch.Tensor) -> float:
    return round(float(hits.float().mean()), 4) if hits.numel() else float("nan")
