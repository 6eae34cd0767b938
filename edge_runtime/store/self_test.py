"""The self-test of a pack: a few photos with their expected pixels and embeddings.

Every client runs it after an install. It finds errors that hashes cannot: a decoder, a resampler or a processor that
computes something else on this device. The test compares embeddings by cosine similarity, since an int8 model differs a
little between processors. The hash of the pixels is not tested; it helps authors of clients to find a cause.

`cases.json`: {"tolerance": cosine, "cases": [{"photo": path, "pixels_sha256", "embedding": [...]}]}. The optional
`measured` holds the cosines from which the maker derived the tolerance. The optional `points` holds what the
local-feature net finds in one photo; see `points_self_test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.encoders.encoder_choice import may_saturate_here, preferred_variant
from edge_identify.edge_runtime.encoders.graph_check import check_graph
from edge_identify.edge_runtime.errors import PackDamagedError, PhotoError
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.index_file import map_index_file
from edge_identify.edge_runtime.pack.manifest import Runtime
from edge_identify.edge_runtime.pack.pack_names import checked_path, checked_sha256
from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.photos.images import decode_image, read_image_file
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.text_searcher import TextSearcher
from edge_identify.edge_runtime.store.points_self_test import PointsCase, check_points, parse_points_case

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_CASES_BYTES = 4 * 2**20  # a handful of embeddings as text
MAX_CASES = 64  # packs have three
MAX_PHOTO_SIDE_PX = 4096  # of a self-test's photo; packs have 640 pixels at most


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceCase:
    """One photo with its expected pixels and embedding.

    Attributes:
        photo: Path of the photo in the pack.
        pixels_sha256: SHA-256 of the encoder's pixels, row by row.
        embedding: The expected unit vector, computed by the pack's maker.
    """

    photo: str
    pixels_sha256: str
    embedding: tuple[float, ...]


def serialise_cases(
    cases: tuple[ConformanceCase, ...],
    *,
    tolerance: float,
    measured: Mapping[str, Mapping[str, float]] | None = None,
    points: PointsCase | None = None,
) -> bytes:
    """Return the bytes of `cases.json`.

    Args:
        cases: The photos and their expected results.
        tolerance: Minimum cosine similarity of a device's embedding to the maker's.
        measured: The cosines from which the tolerance was derived, for people; no reader needs them.
        points: Points of one photo, for a pack with local features.
    """
    rows = [
        {
            "photo": case.photo,
            "pixels_sha256": case.pixels_sha256,
            "embedding": [round(value, 6) for value in case.embedding],
        }
        for case in cases
    ]
    shown = {} if measured is None else {"measured": measured}
    found = {} if points is None else {"points": points.as_json()}
    return canonical_json({"tolerance": tolerance, "cases": rows, **shown, **found})


def self_test(pack: Pack) -> int:
    """Run a pack's cases on this device: embed and answer each photo, and search one text if there is a text tower.

    Returns:
        Number of photos tested.

    Raises:
        PackDamagedError: A photo gives another embedding or other points here, or cannot be answered; or the pack has
            no case.
        PackError: An encoder or another file of the pack does not work here.
    """
    path = pack.file(pack.manifest.conformance_file)
    fields = parse_json_object(_read_capped(path), where=str(path), max_bytes=MAX_CASES_BYTES)
    tolerance, cases = fields.number("tolerance"), [_case(case) for case in fields.objects("cases")]
    if not cases or not 0 < tolerance <= 1:
        raise PackDamagedError(f"{path}: holds {len(cases)} photos and a tolerance of {tolerance}; it tests nothing")
    if len(cases) > MAX_CASES:
        raise PackDamagedError(f"{path}: holds {len(cases)} photos, more than the limit of {MAX_CASES}")
    _check_graphs(pack)
    _check_references(pack)
    with Identifier(pack) as identifier:
        for case in cases:
            _check_case(pack, identifier, case, tolerance)
    if fields.has("points"):
        check_points(pack, parse_points_case(fields.object("points")))
    if pack.manifest.text_variants:
        with TextSearcher(pack) as searcher:
            searcher.search("a picture", top_k=1)
    return len(cases)


def _check_graphs(pack: Pack) -> None:
    """Check every ONNX graph that is here: an installed pack's graphs are not checked again."""
    manifest = pack.manifest
    here = {entry.path for entry in manifest.files_for(pack.variant_names)}
    nets = manifest.local_features.variants.values() if manifest.local_features else ()
    for variant in (*manifest.image_variants.values(), *manifest.text_variants.values(), *nets):
        if variant.runtime is Runtime.ONNX and variant.model in here:
            check_graph(pack.file(variant.model), {Path(variant.model).name})


def _check_references(pack: Pack) -> None:
    """Read all references, as an answer may need any of them."""
    manifest = pack.manifest
    path = pack.file(manifest.references_file)
    with ReferenceTable(path) as table:
        found = table.check_all()
        if found != manifest.reference_count:
            raise PackDamagedError(f"{path}: holds {found} references, the manifest says {manifest.reference_count}")
        rows = map_index_file(pack.file(manifest.index.file), manifest.index)
        unlisted = set(rows.ids.tolist()).difference(image.index_id for image in table.images())
    if unlisted:
        raise PackDamagedError(f"{path}: does not list the image {min(unlisted)}, which the index holds")


def _read_capped(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_CASES_BYTES + 1)


def _check_case(pack: Pack, identifier: Identifier, case: ConformanceCase, tolerance: float) -> None:
    try:
        path = pack.file(case.photo)
        image = decode_image(read_image_file(path), name=str(path), max_side_px=MAX_PHOTO_SIDE_PX)
        pixels = identifier.pixels(image)
    except PhotoError as error:
        raise PackDamagedError(f"pack {pack.manifest.name}: self-test photo cannot be used: {error}") from error
    cosine = _cosine(identifier.embed_pixels(pixels[None])[0], case.embedding)
    if not cosine >= tolerance:
        raise PackDamagedError(
            f"pack {pack.manifest.name}: self-test photo {case.photo} has cosine {cosine:.4f} to its expected "
            f"embedding (at least {tolerance} needed): the encoder computes something else on this device"
            f"{_advice(pack)}"
        )
    identifier.identify_prepared(PreparedPhoto(pixels=pixels[None], seconds=0.0), top_k=1)


def _advice(pack: Pack) -> str:
    """Return advice for an 8-bit encoder of an older pack; empty for any other encoder."""
    variant = preferred_variant(pack.manifest.image_variants, pack.variant_names, pack.manifest.name)
    if not may_saturate_here(variant):
        return ""
    return (
        f". Its {variant.name} was made by an earlier edge-build, and this processor has no VNNI: ask the pack's maker "
        "to build it again with `edge-build pack`, or to add --variants onnx-int8,onnx-fp32"
    )


def _cosine(found: NDArray[np.float32], expected: tuple[float, ...]) -> float:
    import numpy as np

    other = np.asarray(expected, dtype=np.float32)
    if other.shape != found.shape:
        return -1.0
    return float(found @ other / (np.linalg.norm(found) * np.linalg.norm(other)))


def _case(fields: JsonObject) -> ConformanceCase:
    return ConformanceCase(
        photo=checked_path(fields.text("photo")),
        pixels_sha256=checked_sha256(fields.text("pixels_sha256")),
        embedding=tuple(fields.numbers("embedding")),
    )
