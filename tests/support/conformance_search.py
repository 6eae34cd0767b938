"""Conformance vectors of lookups: the index, binary codes, references, words, tokens, and the files behind them."""

from __future__ import annotations

import struct
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from colour_packs import flat_index_bytes
from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import make_tokenizer
from edge_identify.edge_runtime.pack.binary_codes_file import write_binary_codes_file
from edge_identify.edge_runtime.pack.descriptors_file import (
    DescriptorTable,
    StoredPoints,
    encode_points,
    write_descriptors,
)
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.pack.manifest import (
    BinaryCodesSpec,
    Cleaning,
    IndexKind,
    IndexSpec,
    TokenizerKind,
    TokenizerSpec,
)
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage, ReferenceImageFacts, ReferenceTable
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails
from edge_identify.edge_runtime.search.binary_codes import BinaryCodeSearch
from edge_identify.edge_runtime.search.vector_search import MappedSearch, nearest_of_views
from edge_identify.edge_runtime.search.words.word_index import WordIndex

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.search.vector_search import VectorSearch

_DIM, _ROWS = 10, 40
_MANY_DIM, _MANY_ROWS = 8, 8200  # as few as a shortlist is made for
_NAMES = ("Seated cat", "Crab", "Avocado", "Œuvre d'été", "東京タワー", "PA_823", "Butter", "Apple tart", "Straße 12")
_QUERIES = (
    "cat",
    "avocdo",
    "pa832",
    "pa 823",
    "oeuvre d'ete",
    "東京",
    "buter",
    "a picture of apples",
    "strasse",
    "ref-0007",
    "craab",
    "warm crab",
    "zzzz",
    "☂",
    "metal",
)
_MERGES = ["t h", "th e</w>", "c a", "ca t</w>", "e r", "1 0", "à ©</w>", "a n", "an d</w>", "! !</w>"]
_TEXTS = (
    "the cat",
    "The  CAT and the 100 thermometers!!",
    "café &amp; it's “fine”",
    "漢字 10 ☂ cat",
    "",
    "the cat " * 9,
    "ＣＡＴ ﬁne",
)


def index_vectors(folder: Path, random: np.random.Generator) -> list[dict[str, Any]]:
    """Write index files and return queries with the ids and scores that they find."""
    vectors = _unit(random.normal(size=(_ROWS, _DIM)))
    vectors[7] = vectors[3]  # equal scores: ordered by id
    ids = np.r_[np.arange(_ROWS, 0, -1)]
    flat, coded = folder / "index-flat.faiss", folder / "index-sq8.faiss"
    flat.write_bytes(flat_index_bytes(vectors, ids.tolist()))
    coded.write_bytes(_sq8_index_bytes(vectors, ids))
    queries = [_unit(random.normal(size=(views, _DIM))) for views in (1, 3)] + [vectors[3:4]]
    specs = {flat: _spec(flat, IndexKind.FLAT, _ROWS, _DIM), coded: _spec(coded, IndexKind.SQ8, _ROWS, _DIM)}
    return [
        _index_case(
            path, spec, MappedSearch(path, spec, among=None if among is None else np.array(among)), query, among
        )
        for path, spec in specs.items()
        for query in queries
        for among in (None, [2, 5, 33, 37, 36])
    ] + _many_vectors(folder, random)


def _many_vectors(folder: Path, random: np.random.Generator) -> list[dict[str, Any]]:
    vectors = _unit(random.normal(size=(_MANY_ROWS, _MANY_DIM)) + 0.5)
    path, codes = folder / "index-many.faiss", folder / "index-many.signs"
    ids = np.arange(_MANY_ROWS)
    path.write_bytes(_sq8_index_bytes(vectors, ids))
    write_binary_codes_file(codes, vectors.mean(axis=0), _MANY_ROWS, [vectors])
    spec = _spec(path, IndexKind.SQ8, _MANY_ROWS, _MANY_DIM, BinaryCodesSpec(file=codes.name, recall_at_10=0.5))
    search = BinaryCodeSearch(path, codes, spec, many=False)
    queries = [_unit(random.normal(size=(views, _MANY_DIM)) + 0.5) for views in (1, 2)]
    return [_index_case(path, spec, search, query, None) for query in queries]


def _index_case(
    path: Path, spec: IndexSpec, search: VectorSearch, query: NDArray[np.float32], among: list[int] | None
) -> dict[str, Any]:
    found = nearest_of_views(search, query[None], 6)
    return {
        "file": path.name,
        "kind": spec.kind.value,
        "dim": spec.dim,
        "count": spec.count,
        "signs": None if spec.binary_codes is None else spec.binary_codes.file,
        "among": among,
        "views": [[float(value) for value in view] for view in query],
        "k": 6,
        "ids": found.ids[0].tolist(),
        "scores": [round(float(score), 6) for score in found.scores[0]],
    }


def _spec(path: Path, kind: IndexKind, count: int, dim: int, codes: BinaryCodesSpec | None = None) -> IndexSpec:
    return IndexSpec(
        file=path.name,
        kind=kind,
        dim=dim,
        count=count,
        embedded_with="onnx-fp32",
        most_images_per_reference=2,
        binary_codes=codes,
    )


def _sq8_index_bytes(vectors: NDArray[np.float32], ids: NDArray[np.int64]) -> bytes:
    count, dim = vectors.shape
    least, width = vectors.min(axis=0), np.ptp(vectors, axis=0)
    codes = np.clip((vectors - least) / width * 255, 0, 255).astype(np.uint8)
    header = struct.pack("<iqqqBi", dim, count, 1 << 20, 1 << 20, 1, 0)
    trained = np.r_[least, width].astype("<f4")
    parameters = struct.pack("<iifQQ", 0, 0, 0.0, dim, dim) + struct.pack("<Q", len(trained)) + trained.tobytes()
    body = b"IxSQ" + header + parameters + struct.pack("<Q", codes.size) + codes.tobytes()
    data: bytes = b"IxM2" + header + body + struct.pack("<Q", count) + ids.astype("<i8").tobytes()
    return data


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def references() -> list[Reference]:
    """Return 150 references: three levels of pages, names of several scripts, a text longer than a page."""
    found = []
    for at in range(150):
        name = _NAMES[at] if at < len(_NAMES) else f"Thing number {at}"
        located = at % 3 == 0
        found.append(
            Reference(
                id=f"ref-{at:04}" if at % 10 else f"réf-{at:04}",
                name=name,
                namespace=("", "art", "food")[at % 3],
                labels={"kind": "metal" if at % 4 == 0 else "wood", **({"warm": "yes"} if at == 1 else {})},
                latitude=48 + at / 100 if located else None,
                longitude=2 + at / 50 if located else None,
                url="https://example.org/?a=1" if at == 2 else None,
                licence="CC0" if at % 2 else None,
                attributes={"note": f"long text {at} " * (700 if at == 5 else 3)},
            )
        )
    return found


def reference_vectors(folder: Path) -> dict[str, Any]:
    """Write a references file and return what is looked up in it."""
    path = folder / "references.sqlite"
    path.unlink(missing_ok=True)
    known = references()
    images = [
        ReferenceImage(
            index_id=3 * at + 7,
            reference_id=known[at % 140].id,
            sha256=f"{at:064x}",
            facts=ReferenceImageFacts(path=f"a/{at}.jpg", provenance="Ada") if at == 4 else ReferenceImageFacts(),
        )
        for at in range(280)
    ]
    write_references(path, known, images)
    with ReferenceTable(path) as table:
        narrow = Filters(namespaces=("art",), labels={"kind": ("metal",)})
        return {
            "file": path.name,
            "count": table.count(),
            "references": [asdict(table.reference(known[at].id)) for at in (0, 2, 5, 77, 149)],
            "reference_ids": {str(image): table.reference_id_of(image) for image in (7, 19, 430, 844)},
            "images_of": {known[3].id: [image.index_id for image in table.images_of(known[3].id)]},
            "image_facts": {"19": asdict(table.image_facts(19))},
            "namespaces": table.namespaces(),
            "label_kinds": table.label_kinds(),
            "label_values": {"kind": table.label_values("kind")},
            "filters": {"namespaces": ["art"], "labels": {"kind": ["metal"]}},
            "passing": table.ids(narrow),
            "passing_index_ids": table.index_ids(narrow),
            "located_count": table.located_count(),
        }


def word_vectors() -> list[dict[str, Any]]:
    """Return texts with the references whose words they have, and why."""
    index = WordIndex(sorted(references(), key=lambda reference: reference.id))
    return [
        {
            "text": text,
            "hits": [
                {
                    "id": hit.reference_id,
                    "rank": hit.rank,
                    "exact": hit.is_exact,
                    "why": [
                        [reason.found_in.value, reason.key, reason.is_exact, dict(reason.corrected)]
                        for reason in hit.reasons
                    ],
                }
                for hit in index.find(text, most=4)
            ],
        }
        for text in _QUERIES
    ]


def thumbnail_vectors(folder: Path, random: np.random.Generator) -> dict[str, Any]:
    """Write a thumbnails file, one entry longer than a page, and return the hashes of its entries."""
    path = folder / "thumbnails.sqlite"
    path.unlink(missing_ok=True)
    entries = [(at, _webp_like(random, length)) for at, length in ((2, 40), (9, 9000), (11, 300))]
    write_thumbnails(path, entries)
    return {"file": path.name, "sha256": {str(at): sha256(data).hexdigest() for at, data in entries}, "absent": 3}


def _webp_like(random: np.random.Generator, length: int) -> bytes:
    return b"RIFF" + struct.pack("<I", length) + b"WEBP" + random.integers(0, 256, length, dtype=np.uint8).tobytes()


def descriptor_vectors(folder: Path, random: np.random.Generator) -> dict[str, Any]:
    """Write a descriptors file and return the points in it."""
    path = folder / "points.descriptors"
    images = {4: 3, 9: 0, 12: 5}
    encoded = [(index_id, encode_points(_stored(random, count))) for index_id, count in images.items()]
    write_descriptors(path, encoded, count=len(images), dim=7, most_points=5)
    table = DescriptorTable(path, dim=7, most_points=5, most_images=9)
    return {
        "file": path.name,
        "dim": 7,
        "most_points": 5,
        "most_images": 9,
        "points": {str(index_id): _stored_as_json(table, index_id) for index_id in images},
        "absent": 5,
    }


def _stored(random: np.random.Generator, count: int) -> StoredPoints:
    return StoredPoints(
        size=(60, 40),
        positions=random.uniform(0, 40, (count, 2)).astype(np.float32),
        descriptors=_unit(random.normal(size=(count, 7))) if count else np.zeros((0, 7), np.float32),
    )


def _stored_as_json(table: DescriptorTable, index_id: int) -> dict[str, Any]:
    found = table.points(index_id)
    assert found is not None
    return {
        "width": found.size[0],
        "height": found.size[1],
        "positions": found.positions.ravel().tolist(),
        "descriptors": [round(float(value), 6) for value in found.descriptors.ravel()],
    }


def token_vectors() -> dict[str, Any]:
    """Return merges and texts with their token ids."""
    merges = "\n".join(_MERGES) + "\n"
    cases = []
    for cleaning in Cleaning:
        spec = TokenizerSpec(kind=TokenizerKind.CLIP_BPE, file="merges.txt", context_length=16, cleaning=cleaning)
        tokenizer = make_tokenizer(merges.encode(), spec, where="merges.txt")
        cases += [
            {"cleaning": cleaning.value, "text": text, "ids": tokenizer.encode([text])[0].tolist()} for text in _TEXTS
        ]
    return {"merges": merges, "context_length": 16, "cases": cases}
