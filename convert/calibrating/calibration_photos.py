"""Simulated photos that a calibration is measured with: of the pack's references, and of drawn things.

Their difficulty ranges from a careful photo to a bad one. On average they are harder than the photos of the fidelity
gate, because a real photo is a new image of the thing and a simulated one is not.

A reference image with a plain backdrop is a product image. Real photos of products resemble it less than photos of
flat art resemble theirs: another specimen, glossy and round, in a shop. So photos of product images are simulated up to
a higher difficulty, and only the harder ones count as realistic. Measured with the built-in encoder (median similarity
to the right reference): simulated at .5 to 2 .65, at 2 to 4 .32, 368 real photos of packages .41; street mosaics,
simulated at .5 to 2 .70, 149 real photos of another day .74.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.caching.kept_vectors import EncoderInput
from edge_identify.convert.caching.stable_sample import stable_positions
from edge_identify.convert.calibrating.backdrop_removal import cut_out
from edge_identify.convert.export.fidelity import sample_positions
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.datasets.drawn.instances import DrawnInstance, draw_families
from edge_identify.datasets.drawn.simulated_photo import decoded, long_side_px_for, simulate_jpeg
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, image_views, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

MOST_PHOTOS = 600  # 12 of them are the default false accept rate of 2 %
MOST_PHOTOS_EACH = 8  # of one reference; more hardly differ
DRAWN_PHOTOS = 100
# Photos whose points are compared: finding and comparing them takes a quarter of a second each. A few references need
# fewer, because their photos repeat each other.
LEAST_PHOTOS_FOR_POINTS, MOST_PHOTOS_FOR_POINTS = 60, 300
_PHOTOS_FOR_POINTS_EACH = 3
DRAWN_PHOTOS_FOR_POINTS = 60  # one of them may pass at the default false accept rate
_LEAST_DIFFICULTY, _MOST_DIFFICULTY = 0.5, 2.0
_MOST_PRODUCT_DIFFICULTY, _LEAST_REALISTIC_PRODUCT = 3.0, 1.5
LONG_SIDE_FOR_POINTS_PX = 480  # as points are compared; drawing it takes nearly twice as long
_SEED = 20_261_121  # arbitrary; fixed, so that a build repeats the same bytes
_ADAPTER_SEED = 20_261_122  # another seed: photos that an adapter was fitted to would bias the calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPhoto:
    """A photo that a calibration is measured with; drawn or read when it is needed.

    Attributes:
        key: Covers all that the photo depends on.
        draw: Returns the photo, upright RGB.
        reference_id: The reference that it shows; None for a thing that is not in the pack.
        difficulty: Its difficulty, as `simulate_photo` takes it.
        is_realistic: Whether it is as hard as a real photo.
        has_points: Whether its points are compared, too.
    """

    key: str
    draw: Callable[[], Image]
    reference_id: str | None
    difficulty: float = 1.0
    is_realistic: bool = True
    has_points: bool = True

    def as_input(self, recipe: Preprocessing) -> EncoderInput:
        """Return the photo's views as input of an encoder."""
        return EncoderInput(
            key=cache_key("calibration photo", self.key, asdict(recipe)),
            draw=lambda: image_views(self.draw(), recipe),
        )


def choose_photos(
    images: Sequence[CatalogueImage], recipe: Preprocessing, cache: BuildCache
) -> tuple[CalibrationPhoto, ...]:
    """Choose at most about `MOST_PHOTOS` simulated photos of references, and `DRAWN_PHOTOS` of drawn things.

    Photos of references come first. With few references, each gets up to `MOST_PHOTOS_EACH` photos. Drawing a photo
    raises PhotoError if its image file has vanished or changed since it was embedded.

    Args:
        images: The images that are in the pack.
        recipe: The encoder's preprocessing.
        cache: Keeps which images have a plain backdrop.

    Raises:
        PhotoError: An image file has vanished or changed since it was embedded.
    """
    shown = list(_subjects(images))
    wanted = _PHOTOS_FOR_POINTS_EACH * len({subject.image.reference_id for subject in shown if subject.image})
    wanted = min(MOST_PHOTOS_FOR_POINTS, max(LEAST_PHOTOS_FOR_POINTS, wanted))
    with_points = set(stable_positions([subject.name for subject in shown], wanted))
    products = have_plain_backdrops([subject.image for subject in shown if subject.image], cache)
    drawn = [_Subject(drawn_at=at, copy=at) for at in range(DRAWN_PHOTOS)]
    return (
        *(
            _photo(
                replace(subject, is_product=subject.image is not None and subject.image.sha256 in products),
                recipe,
                has_points=at in with_points,
            )
            for at, subject in enumerate(shown)
        ),
        *(_photo(subject, recipe, has_points=at < DRAWN_PHOTOS_FOR_POINTS) for at, subject in enumerate(drawn)),
    )


def _photo(subject: _Subject, recipe: Preprocessing, *, has_points: bool) -> CalibrationPhoto:
    side_px = max(long_side_px_of(recipe), LONG_SIDE_FOR_POINTS_PX if has_points else 0)

    @cache  # used twice: it is embedded, and its points are compared; all files of a build take 30 MB
    def photograph() -> bytes:
        return subject.photograph(_draw_things(), side_px)

    return CalibrationPhoto(
        key=cache_key(subject.seed, subject.name, subject.difficulty, DRAWN_PHOTOS, side_px),
        draw=lambda: decoded(photograph()),
        reference_id=subject.image.reference_id if subject.image else None,
        difficulty=subject.difficulty,
        is_realistic=not subject.is_product or subject.difficulty >= _LEAST_REALISTIC_PRODUCT,
        has_points=has_points,
    )


def have_plain_backdrops(images: Sequence[CatalogueImage], cache: BuildCache) -> set[str]:
    """Return the SHA-256 of the images that have a plain backdrop.

    Raises:
        PhotoError: An image file has vanished or changed since it was embedded.
    """
    kind = "plain backdrop"
    keys = {image.sha256: cache_key(image.sha256, code_fingerprint()) for image in images}
    known = cache.read(kind, list(keys.values()))
    new = {
        keys[image.sha256]: b"1" if cut_out(open_reference_image(image)).mode == "RGBA" else b"0"
        for image in {image.sha256: image for image in images}.values()
        if keys[image.sha256] not in known
    }
    cache.keep(kind, new)
    known |= new
    return {sha256 for sha256, key in keys.items() if known[key] == b"1"}


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
            photo = preprocess(decoded(subject.photograph(drawn, long_side_px_of(recipe))), recipe)
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
    is_product: bool = False

    @property
    def name(self) -> str:
        shown = f"{self.image.sha256} {self.image.index_id}" if self.image else f"drawn {self.drawn_at}"
        return f"{shown} {self.copy}"

    @property
    def difficulty(self) -> float:
        most = _MOST_PRODUCT_DIFFICULTY if self.is_product else _MOST_DIFFICULTY
        return float(self._randomness(0).uniform(_LEAST_DIFFICULTY, most))

    def _randomness(self, use: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.image.index_id if self.image else 0, self.copy, use])

    def photograph(self, drawn: Sequence[DrawnInstance], long_side_px: int) -> bytes:
        import PIL.Image

        rng = self._randomness(1)
        if self.drawn_at is not None:
            shown = PIL.Image.fromarray(drawn[self.drawn_at].pixels)
        else:
            assert self.image is not None, "a subject is one or the other"
            shown = cut_out(open_reference_image(self.image))
        return simulate_jpeg(
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
    return long_side_px_for(recipe.size_px)
