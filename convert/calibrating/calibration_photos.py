"""Simulated photos that a calibration is measured with: of the pack's references, and of drawn things.

Their difficulty ranges from a careful photo to a bad one. On average they are harder than the photos of the fidelity
gate, because a real photo is a new image of the thing and a simulated one is not.
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
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, image_views, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

MOST_PHOTOS = 600  # 12 of them are the default false accept rate of 2 %
MOST_PHOTOS_EACH = 8  # of one reference; more hardly differ
DRAWN_PHOTOS = 100
_LEAST_DIFFICULTY, _MOST_DIFFICULTY = 0.5, 2.0
_LEAST_LONG_SIDE_PX = 360  # of a photo; for encoders of more than 180 pixels it is twice the encoder's side
_SEED = 20_261_121  # arbitrary; fixed, so that a build repeats the same bytes
_ADAPTER_SEED = 20_261_122  # another seed: photos that an adapter was fitted to would bias the calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPhotos:
    """Simulated photos as input of the encoder.

    Attributes:
        pixels: The photos' views, uint8 [n, views, size, size, 3]; photos of references first.
        reference_ids: The reference that each photo shows; None for a drawn thing.
        difficulties: The difficulty of each photo, as `simulate_photo` takes it.
    """

    pixels: NDArray[np.uint8]
    reference_ids: tuple[str | None, ...]
    difficulties: tuple[float, ...]


def take_photos(
    images: Sequence[CatalogueImage], recipe: Preprocessing, progress: Progress = no_progress
) -> CalibrationPhotos:
    """Simulate at most about `MOST_PHOTOS` photos of references, and `DRAWN_PHOTOS` of drawn things.

    With few references, each gets up to `MOST_PHOTOS_EACH` photos.

    Args:
        images: The images that are in the pack.
        recipe: The encoder's preprocessing.
        progress: Shows the progress over the photos.

    Raises:
        PhotoError: An image file has vanished or changed since it was embedded.
    """
    drawn = _draw_things()
    subjects = [*_subjects(images), *(_Subject(thing=thing, copy=at) for at, thing in enumerate(drawn))]
    pixels = [
        image_views(subject.photograph(drawn, long_side_px_of(recipe)), recipe)
        for subject in progress("photos to calibrate with", subjects)
    ]
    ids = [subject.image.reference_id if subject.image else None for subject in subjects]
    difficulties = tuple(subject.difficulty for subject in subjects)
    return CalibrationPhotos(pixels=np.stack(pixels), reference_ids=tuple(ids), difficulties=difficulties)


def pair_with_photos(
    images: Sequence[CatalogueImage], recipe: Preprocessing, *, most: int, progress: Progress = no_progress
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield one image of each reference with a simulated photo of it; both uint8 [size, size, 3].

    No photo is one of those of `take_photos`. Images that cannot be used are skipped; the build reports them when it
    embeds all images.

    Args:
        images: The images of a catalogue.
        recipe: The encoder's preprocessing.
        most: Largest number of references; they are chosen evenly.
        progress: Shows the progress over the references.
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
    """The subject of a simulated photo: a reference image or a drawn thing."""

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
            shown = PIL.Image.fromarray(self.thing.pixels)
        else:
            assert self.image is not None, "a subject is one or the other"
            shown = cut_out(open_reference_image(self.image))
        return simulate_photo(
            shown,
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
            own_images = by_reference[reference]
            yield _Subject(image=own_images[copy % len(own_images)], copy=copy)


def _draw_things() -> list[DrawnInstance]:
    families = draw_families(np.random.default_rng(_SEED), ())
    # One of each family: siblings are about equally far from the pack's references.
    return [family[0] for family in islice(families, DRAWN_PHOTOS)]


def _choose_background(drawn: Sequence[DrawnInstance], rng: np.random.Generator) -> Image | None:
    """Choose a background: plain (None) or a cut from a drawn thing, with equal probability."""
    import PIL.Image

    if rng.uniform() < 0.5:
        return None
    pixels = drawn[int(rng.integers(len(drawn)))].pixels[..., :3]
    side = int(len(pixels) * rng.uniform(0.4, 1))
    top, left = (int(rng.integers(len(pixels) - side + 1)) for _ in range(2))
    return PIL.Image.fromarray(np.ascontiguousarray(pixels[top : top + side, left : left + side]))


def long_side_px_of(recipe: Preprocessing) -> int:
    """Return the longer side, in pixels, of photos that are simulated for an encoder."""
    return max(_LEAST_LONG_SIDE_PX, 2 * recipe.size_px)
