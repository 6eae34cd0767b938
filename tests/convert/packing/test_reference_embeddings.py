"""Embeddings are computed once: kept ones are reused for the same encoder and the same image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.export.compute_device import Batches, Computing
from edge_identify.convert.export.variants import ExportedVariant
from edge_identify.convert.packing.reference_embeddings import (
    EmbeddedReferences,
    EmbeddingMemory,
    NoMemory,
    embed_references,
)
from edge_identify.convert.progress import no_progress
from edge_identify.datasets.catalogue import reference_images
from edge_identify.datasets.catalogue.build_memory import MOST_ENCODERS
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.pack.manifest import Runtime, Tensor
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

if TYPE_CHECKING:
    from numpy.typing import NDArray

RECIPE = Preprocessing(size_px=8, resize_mode=ResizeMode.SQUASH, interpolation=Interpolation.BICUBIC)
DIM = 3


class MeanColours:
    """An encoder that returns mean colours and counts the images that it embeds."""

    def __init__(self, folder: Path, weights: bytes = b"weights") -> None:
        folder.mkdir(exist_ok=True)
        (folder / "model.onnx").write_bytes(weights)
        self.folder = folder
        self.shown = 0
        self.fails_after: int | None = None
        self.most_at_once: int | None = None
        tensor = Tensor(name="x", dtype="uint8", shape=(-1, 8, 8, 3))
        self.variant = ExportedVariant(
            name="onnx-int8",
            runtime=Runtime.ONNX,
            model="model.onnx",
            input=tensor,
            output=tensor,
            requires="",
            embed=self.embed,
        )

    def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        if self.fails_after is not None and self.shown + len(batch) > self.fails_after:
            raise KeyboardInterrupt
        if self.most_at_once is not None and len(batch) > self.most_at_once:
            raise MemoryError
        self.shown += len(batch)
        means = batch.mean(axis=(1, 2)).astype(np.float32) + 1
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / "p").mkdir()
    draw(tmp_path, range(10))
    catalogue = Catalogue.open(tmp_path / "c.db")
    catalogue.add(parse_source(f"images:{tmp_path / 'p'}"))
    return catalogue


def draw(tmp_path: Path, numbers: Sequence[int]) -> None:
    for number in numbers:
        Image.new("RGB", (9, 9), (number * 20, 255 - number * 9, 40)).save(tmp_path / f"p/{number:02}.png")


def embed(
    catalogue: Catalogue,
    encoder: MeanColours,
    recipe: Preprocessing = RECIPE,
    *,
    memory: EmbeddingMemory | None = None,
    computing: Computing | None = None,
) -> EmbeddedReferences:
    return embed_references(
        encoder.variant,
        encoder.folder,
        recipe,
        DIM,
        catalogue.images(),
        memory or catalogue.build_memory(),
        no_progress,
        computing,
    )


def test_a_second_build_embeds_nothing_and_gives_the_same(catalogue: Catalogue, tmp_path: Path) -> None:
    encoder = MeanColours(tmp_path / "pack")
    first = embed(catalogue, encoder)
    second = embed(catalogue, encoder)
    assert encoder.shown == 10
    assert second.images == first.images
    np.testing.assert_array_equal(second.embeddings[:], first.embeddings[:])
    np.testing.assert_array_equal(embed(catalogue, encoder, memory=NoMemory()).embeddings[:], first.embeddings[:])


def test_only_new_and_changed_images_are_embedded(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = MeanColours(tmp_path / "pack")
    embed(catalogue, encoder)
    draw(tmp_path, [11, 12])
    Image.new("RGB", (9, 9), "white").save(tmp_path / "p/03.png")
    catalogue.add(parse_source(f"images:{tmp_path / 'p'}"))
    decoded: list[Path] = []
    right = reference_images.open_reference_image

    def watched(image: CatalogueImage) -> Image.Image:
        decoded.append(image.path)
        return right(image)

    monkeypatch.setattr(reference_images, "open_reference_image", watched)
    embedded = embed(catalogue, encoder)
    assert encoder.shown == 13
    assert sorted(path.name for path in decoded) == ["03.png", "11.png", "12.png"]
    np.testing.assert_array_equal(embedded.embeddings[:], embed(catalogue, encoder, memory=NoMemory()).embeddings[:])


@pytest.mark.parametrize("change", ["weights", "recipe"])
def test_another_encoder_or_recipe_embeds_everything_anew(catalogue: Catalogue, tmp_path: Path, change: str) -> None:
    embed(catalogue, MeanColours(tmp_path / "pack"))
    encoder = MeanColours(tmp_path / "other", weights=b"others" if change == "weights" else b"weights")
    embed(catalogue, encoder, RECIPE if change == "weights" else replace(RECIPE, interpolation=Interpolation.BILINEAR))
    assert encoder.shown == 10


def test_other_views_of_photos_change_nothing_for_references(catalogue: Catalogue, tmp_path: Path) -> None:
    encoder = MeanColours(tmp_path / "pack")
    embed(catalogue, encoder)
    embed(catalogue, encoder, replace(RECIPE, photo_views=(1.0, 0.5)))
    assert encoder.shown == 10


def test_where_memory_does_not_suffice_fewer_are_embedded_at_a_time_and_none_is_lost(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    encoder, told = MeanColours(tmp_path / "pack"), list[str]()
    encoder.most_at_once = 3
    computing = Computing(batches=Batches(8, tell=told.append))
    embedded = embed(catalogue, encoder, computing=computing)
    assert len(told) == 2
    assert computing.batches.size == 2
    assert encoder.shown == 10
    encoder.most_at_once = None
    np.testing.assert_array_equal(embedded.embeddings[:], embed(catalogue, encoder, memory=NoMemory()).embeddings[:])


def test_an_interrupted_run_goes_on_and_embeds_nothing_twice(catalogue: Catalogue, tmp_path: Path) -> None:
    encoder = MeanColours(tmp_path / "pack")
    encoder.fails_after = 6
    with pytest.raises(KeyboardInterrupt):
        embed(catalogue, encoder, computing=Computing(batches=Batches(3)))
    catalogue.close()
    encoder.fails_after = None
    with Catalogue.open_existing(tmp_path / "c.db") as again:
        assert len(embed(again, encoder).images) == 10
    assert encoder.shown == 10


def test_an_image_that_has_changed_or_vanished_is_left_out_though_its_embedding_is_known(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    encoder = MeanColours(tmp_path / "pack")
    embed(catalogue, encoder)
    (tmp_path / "p/02.png").unlink()
    (tmp_path / "p/04.png").write_bytes(b"something else")
    embedded = embed(catalogue, encoder)
    assert [each.path.name for each in embedded.used.left_out] == ["02.png", "04.png"]
    assert [image.reference_id for image in embedded.images] == [f"{n:02}" for n in range(10) if n not in (2, 4)]
    assert len(embedded.embeddings[:]) == 8


def test_one_image_of_two_references_is_in_the_pack_twice(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "q").mkdir()
    (tmp_path / "q/same.png").write_bytes((tmp_path / "p/05.png").read_bytes())
    catalogue.add(parse_source(f"images:{tmp_path / 'q'}"))
    embedded = embed(catalogue, MeanColours(tmp_path / "pack"))
    assert [image.reference_id for image in embedded.images][-1] == "same"
    np.testing.assert_array_equal(embedded.embeddings[:][5], embedded.embeddings[:][10])


def test_only_the_latest_encoders_are_remembered(catalogue: Catalogue, tmp_path: Path) -> None:
    encoders = [MeanColours(tmp_path / str(at), weights=bytes([at])) for at in range(MOST_ENCODERS + 1)]
    for encoder in (*encoders[:-1], encoders[0], encoders[-1]):
        embed(catalogue, encoder)
    for encoder in encoders:
        encoder.shown = 0
    for encoder in (encoders[0], encoders[1]):
        embed(catalogue, encoder)
    assert [encoder.shown for encoder in encoders[:2]] == [0, 10]  # the second was used longest ago


def test_removed_images_leave_no_embedding_behind(catalogue: Catalogue, tmp_path: Path) -> None:
    encoder = MeanColours(tmp_path / "pack")
    embed(catalogue, encoder)
    catalogue.remove(["03"])
    query: Callable[[str], list[tuple[int]]] = lambda text: catalogue._database.execute(text).fetchall()  # noqa: E731
    assert query("SELECT count(*) FROM embedding") == [(9,)]
