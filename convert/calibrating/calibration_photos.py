"""Simulated photos that a calibration is measured with: of the pack's references, and of drawn things.

Their difficulty ranges from a careful photo to a bad one. On average they are harder than the photos of the fidelity
gate, because a real photo is a new image of the thing and a simulated one is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.caching.build_cache import cache_key
from edge_identify.convert.caching.kept_vectors import EncoderInput
from edge_identify.convert.caching.stable_sample import stable_positions
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
    """Simulated photos as input of the encoder; each is drawn when it is needed.

    Attributes:
        inputs: The photos' views; photos of references first.
        reference_ids: The reference that each photo shows; None for a drawn thing.
        difficulties: The difficulty of each photo, as `simulate_photo` takes it.
    """

    inputs: tuple[EncoderInput, ...]
    reference_ids: tuple[str | None, ...]
    difficulties: tuple[float, ...]


def choose_photos(images: Sequence[CatalogueImage], recipe: Preprocessing) -> CalibrationPhotos:
    """Choose at most about `MOST_PHOTOS` simulated photos of references, and `DRAWN_PHOTOS` of drawn things.

    With few references, each gets up to `MOST_PHOTOS_EACH` photos. Drawing a photo raises PhotoError if its image file
    has vanished or changed since it was embedded.

    Args:
        images: The images that are in the pack.
        recipe: The encoder's preprocessing.
    """
    subjects = [*_subjects(images), *(_Subject(drawn_at=at, copy=at) for at in range(DRAWN_PHOTOS))]
    ids = [subject.image.reference_id if subject.image else None for subject in subjects]
    return CalibrationPhotos(
        inputs=tuple(_photo_input(subject, recipe) for subject in subjects),
        reference_ids=tuple(ids),
        difficulties=tuple(subject.difficulty for subject in subjects),
    )


def _photo_input(subject: _Subject, recipe: Preprocessing) -> EncoderInput:
    def draw() -> NDArray[np.uint8]:
        return image_views(subject.photograph(_draw_things(), long_side_px_of(recipe)), recipe)

    shown = [subject.image.sha256, subject.image.index_id] if subject.image else ["drawn", subject.drawn_at]
    key = cache_key("calibration photo", subject.seed, shown, subject.copy, DRAWN_PHOTOS, asdict(recipe))
    return EncoderInput(key=key, draw=draw)


def pair_with_photos(
    images: Sequence[CatalogueImage], recipe: Preprocessing, *, most: int, progress: Progress = no_progress
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield one image of each reference with a simulated photo of it; both uint8 [size, size, 3].

    No photo is one of those of `choose_photos`. Images that cannot be used are skipped; the build reports them when it
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
    drawn_at: int | None = None
    seed: int = _SEED

    @property
    def difficulty(self) -> float:
        return float(self._randomness(0).uniform(_LEAST_DIFFICULTY, _MOST_DIFFICULTY))

    def _randomness(self, use: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.image.index_id if self.image else 0, self.copy, use])

    def photograph(self, drawn: Sequence[DrawnInstance], long_side_px: int) -> Image:
        import PIL.Image

        rng = self._randomness(1)
        if self.drawn_at is not None:
            shown = PIL.Image.fromarray(drawn[self.drawn_at].pixels)
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
    chosen = [references[position] for position in stable_positions(references, MOST_PHOTOS)]
    for copy in range(min(MOST_PHOTOS_EACH, max(1, MOST_PHOTOS // len(chosen)))):
        for reference in chosen:
            own_images = by_reference[reference]
            yield _Subject(image=own_images[copy % len(own_images)], copy=copy)


def _draw_things() -> Sequence[DrawnInstance]:
    return _first_things(DRAWN_PHOTOS)


@cache
def _first_things(count: int) -> Sequence[DrawnInstance]:
    families = draw_families(np.random.default_rng(_SEED), ())
    # One of each family: siblings are about equally far from the pack's references.
    return [family[0] for family in islice(families, count)]


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
