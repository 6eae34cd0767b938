"""The batches that the image tower learns from: photographs, pieces of them, and freshly drawn things.

A batch is a function of its number and the seed alone, so training that was interrupted goes on with the very batches
it would have had, and any number of workers makes the same ones. Whole
families of look-alikes are in one batch: a batch of unrelated things teaches nothing about near-twins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.utils.data import Dataset

from edge_identify.convert.training.material.photo_views import PhotoViews, Things
from edge_identify.datasets.drawn.instances import SIDE_PX, Kind, draw_families
from edge_identify.datasets.drawn.instances.drawn_products import draw_product
from edge_identify.datasets.drawn.instances.product_lines import choose_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PIECES_PER_PHOTOGRAPH = 1
_WHOLE_SHARE, _PIECE_SHARE = 0.4, 0.3  # of a batch; the rest is freshly drawn
# With product lines, so that a larger batch has as many of the other drawn things as without:
_WHOLE_SHARE_WITH_LINES, _PIECE_SHARE_WITH_LINES = 0.33, 0.21
_LINE_SHARE = 0.4  # of the families that are freshly drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How the batches are at some point of the training.

    Attributes:
        side_px: Side of the views.
        difficulty: Of the simulated photos, 0 to 1.
    """

    side_px: int
    difficulty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownThings:
    """Photographs and pieces of them, the same in every epoch.

    Attributes:
        photographs: uint8 RGB, SIDE_PX on the longer side.
        seed: Of the pieces.
        typefaces: Files to print fresh packages with; some of the families of drawn things are then product lines.
    """

    photographs: Sequence[NDArray[np.uint8]]
    seed: int
    typefaces: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.photographs) * (1 + PIECES_PER_PHOTOGRAPH)

    def picture(self, number: int) -> NDArray[np.uint8]:
        """Return one of them, uint8 RGBA [SIDE_PX, SIDE_PX, 4]: photographs first, then their pieces."""
        whole = number < len(self.photographs)
        return _laid_in_square(self.photographs[number]) if whole else self._piece(number)

    def _piece(self, number: int) -> NDArray[np.uint8]:
        import numpy as np
        from PIL import Image
        from PIL.Image import Resampling

        photograph = self.photographs[number % len(self.photographs)]
        rng = np.random.default_rng([self.seed, number])
        side = rng.uniform(0.4, 0.8) * min(photograph.shape[:2])
        top, left = (rng.uniform(0, extent - side) for extent in photograph.shape[:2])
        box = (left, top, left + side, top + side)
        piece = np.asarray(Image.fromarray(photograph).resize((SIDE_PX, SIDE_PX), Resampling.BICUBIC, box=box))
        return _opaque(piece)


@dataclass(frozen=True, slots=True)
class _Thing:
    """RGBA as a reference shows it, the same from another side, and its kind if it is drawn."""

    pixels: NDArray[np.uint8]
    seen: NDArray[np.uint8] | None = None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The things of a batch before they are photographed.

    Attributes:
        rgba: uint8 [n, SIDE_PX, SIDE_PX, 4], as their references show them.
        seen: The same as somebody sees them: solid packages from another side, all others as they are.
        is_package: bool [n].
        is_solid: bool [n].
        known: int64 [n]; the number among the known things, or -1 for a fresh one.
        pictures: int64 [n]; which photograph it is or is a piece of, or -1.
        stage: How they are to be photographed.
        seed: Of the photographing.
    """

    rgba: torch.Tensor
    seen: torch.Tensor
    is_package: torch.Tensor
    is_solid: torch.Tensor
    known: torch.Tensor
    pictures: torch.Tensor
    stage: Stage
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Two views of each of n things.

    Attributes:
        references: float32 [n, 3, side, side], 0 to 1.
        photos: float32 [n, 3, side, side], 0 to 1.
        known: int64 [n]; the number among the known things, or -1 for a fresh one.
        pictures: int64 [n]; which photograph it is or is a piece of, or -1.
    """

    references: torch.Tensor
    photos: torch.Tensor
    known: torch.Tensor
    pictures: torch.Tensor


def photograph(chosen: Chosen, device: torch.device) -> Batch:
    """Make both views of each thing on a device; on the CPU, the same ones every time."""
    shown, seen = (
        Things(
            pictures=rgba.to(device).permute(0, 3, 1, 2).float().div_(255),
            is_package=chosen.is_package.to(device),
            is_solid=chosen.is_solid.to(device),
        )
        for rgba in (chosen.rgba, chosen.seen)
    )
    views = PhotoViews(torch.Generator(device).manual_seed(chosen.seed))
    return Batch(
        references=views.reference(shown, chosen.stage.side_px),
        photos=views.photo(seen, chosen.stage.side_px, difficulty=chosen.stage.difficulty),
        known=chosen.known.to(device),
        pictures=chosen.pictures.to(device),
    )


class ImageBatches(Dataset[Batch | Chosen]):
    """Makes the batches of a run, each by its number.

    Args:
        known: The known things.
        size: Things in a batch.
        seed: Of everything.
        stages: How each batch is, in order.
        photographed: Give batches that are photographed, on the CPU; otherwise what was chosen, for a GPU to
            photograph, which is many times faster there.
    """

    def __init__(
        self, known: KnownThings, *, size: int, seed: int, stages: Sequence[Stage], photographed: bool = True
    ) -> None:
        self._known = known
        self._size = size
        self._seed = seed
        self._stages = stages
        self._photographed = photographed

    def __len__(self) -> int:
        return len(self._stages)

    def __getitem__(self, step: int) -> Batch | Chosen:
        import numpy as np

        rng = np.random.default_rng([self._seed, step])
        things, known = self._choose(rng)
        chosen = Chosen(
            rgba=torch.from_numpy(np.stack([thing.pixels for thing in things])),
            seen=torch.from_numpy(np.stack([thing.pixels if thing.seen is None else thing.seen for thing in things])),
            is_package=torch.tensor([thing.kind is Kind.PACKAGE for thing in things]),
            is_solid=torch.tensor([thing.seen is not None for thing in things]),
            known=torch.tensor(known),
            pictures=torch.tensor([number % len(self._known.photographs) if number >= 0 else -1 for number in known]),
            stage=self._stages[step],
            seed=int(rng.integers(2**62)),
        )
        return photograph(chosen, torch.device("cpu")) if self._photographed else chosen

    def _choose(self, rng: np.random.Generator) -> tuple[list[_Thing], list[int]]:
        photographs = len(self._known.photographs)
        pieces = photographs * PIECES_PER_PHOTOGRAPH
        with_lines = bool(self._known.typefaces)
        whole_share = _WHOLE_SHARE_WITH_LINES if with_lines else _WHOLE_SHARE
        piece_share = _PIECE_SHARE_WITH_LINES if with_lines else _PIECE_SHARE
        whole_count, piece_count = round(whole_share * self._size), round(piece_share * self._size)
        numbers = rng.choice(photographs, min(whole_count, photographs), replace=False).tolist()
        numbers += (photographs + rng.choice(pieces, min(piece_count, pieces), replace=False)).tolist()
        things = [_Thing(self._known.picture(number)) for number in numbers]
        for family in _families(rng, self._known):
            things += family[: self._size - len(things)]
            if len(things) == self._size:
                break
        return things, numbers + [-1] * (self._size - len(numbers))


def batches(
    known: KnownThings,
    stages: Sequence[Stage],
    *,
    size: int,
    seed: int,
    first: int,
    workers: int,
    device: torch.device,
) -> Iterator[Batch]:
    """Yield the batches of a run on a device, from number `first` on.

    Args:
        known: The known things.
        stages: How each batch is, in order.
        size: Things in a batch.
        seed: Of everything.
        first: How many are left out, because they have been seen.
        workers: Processes that draw and photograph; 0 does it in this one.
        device: Where they are wanted; a GPU photographs them itself.
    """
    from torch.utils.data import DataLoader

    made = ImageBatches(known, size=size, seed=seed, stages=stages, photographed=device.type == "cpu")
    loader = DataLoader(
        made,
        batch_size=None,
        sampler=range(first, len(stages)),
        num_workers=workers,
        prefetch_factor=3 if workers else None,
    )
    for item in loader:
        yield photograph(item, device) if isinstance(item, Chosen) else item


def reference_views(pictures: Sequence[NDArray[np.uint8]], *, side_px: int, seed: int) -> torch.Tensor:
    """Return things as reference images show them, float32 [n, 3, side_px, side_px], from RGBA pictures."""
    import numpy as np

    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div_(255)
    things = Things(pictures=stacked, is_package=torch.zeros(len(pictures), dtype=torch.bool))
    return PhotoViews(torch.Generator().manual_seed(seed)).reference(things, side_px)


def _families(rng: np.random.Generator, known: KnownThings) -> Iterator[list[_Thing]]:
    for family in draw_families(rng, known.photographs):
        if known.typefaces and rng.uniform() < _LINE_SHARE:
            yield _products(rng, known)
        else:
            yield [_Thing(instance.pixels, kind=instance.kind) for instance in family]


def _products(rng: np.random.Generator, known: KnownThings) -> list[_Thing]:
    line = choose_line(rng, known.typefaces)
    count = int(rng.integers(2, 7))
    drawn = (draw_product(rng, line, side_px=SIDE_PX, images=known.photographs) for _ in range(count))
    return [_Thing(product.shown, product.held, Kind.PACKAGE) for product in drawn]


def _laid_in_square(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a photograph into the middle of a transparent square; its rim goes on under the transparency."""
    import numpy as np

    height, width = photograph.shape[:2]
    above, before = (SIDE_PX - height) // 2, (SIDE_PX - width) // 2
    rim = ((above, SIDE_PX - height - above), (before, SIDE_PX - width - before), (0, 0))
    square = np.pad(_opaque(photograph), rim, mode="edge")
    square[..., 3] = np.pad(np.full((height, width), 255, dtype=np.uint8), rim[:2])
    return square


def _opaque(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import numpy as np

    return np.concatenate([picture, np.full((*picture.shape[:2], 1), 255, dtype=np.uint8)], axis=2)
