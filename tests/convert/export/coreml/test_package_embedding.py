"""Embedding with a package: inputs one by one, in the form of each system."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.export.coreml import package_embedding
from edge_identify.convert.export.coreml.package_embedding import embed_images, embed_tokens


def test_embeddings_are_float32_unit_vectors_in_the_order_of_the_images(exported: Any) -> None:
    embeddings = embed_images(exported.image_package, exported.pixels)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (len(exported.pixels), 32)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-6)
    backwards = embed_images(exported.image_package, exported.pixels[::-1])
    np.testing.assert_array_equal(backwards[::-1], embeddings)


def test_token_ids_of_any_width_give_the_same_embeddings(exported_vit: Any) -> None:
    wide = embed_tokens(exported_vit.text_package, exported_vit.tokens)
    narrow = embed_tokens(exported_vit.text_package, exported_vit.tokens.astype(np.int32))
    np.testing.assert_array_equal(wide, narrow)


def test_core_ml_itself_is_given_images_as_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_embedding, "load_coremltools", lambda: SimpleNamespace(models=_MeanColours))
    pixels = np.zeros((1, 4, 4, 3), np.uint8)
    pixels[0, :2] = (255, 10, 0)  # the upper half, so that swapped axes or channels would show
    planes = np.moveaxis(pixels, 3, 1).astype(np.float32)
    ((result),) = package_embedding._predict(Path("any.mlpackage"), [{"image": planes}])
    assert result["embedding"].tolist() == [[255.0, 10.0, 0.0]]


class _MeanColours:
    """Replaces coremltools on macOS: takes a Pillow image, returns the mean colour of its upper half."""

    class MLModel:
        def __init__(self, path: str) -> None:
            assert path == "any.mlpackage"

        def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
            image = inputs["image"]
            assert isinstance(image, Image.Image)
            assert image.mode == "RGB"
            upper = np.asarray(image, np.float32)[: image.height // 2]
            return {"embedding": upper.mean(axis=(0, 1))[None]}
