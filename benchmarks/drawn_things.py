"""Drawn things that no training has seen: telling near-twins and siblings apart, and recall among look-alikes.

They are endless, so their seed decides: training draws with its own seeds, and none of the numbers here is one of
them. A mean over all kinds hides the hard one, so mosaics, posters and packages are also
reported apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
from compared_encoders import ImageEncoder
from outcome_figures import share_figures

from edge_identify.datasets.drawn.instances import SIDE_PX, DrawnInstance, draw_families, draw_near_twins
from edge_identify.datasets.drawn.instances.drawn_products import DrawnProduct, draw_product
from edge_identify.datasets.drawn.instances.product_lines import choose_line
from edge_identify.datasets.drawn.simulated_photo import simulate_photo
from edge_identify.edge_runtime.photos.images import open_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_INSTANCE_SEED = 7_202_611_213  # this benchmark's own; a training or validation that used it would measure its memory
_TWIN_SEED = 7_202_611_214
_PHOTO_SEED = 7_202_611_215
_SIBLING_SEED = 7_202_611_217
SIBLINGS = 4  # products of one line: the same logo and layout, another flavour


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSet:
    """Drawn instances as a maker and a passer-by see them.

    Attributes:
        instances: What was drawn.
        files: The reference pictures, in the same order.
    """

    instances: tuple[DrawnInstance, ...]
    files: tuple[Path, ...]

    def references(self) -> list[Image]:
        """Return the reference pictures, opened as any others: upright RGB, white behind what is cut out."""
        return [open_image(path) for path in self.files]

    def things(self) -> list[Image]:
        """Return the things themselves, RGBA, transparent where another background may be seen."""
        return [PIL.Image.fromarray(instance.pixels) for instance in self.instances]

    def first(self, count: int) -> DrawnSet:
        """Return the first instances alone."""
        return DrawnSet(instances=self.instances[:count], files=self.files[:count])


def draw_instances(folder: Path, count: int) -> DrawnSet:
    """Draw families until there are `count` instances, and write their reference pictures into a folder."""
    families = draw_families(np.random.default_rng(_INSTANCE_SEED), ())
    return _written(folder, list(islice(chain.from_iterable(families), count)))


def draw_twins(folder: Path, pairs: int) -> DrawnSet:
    """Draw near-twins and write their reference pictures; each pair is an even position and the one behind it."""
    drawn = draw_near_twins(np.random.default_rng(_TWIN_SEED), pairs)
    return _written(folder, list(chain.from_iterable(drawn)))


def draw_siblings(lines: int) -> list[DrawnProduct]:
    """Draw SIBLINGS products of each of `lines` lines, one line after the other, in Pillow's typeface."""
    rng = np.random.default_rng(_SIBLING_SEED)
    chosen = (choose_line(rng, ()) for _ in range(lines))
    return [draw_product(rng, line, side_px=SIDE_PX, images=()) for line in chosen for _ in range(SIBLINGS)]


def simulated_photos(things: Sequence[Image]) -> list[Image]:
    """Return one ordinary simulated photo of each thing, RGBA."""
    rng = np.random.default_rng(_PHOTO_SEED)
    return [simulate_photo(thing, rng, difficulty=1) for thing in things]


def twin_figures(scores: NDArray[np.float32]) -> dict[str, Any]:
    """Return how many photos are nearer to their own reference than to its near-twin's.

    Args:
        scores: Cosines of photos with references, float32 [n, n], in the order of `draw_twins`.
    """
    positions = np.arange(len(scores))
    hits = scores[positions, positions] > scores[positions, positions ^ 1]
    pairs = [str(position // 2) for position in positions]
    return {"photos": len(hits), **share_figures("accuracy", hits, pairs)}


def sibling_figures(scores: NDArray[np.float32]) -> dict[str, Any]:
    """Return how many photos are nearer to their own reference than to those of all siblings.

    Args:
        scores: Cosines of photos with references, float32 [n, n], in the order of `draw_siblings`.
    """
    lines = np.arange(len(scores)) // SIBLINGS
    among = np.where(lines[:, None] == lines[None], scores, -np.inf)
    return {"photos": len(scores), **share_figures("accuracy", found_first(among), lines.astype(str).tolist())}


def recall_figures_by_kind(scores: NDArray[np.float32], kinds: Sequence[str]) -> dict[str, Any]:
    """Return recall at 1 for all and for each kind of drawn thing.

    Args:
        scores: Cosines of photos with references, float32 [n, n]; photo n shows reference n.
        kinds: What each thing is.
    """
    hits = found_first(scores)
    things = [str(position) for position in range(len(hits))]
    groups = {"all": np.ones(len(hits), dtype=bool)}
    groups |= {kind: np.array([each == kind for each in kinds]) for kind in sorted(set(kinds))}
    return {
        name: {
            "photos": int(chosen.sum()),
            **share_figures("recall@1", hits[chosen], np.array(things)[chosen].tolist()),
        }
        for name, chosen in groups.items()
    }


def found_first(scores: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return for each photo whether its own reference, the one at the same position, is the nearest; a tie is not."""
    own = np.diagonal(scores)
    others = scores - np.diag(np.full(len(scores), np.inf, dtype=np.float32))
    hits: NDArray[np.bool_] = own > others.max(axis=1)
    return hits


def measure_twins(encoders: Sequence[ImageEncoder], folder: Path, pairs: int) -> Mapping[str, Any]:
    """Return the near-twin figures by encoder."""
    twins = draw_twins(folder, pairs)
    photos, references = simulated_photos(twins.things()), twins.references()
    return {encoder.name: twin_figures(scores_of(encoder, photos, references)) for encoder in encoders}


def measure_siblings(encoders: Sequence[ImageEncoder], lines: int) -> Mapping[str, Any]:
    """Return the sibling figures by encoder; a reference shows one side, and its photo another."""
    products = draw_siblings(lines)
    references = [PIL.Image.fromarray(product.shown).convert("RGB") for product in products]
    photos = simulated_photos([PIL.Image.fromarray(product.held) for product in products])
    return {encoder.name: sibling_figures(scores_of(encoder, photos, references)) for encoder in encoders}


def measure_drawn(encoders: Sequence[ImageEncoder], drawn: DrawnSet) -> Mapping[str, Any]:
    """Return the recall among drawn instances by encoder."""
    photos, references = simulated_photos(drawn.things()), drawn.references()
    kinds = [instance.kind.value for instance in drawn.instances]
    return {encoder.name: recall_figures_by_kind(scores_of(encoder, photos, references), kinds) for encoder in encoders}


def scores_of(encoder: ImageEncoder, photos: Sequence[Image], references: Sequence[Image]) -> NDArray[np.float32]:
    """Return the cosines of photos with references, float32 [photos, references]."""
    scores: NDArray[np.float32] = encoder.embed(photos) @ encoder.embed(references).T
    return scores


def _written(folder: Path, instances: Sequence[DrawnInstance]) -> DrawnSet:
    folder.mkdir()
    files = tuple(folder / f"{position:05}.png" for position in range(len(instances)))
    for instance, file in zip(instances, files, strict=True):
        PIL.Image.fromarray(instance.pixels).save(file)
    return DrawnSet(instances=tuple(instances), files=files)
