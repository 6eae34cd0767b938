"""A maker's real photos for a calibration: read from the table of `edge-build evaluate`, checked, scored.

A photo that is a reference image of the pack would flatter: it scores 1, as no user's photo does. It is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.kept_vectors import EncoderInput, KeyedEncoder, embed_inputs
from edge_identify.convert.calibrating.calibration_photos import CalibrationPhoto
from edge_identify.convert.calibrating.photo_points import count_candidate_points
from edge_identify.convert.calibrating.photo_scores import rank_candidates, score_photos
from edge_identify.convert.calibrating.real_accepts import STRANGER
from edge_identify.convert.calibrating.scored_photos import ScoredPhoto
from edge_identify.convert.evaluating.evaluation import Query, check_known_ids, read_queries
from edge_identify.convert.local_features.net_description import PHOTO
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, sha256_of_file
from edge_identify.edge_runtime.photos.images import open_photo, read_image_file
from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo
from edge_identify.edge_runtime.search.vector_search import FaissSearch

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.convert.calibrating.built_points import BuiltPoints
    from edge_identify.edge_runtime.pack.manifest import IndexSpec
    from edge_identify.edge_runtime.photos.preprocessing import Preprocessing

_SIDE_PX = PHOTO.side_px  # of the photo when points are compared
_SAME_IMAGE = 0.995  # cosine of a reference image that was saved again; another photo of the thing is less similar


class IndexedImage(Protocol):
    """A reference image that is in the index: of a catalogue or of a pack."""

    @property
    def index_id(self) -> int:
        """The id of its vector."""

    @property
    def reference_id(self) -> str:
        """The reference that it shows."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPhoto:
    """A photo whose answer is known.

    Attributes:
        path: Its file.
        name: Its name in the table.
        sha256: SHA-256 of the file.
        reference_id: The reference that it shows; None for a thing that is not in the pack.
    """

    path: Path
    name: str
    sha256: str
    reference_id: str | None

    @property
    def group(self) -> str:
        """What it shows: the reference, or for other things the photo itself."""
        return f"{STRANGER}{self.sha256}" if self.reference_id is None else f"reference {self.reference_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPhotoTable:
    """The usable photos of a table.

    Attributes:
        photos: The photos.
        left_out: The others, each with its reason.
    """

    photos: tuple[RealPhoto, ...]
    left_out: tuple[SkippedImage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRealPhotos:
    """Scores of real photos by one variant.

    Attributes:
        photos: The scores.
        groups: What each shows; see `RealPhoto.group`.
        left_out: The photos that embed as a reference image does.
    """

    photos: tuple[ScoredPhoto, ...]
    groups: tuple[str, ...]
    left_out: tuple[SkippedImage, ...]

    def strangers(self) -> list[ScoredPhoto]:
        """Return the photos of things that are not in the pack."""
        pairs = zip(self.photos, self.groups, strict=True)
        return [photo for photo, group in pairs if group.startswith(STRANGER)]


def read_real_photos(table: Path, images: Sequence[IndexedImage], progress: Progress = no_progress) -> RealPhotoTable:
    """Read a table of photos. Photos that cannot be used, and copies of reference images, are left out.

    Args:
        table: The table; see `read_queries`.
        images: The reference images of the pack.
        progress: Shows the progress over the photos.

    Raises:
        SetupError: It is no such table, an id is unknown, or no photo can be used, or none shows a reference.
    """
    queries = read_queries(table)
    by_name = {composed(image.reference_id): image.reference_id for image in images}
    check_known_ids(queries, by_name, where=str(table))
    shown = {image.sha256: image.reference_id for image in images}
    seen: dict[str, str] = {}
    photos, left_out = [], []
    for query in progress("reading photos", queries):
        try:
            photo = _read(query, by_name)
            _check_is_new(photo, shown, seen)
        except PhotoError as error:
            left_out.append(SkippedImage(path=query.photo, reason=str(error)))
            continue
        seen[photo.sha256] = photo.name
        photos.append(photo)
    _check_usable(table, photos, left_out)
    return RealPhotoTable(photos=tuple(photos), left_out=tuple(left_out))


def _read(query: Query, by_name: Mapping[str, str]) -> RealPhoto:
    if query.problem is not None:
        raise PhotoError(query.problem)
    open_photo(query.photo, enough_px=_SIDE_PX)
    return RealPhoto(
        path=query.photo,
        name=query.name,
        sha256=sha256_of_file(query.photo),
        reference_id=by_name[query.reference_id] if query.reference_id else None,
    )


def _check_is_new(photo: RealPhoto, shown: Mapping[str, str], seen: Mapping[str, str]) -> None:
    if photo.sha256 in shown:
        raise PhotoError(_is_reference_image(photo, shown[photo.sha256]))
    if photo.sha256 in seen:
        raise PhotoError(f"{photo.path}: is the same file as {seen[photo.sha256]}, and counts once")


def _is_reference_image(photo: RealPhoto, reference_id: str) -> str:
    return f"{photo.path}: is a reference image of {reference_id!r}; left out, since it would flatter"


def _check_usable(table: Path, photos: Sequence[RealPhoto], left_out: Sequence[SkippedImage]) -> None:
    if not photos:
        raise SetupError(f"{table}: no usable photo; {left_out[0].reason}")
    if all(photo.reference_id is None for photo in photos):
        raise SetupError(
            f"{table}: no photo shows a reference of the pack (every id is empty); add photos of things in the pack"
        )
    shown = {photo.reference_id for photo in photos if photo.reference_id is not None}
    if len(shown) == 1:
        raise SetupError(
            f"{table}: all photos of things in the pack show {shown.pop()!r}; that tells nothing of the others. Add "
            "photos of other references"
        )


def score_real_photos(
    photos: Sequence[RealPhoto],
    encoders: Mapping[str, KeyedEncoder],
    index_file: Path,
    index: IndexSpec,
    images: Sequence[IndexedImage],
    recipe: Preprocessing,
    *,
    points: BuiltPoints | None,
    cache: BuildCache,
    progress: Progress = no_progress,
) -> dict[str, ScoredRealPhotos]:
    """Return the scores and points of photos, by variant, as a device gets them.

    Args:
        photos: The photos, at least one.
        encoders: The variants, by name.
        index_file: The file of the index; its hash was checked.
        index: The manifest's entry of the index.
        images: The reference images in the index.
        recipe: The encoder's preprocessing.
        points: Counts agreeing points; None for a pack without local features.
        cache: Keeps the photos' embeddings and counts.
        progress: Shows the progress over the photos.

    Raises:
        PhotoError: A file has vanished or changed since the table was read.
    """
    search = FaissSearch(index_file, index)
    reference_ids = {image.index_id: image.reference_id for image in images}
    inputs = [_input(photo, recipe) for photo in photos]
    embeddings = embed_inputs(encoders, inputs, cache, progress, "calibrating with real photos", dim=index.dim)

    def scored(name: str) -> ScoredRealPhotos:
        whole = search.nearest(embeddings[name][:, 0], 1)
        copies = {
            at: reference_ids[nearest]
            for at, (nearest, score) in enumerate(
                zip(whole.ids[:, 0].tolist(), whole.scores[:, 0].tolist(), strict=True)
            )
            if score > _SAME_IMAGE
        }
        kept = [at for at in range(len(photos)) if at not in copies]
        left_out = tuple(
            SkippedImage(path=photos[at].path, reason=_is_reference_image(photos[at], shown))
            for at, shown in copies.items()
        )
        if not kept:
            return ScoredRealPhotos(photos=(), groups=(), left_out=left_out)
        # Known things first, as `score_photos` returns them.
        kept.sort(key=lambda at: photos[at].reference_id is None)
        asked = [_calibration_photo(photos[at]) for at in kept]
        candidates = rank_candidates(
            embeddings[name][kept],
            search,
            reference_ids=reference_ids,
            most_images_per_reference=index.most_images_per_reference,
        )
        counts = None
        if points is not None:
            counts = count_candidate_points(
                asked, candidates, points.counter, image_key=points.image_key, cache=cache, progress=progress
            )
        found = score_photos(asked, candidates, counts)
        return ScoredRealPhotos(
            photos=(*found.genuine, *found.strangers),
            groups=tuple(photos[at].group for at in kept),
            left_out=left_out,
        )

    return {name: scored(name) for name in encoders}


def _input(photo: RealPhoto, recipe: Preprocessing) -> EncoderInput:
    return EncoderInput(
        key=cache_key("real photo", photo.sha256, asdict(recipe)),
        draw=lambda: prepare_photo(_unchanged(photo), recipe).pixels,
    )


def _unchanged(photo: RealPhoto) -> OpenedPhoto:
    """Read a photo again, whose scores are kept under its hash.

    Raises:
        PhotoError: The file has vanished or changed since the table was read.
    """
    data = read_image_file(photo.path)
    if sha256_of_bytes(data) != photo.sha256:
        raise PhotoError(f"{photo.path}: has changed since the table was read; run the command again")
    return OpenedPhoto(name=str(photo.path), content=data)


def _calibration_photo(photo: RealPhoto) -> CalibrationPhoto:
    def draw() -> Image:
        image = _unchanged(photo).decode(enough_px=_SIDE_PX).image
        image.thumbnail((_SIDE_PX, _SIDE_PX))
        return image

    return CalibrationPhoto(
        key=cache_key("real photo", photo.sha256, _SIDE_PX), draw=draw, reference_id=photo.reference_id
    )
