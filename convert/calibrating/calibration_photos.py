"""The photos that a calibration is measured with: of the pack's own references, and of things that were drawn.

They range from a steady hand to a bad photo, harder on the whole than those the encoders are compared on: a real photo
of a thing is another image of it, which no simulation gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.calibrating.backdrop_removal import cut_out
from edge_identify.convert.export.fidelity import sample_positions
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.datasets.drawn.instances import DrawnInstance, draw_families
from edge_identify.datasets.drawn.simulated_photo import simulate_photo
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, picture_views, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue import CatalogueImage

MOST_PHOTOS = 600  # 12 of them are the 2 % that a maker may let pass by default
MOST_PHOTOS_EACH = 8  # of one reference: further ones hardly differ
DRAWN_PHOTOS = 100
_LEAST_DIFFICULTY, _MOST_DIFFICULTY = 0.5, 2.0
_LEAST_LONG_SIDE_PX = 360  # of a photo; an encoder of more than 180 pixels gets twice its side
_SEED = 20_261_121  # any number; fixed, so that a build gives the same bytes again
_ADAPTER_SEED = 20_261_122  # another: what an adapter was fitted to would flatter the calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPhotos:
    """Photos as the encoder takes them.

    Attributes:
        pixels: Of each photo's views, uint8 [n, views, size, size, 3], those of references first.
        reference_ids: What each shows; None for a thing that was drawn.
        difficulties: How hard each was made, as `simulate_photo` takes it.
    """

    pixels: NDArray[np.uint8]
    reference_ids: tuple[str | None, ...]
    difficulties: tuple[float, ...]


def take_photos(
    images: Sequence[CatalogueImage], recipe: Preprocessing, progress: Progress = no_progress
) -> CalibrationPhotos:
    """Simulate photos of some references, several of each where there are few, and of drawn things.

    Args:
        images: The images that are in the pack.
        recipe: From image to pixels.
        progress: Shows how far it is.

    Raises:
        PhotoError: An image has vanished, or changed, since it was embedded.
    """
    drawn = _draw_things()
    subjects = [*_subjects(images), *(_Subject(thing=thing, copy=at) for at, thing in enumerate(drawn))]
    pixels = [
        picture_views(subject.photograph(drawn, long_side_px_of(recipe)), recipe)
        for subject in progress("photos to calibrate with", subjects)
    ]
    ids = [subject.image.reference_id if subject.image else None for subject in subjects]
    difficulties = tuple(subject.difficulty for subject in subjects)
    return CalibrationPhotos(pixels=np.stack(pixels), reference_ids=tuple(ids), difficulties=difficulties)


def pair_with_photos(
    images: Sequence[CatalogueImage], recipe: Preprocessing, *, most: int, progress: Progress = no_progress
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield images of references, one of each, with a simulated photo of it; uint8 [size, size, 3] both.

    None of the photos is one of `take_photos`. An image that cannot be used is passed over: the build's pass over all
    images reports it.

    Args:
        images: The images of a catalogue.
        recipe: From image to pixels.
        most: References at most, evenly chosen.
        progress: Shows how far it is.
    """
    drawn = _draw_things()
    chosen = list({image.reference_id: image for image in reversed(images)}.values())[::-1]
    subjects = [_Subject(image=chosen[at], copy=0, seed=_ADAPTER_SEED) for at in sample_positions(len(chosen), most)]
    for subject in progress("photos to adapt to", subjects):
        assert subject.image is not None, "all of them are references"
        try:
            reference = preprocess(open_reference_image(subject.image), recipe)
            photo = preprocess(subject.photograph(drawn, long_side_px_of(recipe)), recipe)
        except PhotoError:
            continue
        yield reference, photo


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """Something to be photographed: an image of a reference, or a drawn thing."""

    copy: int
    image: CatalogueImage | None = None
    thing: DrawnInstance | None = None
    seed: int = _SEED

    @property
    def difficulty(self) -> float:
        return float(self._randomness(0).uniform(_LEAST_DIFFICULTY, _MOST_DIFFICULTY))

    def _randomness(self, use: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.image.index_id if self.image else 0, self.copy, use])

    def photograph(self, drawn: Sequence[DrawnInstance], long_side_px: int) -> Image:
        import PIL.Image

        rng = self._randomness(1)
        if self.thing is not None:
            picture = PIL.Image.fromarray(self.thing.pixels)
        else:
            assert self.image is not None, "a subject is one or the other"
            picture = cut_out(open_reference_image(self.image))
        return simulate_photo(
            picture,
            rng,
            difficulty=self.difficulty,
            background=_choose_background(drawn, rng),
            long_side_px=long_side_px,
        )


def _subjects(images: Sequence[CatalogueImage]) -> Iterator[_Subject]:
    by_reference: dict[str, list[CatalogueImage]] = {}
    for image in images:
        by_reference.setdefault(image.reference_id, []).append(image)
    references = sorted(by_reference)
    chosen = [references[position] for position in sample_positions(len(references), MOST_PHOTOS)]
    for copy in range(min(MOST_PHOTOS_EACH, max(1, MOST_PHOTOS // len(chosen)))):
        for reference in chosen:
            pictures = by_reference[reference]
            yield _Subject(image=pictures[copy % len(pictures)], copy=copy)


def _draw_things() -> list[DrawnInstance]:
    families = draw_families(np.random.default_rng(_SEED), ())
    # One of each family: its siblings say nothing new of how unlike the pack's references it is.
    return [family[0] for family in islice(families, DRAWN_PHOTOS)]


def _choose_background(drawn: Sequence[DrawnInstance], rng: np.random.Generator) -> Image | None:
    """Choose what lies behind: a plain surface (None), or a busy one, each as often."""
    import PIL.Image

    if rng.uniform() < 0.5:
        return None
    pixels = drawn[int(rng.integers(len(drawn)))].pixels[..., :3]
    side = int(len(pixels) * rng.uniform(0.4, 1))
    top, left = (int(rng.integers(len(pixels) - side + 1)) for _ in range(2))
    return PIL.Image.fromarray(np.ascontiguousarray(pixels[top : top + side, left : left + side]))


def long_side_px_of(recipe: Preprocessing) -> int:
    """Return the longer side of a photo that is simulated for an encoder, in pixels."""
    return max(_LEAST_LONG_SIDE_PX, 2 * recipe.size_px)
