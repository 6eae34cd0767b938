"""Two tiny dual encoders without idle layers, drawn images, and the exported packages; made once per run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from edge_identify.convert.export.towers import ImageTower, TextTower

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
CONTEXT = 12
VOCABULARY = 300

VISION: dict[str, dict[str, Any]] = {
    "vit": {
        "image_size": 32,
        "layers": 2,
        "width": 64,
        "head_width": 32,
        "patch_size": 8,
        "ls_init_value": 0.5,
    },
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "head_width": 64},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedTowers:
    """The towers of a tiny model, their embeddings of the samples, and their packages."""

    image_tower: ImageTower
    text_tower: TextTower
    size_px: int
    pixels: NDArray[np.uint8]
    tokens: NDArray[np.int64]
    image_embeddings: NDArray[np.float32]
    text_embeddings: NDArray[np.float32]
    image_package: Path
    text_package: Path
    least_systems: tuple[str, str]


@pytest.fixture(scope="session", params=sorted(VISION))
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ExportedTowers:
    if request.param == "vit":
        vit: ExportedTowers = request.getfixturevalue("exported_vit")
        return vit
    return export_both(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def exported_vit(tmp_path_factory: pytest.TempPathFactory) -> ExportedTowers:
    return export_both("vit", tmp_path_factory.mktemp("one-vit"))


def export_both(kind: str, folder: Path) -> ExportedTowers:
    import torch

    from edge_identify.convert.export.coreml.tower_to_mlpackage import export_image_tower, export_text_tower
    from edge_identify.convert.export.towers import ImageTower, TextTower

    model = lively_model(kind)
    image_tower, text_tower = ImageTower(model, mean=MEAN, std=STD), TextTower(model)
    size_px = VISION[kind]["image_size"]
    pixels, tokens = drawn_images(12, size_px), drawn_tokens(6)
    image_package, text_package = folder / "image.mlpackage", folder / "text.mlpackage"
    least_systems = (
        export_image_tower(image_tower, size_px=size_px, out=image_package),
        export_text_tower(text_tower, context_length=CONTEXT, out=text_package),
    )
    with torch.inference_mode():
        return ExportedTowers(
            image_tower=image_tower,
            text_tower=text_tower,
            size_px=size_px,
            pixels=pixels,
            tokens=tokens,
            image_embeddings=image_tower(torch.from_numpy(pixels)).numpy(),
            text_embeddings=text_tower(torch.from_numpy(tokens)).numpy(),
            image_package=image_package,
            text_package=text_package,
            least_systems=least_systems,
        )


def lively_model(kind: str) -> Any:
    """Return a random CLIP without idle parts: no zero bias, no zero gain, measured batch statistics."""
    from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators

    ensure_torchvision_operators()
    import open_clip
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        text = {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 64, "heads": 2, "layers": 2}
        model = open_clip.CLIP(embed_dim=32, vision_cfg=VISION[kind], text_cfg=text)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(torch.rand_like(parameter) * 0.4 + 0.1)
            settle_batch_statistics(model.visual, VISION[kind]["image_size"])
    return model.eval()


def settle_batch_statistics(visual: Any, size_px: int) -> None:
    """Measure batch-norm statistics on images, so that activations keep their differences."""
    import torch

    for module in visual.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the plain average of what was seen
            module.reset_running_stats()
    images = torch.from_numpy(drawn_images(16, size_px)).permute(0, 3, 1, 2)
    visual.train()(images.to(torch.float32) / 64 - 2)


def drawn_images(count: int, size_px: int) -> NDArray[np.uint8]:
    """Return coloured rectangles and ellipses on coloured grounds, uint8 [count, size, size, 3]."""
    random = np.random.default_rng(7)
    return np.stack([_drawn_image(random, size_px) for _ in range(count)])


def _drawn_image(random: np.random.Generator, size_px: int) -> NDArray[np.uint8]:
    image = Image.new("RGB", (size_px, size_px), _colour(random))
    draw = ImageDraw.Draw(image)
    for shape in (draw.rectangle, draw.ellipse, draw.rectangle, draw.ellipse):
        left, top = (int(value) for value in random.integers(0, size_px * 3 // 4, 2))
        width, height = (int(value) for value in random.integers(4, size_px // 2, 2))
        shape((left, top, left + width, top + height), fill=_colour(random))
    return np.asarray(image)


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in random.integers(0, 256, 3))
    return red, green, blue


def drawn_tokens(count: int) -> NDArray[np.int64]:
    """Return token ids of texts of several lengths: a start id, words, an end id (the largest, as in CLIP), zeros."""
    random = np.random.default_rng(8)
    tokens = np.zeros((count, CONTEXT), np.int64)
    for row in tokens:
        length = int(random.integers(2, CONTEXT - 2))
        row[0] = VOCABULARY - 2
        row[1 : 1 + length] = random.integers(1, VOCABULARY - 2, length)
        row[1 + length] = VOCABULARY - 1
    return tokens


def centred_cosines(embeddings: NDArray[np.float32], originals: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of each pair after the mean of the originals is subtracted from both."""
    mean = originals.mean(axis=0, dtype=np.float64)
    left, right = embeddings - mean, originals - mean
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.asarray((left * right).sum(axis=1) / lengths)


@pytest.fixture(scope="session")
def centred() -> Any:
    return centred_cosines
