"""Search with an overlay: what a person taught stands among the references of the pack, and one rule decides.

The taught pictures are compared as the pack's images are: by the same encoder, and by points if the pack has a
local-feature net. The pack's calibration decides. A taught thing is one more neighbour: it can be named, and it can
make an answer ambiguous.

Trap: with filters, the overlay takes no part, since a taught thing has no namespace and no labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.errors import PackDamagedError, PhotoError
from edge_identify.edge_runtime.search.vector_search import Neighbours, VectorSearch, best_neighbours
from edge_identify.edge_runtime.taught.kept_picture import decode_kept_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.edge_runtime.search.geometry.point_counting import ReferencePoints
    from edge_identify.edge_runtime.search.geometry.point_methods import PointMethod
    from edge_identify.edge_runtime.search.geometry.points import Points
    from edge_identify.edge_runtime.taught.overlay import Overlay
    from edge_identify.edge_runtime.taught.taught_things import TaughtPicture, TaughtThing

_LENGTH_TOLERANCE = 1e-3  # of a unit vector
_AT_ONCE = 16  # pictures that are embedded at once


@dataclass(frozen=True, slots=True)
class _Row:
    thing: TaughtThing
    picture: TaughtPicture

    @property
    def index_id(self) -> int:
        """The id of its vector among those of the index: negative, so that it is never one of the pack's.

        It stays the same whatever else is taught: points are cached by it.
        """
        key = f"{self.thing.id} {self.picture.sha256}".encode()
        return -1 - int.from_bytes(hashlib.sha256(key).digest()[:6])


class TaughtPictures:
    """The pictures of an overlay with their embeddings in the pack's space; `refresh` reads the overlay again."""

    def __init__(
        self, overlay: Overlay, *, space_id: str, dim: int, embed: Callable[[list[Image]], NDArray[np.float32]]
    ) -> None:
        """Read the overlay. Pictures without an embedding of this space are embedded now, and the vectors kept.

        Args:
            overlay: What was taught.
            space_id: The embedding space of the pack.
            dim: Its number of dimensions.
            embed: Returns the unit vectors, float32 [n, dim], of upright RGB images as of reference images.

        Raises:
            PackError: A file of the overlay is damaged.
        """
        self._overlay, self._space_id, self._dim, self._embed = overlay, space_id, dim, embed
        self.refresh()

    @property
    def overlay(self) -> Overlay:
        """The overlay."""
        return self._overlay

    @property
    def ids(self) -> NDArray[np.int64]:
        """The index ids of the pictures, int64 [n], all negative."""
        return self._ids

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The embeddings, float32 [n, dim]."""
        return self._vectors

    def refresh(self) -> None:
        """Read the overlay again, after something was taught or forgotten.

        Raises:
            PackError: A file of the overlay is damaged.
        """
        rows = [_Row(thing, picture) for thing in self._overlay.things() for picture in thing.pictures]
        self._rows = {row.index_id: row for row in rows}
        known = {row.picture.sha256: vector for row in rows if (vector := self._known(row.picture)) is not None}
        known |= self._embedded([row.picture for row in self._rows.values() if row.picture.sha256 not in known])
        self._ids = np.array(list(self._rows), dtype=np.int64)
        vectors = [known[row.picture.sha256] for row in self._rows.values()]
        self._vectors = np.stack(vectors) if vectors else np.empty((0, self._dim), np.float32)

    def thing_of(self, index_id: int) -> TaughtThing | None:
        """Return the taught thing that an index id belongs to; None for an id of the pack."""
        row = self._rows.get(index_id)
        return None if row is None else row.thing

    def image(self, index_id: int) -> Image | None:
        """Return a kept picture as upright RGB; None for an id of the pack.

        Raises:
            PackDamagedError: The picture is missing or damaged.
        """
        row = self._rows.get(index_id)
        return None if row is None else self._decoded(row.picture)

    def _known(self, picture: TaughtPicture) -> NDArray[np.float32] | None:
        """Return the kept embedding in this space; None if there is none, or it is no unit vector of this length."""
        data = picture.embeddings.get(self._space_id, b"")
        if len(data) != 4 * self._dim:
            return None
        vector = np.frombuffer(data, "<f4").astype(np.float32)
        return vector if abs(float(np.linalg.norm(vector)) - 1) <= _LENGTH_TOLERANCE else None

    def _embedded(self, pictures: list[TaughtPicture]) -> dict[str, NDArray[np.float32]]:
        found: dict[str, NDArray[np.float32]] = {}
        for at in range(0, len(pictures), _AT_ONCE):
            some = pictures[at : at + _AT_ONCE]
            vectors = self._embed([self._decoded(picture) for picture in some])
            found |= {picture.sha256: vector for picture, vector in zip(some, vectors, strict=True)}
        if found:
            kept = {sha256: vector.astype("<f4").tobytes() for sha256, vector in found.items()}
            self._overlay.keep_embeddings(kept, space_id=self._space_id)
        return found

    def _decoded(self, picture: TaughtPicture) -> Image:
        data = self._overlay.picture(picture.sha256)
        try:
            return decode_kept_picture(data, name=f"the taught picture {picture.sha256[:12]}")
        except PhotoError as error:
            raise PackDamagedError(f"{self._overlay.folder}: {error}; forget the thing, and teach it again") from error


class TaughtSearch:
    """Searches a pack's index, and adds every taught picture to what it finds."""

    def __init__(self, search: VectorSearch, taught: TaughtPictures) -> None:
        """Use the search of a pack."""
        self._search, self._taught = search, taught

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """Return the `k` nearest vectors of the pack and all taught ones; see `VectorSearch.nearest`.

        Raises:
            PackDamagedError: The index has negative ids, which only taught pictures have.
        """
        found = self._search.nearest(queries, k)
        if (found.ids < 0).any():
            raise PackDamagedError("the index of the pack has negative ids; build or fetch the pack again")
        scores = np.concatenate([found.scores, queries @ self._taught.vectors.T], axis=1)
        own = np.broadcast_to(self._taught.ids, (len(queries), len(self._taught.ids)))
        ids = np.concatenate([found.ids, own], axis=1)
        return best_neighbours(ids, scores, scores.shape[1])


class TaughtPoints:
    """The points of a pack's reference images and of taught pictures."""

    def __init__(self, references: ReferencePoints, taught: TaughtPictures, method: PointMethod) -> None:
        """Use the points of a pack."""
        self._references, self._taught, self._method = references, taught, method

    def points(self, index_id: int) -> Points | None:
        """Return the points of an image; None if there is none.

        Raises:
            PackDamagedError: The image cannot be used.
        """
        if index_id >= 0:
            return self._references.points(index_id)
        image = self._taught.image(index_id)
        return None if image is None else self._method.reference_points(image)
