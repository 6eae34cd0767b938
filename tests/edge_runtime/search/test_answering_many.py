"""A long-lived program: one encoder for several filters, photos in memory, several threads."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.photos.exif_position import photo_position
from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo, prepare_photo_bytes
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.text_searcher import TextSearcher
from letter_packs import write_letter_pack

LYON = Filters(namespaces=("Lyon",))


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return open_pack(write_letter_pack(tmp_path / "letters"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    gps = Image.Exif()
    gps.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 0.0), 3: "E", 4: (2.0, 21.0, 0.0)})
    Image.new("RGB", (400, 300), (230, 30, 40)).save(path, exif=gps)
    return path


def test_an_identifier_is_narrowed_without_loading_its_encoder_again(pack: Pack, photo: Path) -> None:
    with Identifier(pack, many=True) as identifier, Identifier(pack, many=True, filters=LYON) as fresh:
        narrowed = identifier.narrowed(LYON)
        found, expected = narrowed.identify(photo), fresh.identify(photo)
        narrowed.close()

        assert replace(found, times=expected.times) == expected
        assert identifier.identify(photo).matches[0].reference.namespace == "Paris"
        assert narrowed._encoder is identifier._encoder
        with pytest.raises(SetupError, match="Lyon"):
            identifier.narrowed(Filters(namespaces=("lyon",)))


def test_a_searcher_is_narrowed_and_embeds_texts(pack: Pack) -> None:
    with TextSearcher(pack, many=True) as searcher:
        narrowed = searcher.narrowed(LYON)
        assert {match.reference.id for match in narrowed.search("ra").matches} == {"green", "blue"}
        narrowed.close()
        assert {match.reference.id for match in searcher.search("ra").matches} == {"red", "crimson", "green", "blue"}
        assert searcher.variant_name == "onnx-fp32"
        embedding = searcher.embed("ra")
        assert embedding.shape == (3,)
        assert np.linalg.norm(embedding) == pytest.approx(1)


def test_a_photo_in_memory_is_prepared_as_its_file(pack: Pack, photo: Path) -> None:
    recipe = pack.manifest.preprocessing
    place = photo_position(io.BytesIO(photo.read_bytes()))

    prepared = prepare_photo_bytes(photo.read_bytes(), recipe, name="photo", position=place)

    assert np.array_equal(prepared.pixels, prepare_photo(photo, recipe).pixels)
    assert prepared.position == photo_position(photo)
    assert place is not None
    with pytest.raises(PhotoError, match="my photo: is not an image"):
        prepare_photo_bytes(b"no picture", recipe, name="my photo")


def test_threads_read_one_table(pack: Pack) -> None:
    with ReferenceTable(pack.file(pack.manifest.references_file)) as references, ThreadPoolExecutor(8) as threads:
        names = list(
            threads.map(lambda at: references.reference(references.reference_id_of(at % 5 + 1)).id, range(500))
        )

    assert names == ["red", "green", "blue", "crimson", "crimson"] * 100


def test_the_images_of_a_reference_are_listed(pack: Pack) -> None:
    with ReferenceTable(pack.file(pack.manifest.references_file)) as references:
        assert [image.index_id for image in references.images_of("crimson")] == [4, 5]
        assert references.images_of("nothing") == []
