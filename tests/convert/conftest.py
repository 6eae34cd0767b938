"""Shared fixtures: tiny models of open_clip's own types."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators

_TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
_MODELS = {
    "edge-test-vit": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
        "text_cfg": _TEXT,
    },
    "edge-test-resnet": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 64},
        "text_cfg": _TEXT,
    },
}


@pytest.fixture(scope="module")
def few_photos() -> Iterator[None]:
    """Let builds simulate a fifth of their photos, for tests that are about other parts of a pack.

    Drawing photos is nine tenths of the time that a build with a tiny model takes.
    """
    from edge_identify.convert.calibrating import calibration_photos
    from edge_identify.convert.export import fidelity_samples

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(calibration_photos, "DRAWN_PHOTOS", 20)
        patched.setattr(calibration_photos, "MOST_PHOTOS_EACH", 2)
        patched.setattr(fidelity_samples, "MOST_IMAGES", 12)
        yield


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Return the names of a tiny transformer and a tiny convolutional net that open_clip builds by name."""
    ensure_torchvision_operators()
    import open_clip

    folder = tmp_path_factory.mktemp("model-configs")
    for name, configuration in _MODELS.items():
        (folder / f"{name}.json").write_text(json.dumps(configuration))
    open_clip.add_model_config(folder)
    yield "edge-test-vit", "edge-test-resnet"
    open_clip.factory._MODEL_CONFIG_PATHS.remove(folder)
    for name in _MODELS:
        open_clip.factory._MODEL_CONFIGS.pop(name)


@pytest.fixture
def tiny_vit(tiny_models: tuple[str, str]) -> str:
    """The name of the tiny transformer."""
    return tiny_models[0]


@pytest.fixture
def tiny_resnet(tiny_models: tuple[str, str]) -> str:
    """The name of the tiny convolutional net."""
    return tiny_models[1]
