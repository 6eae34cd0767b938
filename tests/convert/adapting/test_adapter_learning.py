"""Adapters learnt from known differences and from drawn images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.adapting import adapter_learning
from edge_identify.convert.adapting.adapter_learning import ROUND_REFERENCES, learn_adapter, whitening_matrix
from edge_identify.convert.caching.build_cache import temporary_cache
from edge_identify.convert.calibrating import calibration_photos
from edge_identify.convert.calibrating.calibration_photos import choose_photos, pair_with_photos
from edge_identify.convert.models.model_loading import load_model
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file


def test_the_covariance_is_shrunk_by_the_number_of_references_and_inverted() -> None:
    rng = np.random.default_rng(0)
    differences = (rng.standard_normal((500, 6)) * [5, 4, 3, 2, 1, 0.5]).astype(np.float32)
    covariance = differences.T.astype(np.float64) @ differences / 500
    shrunk = (500 * covariance / (np.trace(covariance) / 6) + ROUND_REFERENCES * np.eye(6)) / (500 + ROUND_REFERENCES)

    matrix = whitening_matrix(differences)

    np.testing.assert_allclose(matrix @ shrunk @ matrix, np.eye(6), atol=1e-5)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-7)


def test_a_direction_that_photos_stray_in_is_shortened_and_more_so_with_more_evidence() -> None:
    rng = np.random.default_rng(1)
    few = (rng.standard_normal((200, 4)) * [3, 1, 1, 1]).astype(np.float32)
    many = np.tile(few, (100, 1))

    shares = [float(matrix[0, 0] / matrix[1, 1]) for matrix in map(whitening_matrix, (few, many))]

    assert 0.35 < shares[1] < 0.5 < shares[0] < 0.99  # a third, were the evidence endless


def test_the_size_of_the_differences_says_nothing() -> None:
    spreads = np.arange(1, 6, dtype=np.float32)
    differences = np.random.default_rng(2).standard_normal((300, 5), dtype=np.float32) * spreads

    np.testing.assert_allclose(
        whitening_matrix(differences), whitening_matrix(differences * np.float32(1e-3)), rtol=1e-4, atol=1e-6
    )


def test_differences_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="zero"):
        whitening_matrix(np.zeros((10, 3), np.float32))


def _catalogue(folder: Path, references: int, each: int = 1) -> list[CatalogueImage]:
    images = []
    for number in range(references * each):
        path = folder / f"{number}.png"
        tiles = np.random.default_rng(number).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(tiles).resize((48, 48), Image.Resampling.NEAREST).save(path)
        images.append(
            CatalogueImage(index_id=number, reference_id=f"r{number // each}", sha256=sha256_of_file(path), path=path)
        )
    return images


def test_an_adapter_makes_photos_nearer_to_references_it_has_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_learning, "LEAST_REFERENCES", 40)
    monkeypatch.setattr(adapter_learning, "ROUND_REFERENCES", 60)
    monkeypatch.setattr(calibration_photos, "DRAWN_PHOTOS", 5)
    images = _catalogue(tmp_path, 60)
    model = load_model("builtin")

    adapter = learn_adapter(model, images[:40])

    assert (adapter.space_id, adapter.references) == (model.space_id, 40)
    from edge_identify.convert.export.towers import embed, image_tower

    unseen = list(pair_with_photos(images[40:], model.preprocessing, most=20))
    references, photos = (embed(image_tower(model), np.stack(side)) for side in zip(*unseen, strict=True))

    def margins(matrix: np.ndarray) -> float:
        shown, asked = references @ matrix, photos @ matrix
        shown, asked = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (shown, asked))
        scores = asked @ shown.T
        return float(np.mean(np.diag(scores) - (scores - 2 * np.eye(len(scores))).max(axis=1)))

    assert margins(adapter.matrix) > margins(np.eye(model.dim, dtype=np.float32)) + 0.005


def test_one_image_of_each_reference_is_paired_with_a_photo_that_no_calibration_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_photos, "DRAWN_PHOTOS", 3)
    images, recipe = _catalogue(tmp_path, 6, each=2), load_model("builtin").preprocessing

    pairs = list(pair_with_photos(images, recipe, most=4))
    again = list(pair_with_photos(images, recipe, most=4))

    assert len(pairs) == 4
    assert all(
        np.array_equal(one, two)
        for once, twice in zip(pairs, again, strict=True)
        for one, two in zip(once, twice, strict=True)
    )
    with temporary_cache() as cache:
        photos = choose_photos(images, recipe, cache)
    calibrating = {photo.as_input(recipe).draw().tobytes() for photo in photos}
    assert not calibrating & {photo.tobytes() for _, photo in pairs}


def test_too_few_references_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="3 references are too few to learn an adapter from, 150 are needed"):
        learn_adapter(load_model("builtin"), _catalogue(tmp_path, 3))


def test_images_that_cannot_be_used_are_passed_over_and_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_learning, "LEAST_REFERENCES", 3)
    monkeypatch.setattr(calibration_photos, "DRAWN_PHOTOS", 3)
    images, model = _catalogue(tmp_path, 4), load_model("builtin")
    images[1].path.unlink()

    assert learn_adapter(model, images).references == 3

    images[2].path.write_bytes(b"no picture")
    with pytest.raises(SetupError, match="2 references are too few"):
        learn_adapter(model, images)
