"""The two towers as the rest of the project sees them: pixels or tokens in, unit vectors out.

A newcomer would export open_clip's own module and leave mean, std, layout and the L2 norm to every client;
each of them then has four ways to be slightly wrong, and wrong embeddings look like bad luck rather than like
an error. Here all four are inside the module, so they are inside every graph that is exported from it.

Mean and std are folded into one multiply-add (`pixel * scale + offset`). This module imports torch at its
top, since its classes are torch modules: import it in the function that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from open_clip import CLIP, CustomTextCLIP

    from edge_identify.convert.models.model_loading import LoadedModel


def image_tower(model: LoadedModel) -> ImageTower:
    """Return a loaded model's image tower."""
    return ImageTower(model.model, mean=model.mean, std=model.std, adapter=model.adapter)


def text_tower(model: LoadedModel) -> TextTower:
    """Return a loaded model's text tower."""
    return TextTower(model.model, adapter=model.adapter)


def embed(tower: ImageTower | TextTower, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
    """Return a tower's unit vectors, float32 [n, dim], of a batch as its `forward` takes it, where the tower lies."""
    with torch.inference_mode():
        place = next(tower.parameters()).device
        embeddings: NDArray[np.float32] = tower(torch.from_numpy(batch).to(place)).cpu().numpy()
    return embeddings


@contextmanager
def lying_on(tower: ImageTower, device: str) -> Iterator[ImageTower]:
    """Move a tower to a device while the block runs; its numbers stay float32, and come back as they were.

    A graphics card would round a convolution's factors to 10 bits unless it is told not to.
    """
    convolutions: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]  # set by torch as it is imported
    precision, convolutions.fp32_precision = convolutions.fp32_precision, "ieee"
    tower.to(device)
    try:
        yield tower
    finally:
        tower.to("cpu")  # the model is shared with what is exported from it
        convolutions.fp32_precision = precision


_WHITE = 255.0  # the largest value of a pixel; mean and std are given for pixels of 0 to 1


class ImageTower(nn.Module):
    """An open_clip model's image tower, from pixels to unit vectors, set to inference.

    Attributes:
        visual: open_clip's tower, shared with the model, not copied.
        scale: What pixels are multiplied by, float32 [3, 1, 1].
        offset: What is added afterwards, float32 [3, 1, 1].
        adapter: What embeddings are multiplied by, float32 [dim, dim], before they get length 1; None leaves them.
    """

    scale: torch.Tensor
    offset: torch.Tensor
    adapter: torch.Tensor | None

    def __init__(
        self,
        model: CLIP | CustomTextCLIP,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        adapter: NDArray[np.float32] | None = None,
    ) -> None:
        """Wrap `model.visual`; `mean` and `std` are per channel (RGB), for pixels of 0 to 1."""
        super().__init__()
        self.visual = model.visual
        spread = torch.tensor(std, dtype=torch.float64)  # folded in double, so that rounding happens once
        centre = torch.tensor(mean, dtype=torch.float64)
        self.register_buffer("scale", (1.0 / (_WHITE * spread)).to(torch.float32).reshape(3, 1, 1))
        self.register_buffer("offset", (-centre / spread).to(torch.float32).reshape(3, 1, 1))
        self.register_buffer("adapter", None if adapter is None else torch.from_numpy(adapter))
        self.eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed images that are laid out as every decoder lays them out.

        Args:
            pixels: uint8 or float32 [n, size, size, 3], RGB, 0 to 255.

        Returns:
            Unit vectors, float32 [n, dim].
        """
        return self.from_planar(pixels.permute(0, 3, 1, 2))

    def from_planar(self, planes: torch.Tensor) -> torch.Tensor:
        """Embed images that come channel by channel, as Core ML's image input hands them over.

        Args:
            planes: uint8 or float32 [n, 3, size, size], RGB, 0 to 255.

        Returns:
            Unit vectors, float32 [n, dim].
        """
        normalised = planes.to(torch.float32) * self.scale + self.offset
        return _unit(self.visual(normalised), self.adapter)


class PlanarImageTower(nn.Module):
    """An image tower that is called with planes, for exporters that call what they export.

    Attributes:
        tower: The image tower, shared, not copied.
    """

    def __init__(self, tower: ImageTower) -> None:
        """Wrap `tower.from_planar`."""
        super().__init__()
        self.tower = tower
        self.eval()

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Embed images that come channel by channel; see `ImageTower.from_planar`."""
        return self.tower.from_planar(planes)


class TextTower(nn.Module):
    """An open_clip model's text tower, from token ids to unit vectors, set to inference.

    It holds the whole model: in open_clip's `CLIP` the text tower has no module of its own. Exporters drop
    what the text never reaches.

    Attributes:
        model: open_clip's model, shared, not copied.
        adapter: As `ImageTower.adapter`: both towers answer in one space.
    """

    adapter: torch.Tensor | None

    def __init__(self, model: CLIP | CustomTextCLIP, *, adapter: NDArray[np.float32] | None = None) -> None:
        """Wrap `model.encode_text`."""
        super().__init__()
        self.model = model
        self.register_buffer("adapter", None if adapter is None else torch.from_numpy(adapter))
        self.eval()

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embed texts.

        Args:
            tokens: int32 or int64 [n, context], ids from the model's tokeniser, padded to its context length.

        Returns:
            Unit vectors, float32 [n, dim].
        """
        return _unit(self.model.encode_text(tokens), self.adapter)


def _unit(embeddings: torch.Tensor, adapter: torch.Tensor | None) -> torch.Tensor:
    return F.normalize(embeddings if adapter is None else embeddings @ adapter, dim=-1)
