"""Tiny towers of open_clip's own types, with random weights and no idle layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE_PX = 32
CONTEXT = 12
VOCABULARY = 300
VISION = {"image_size": SIZE_PX, "layers": 3, "width": 64, "head_width": 32, "patch_size": 8}
TEXT = {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 64, "heads": 2, "layers": 2, "eos_id": 7}
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)

Build = Callable[..., Any]


def _draw_weights(model: Any) -> None:
    """Draw parameters that matter, for any width: no scale near zero, no zero bias, no gain of one."""
    import torch

    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            is_gain = parameter.ndim == 1 and not name.endswith("bias")
            parameter.copy_(
                1 + drawn / 4 if is_gain else drawn * (1.6 / parameter.shape[-1] ** 0.5 if parameter.ndim > 1 else 0.2)
            )


@pytest.fixture(scope="session", autouse=True)
def torchvision_operators() -> None:
    """Make open_clip importable, as `load_model` does."""
    ensure_torchvision_operators()


@pytest.fixture(scope="session")
def build_clip() -> Build:
    """Build an open_clip model: `build_clip(custom_text=False, quick_gelu=False, vision={}, text={})`."""
    import open_clip

    def build(
        *,
        custom_text: bool = False,
        quick_gelu: bool = False,
        vision: dict[str, Any] | None = None,
        text: dict[str, Any] | None = None,
    ) -> Any:
        kind = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
        model = kind(24, {**VISION, **(vision or {})}, {**TEXT, **(text or {})}, quick_gelu=quick_gelu)
        _draw_weights(model)
        return model.eval()

    return build


@pytest.fixture(scope="session")
def towers_of(build_clip: Build) -> Build:
    """Build both towers of an open_clip model; takes what `build_clip` takes."""
    from edge_identify.convert.export.towers import ImageTower, TextTower

    def towers(**options: Any) -> tuple[Any, Any]:
        model = build_clip(**options)
        return ImageTower(model, mean=MEAN, std=STD), TextTower(model)

    return towers


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    """Mosaics, uint8 [5, 32, 32, 3]."""
    patches = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
    return patches.repeat(SIZE_PX // 4, axis=1).repeat(SIZE_PX // 4, axis=2)


@pytest.fixture(scope="session")
def tokens() -> NDArray[np.int64]:
    """Token ids of texts of several lengths, int64 [5, 12]; each holds the end id 7 once and the largest id once."""
    random = np.random.default_rng(1)
    rows = np.zeros((5, CONTEXT), np.int64)
    for row, length in zip(rows, (0, 1, 4, 7, CONTEXT - 2), strict=True):
        row[:length] = random.integers(8, VOCABULARY - 1, length)
        row[length : length + 2] = 7, VOCABULARY - 1
    return rows
