"""The image tower and the text tower as torch modules: pixels or token ids in, unit vectors out.

Channel layout, mean, std and L2 normalisation are part of the modules, and so of every exported graph. If clients did
them, a mistake would give slightly wrong embeddings and no error.

Mean and std are folded into one multiply-add: `pixel * scale + offset`. The module imports torch at its top, because
its classes are torch modules. So import it only inside the function that needs it.
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
    """Return the image tower of a loaded model, with its adapter."""
    return ImageTower(model.model, mean=model.mean, std=model.std, adapter=model.adapter)


def text_tower(model: LoadedModel) -> TextTower:
    """Return the text tower of a loaded model, with its adapter."""
    return TextTower(model.model, adapter=model.adapter)


def embed(tower: ImageTower | TextTower, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
    """Run a tower on a batch, on the tower's device.

    Args:
        tower: The tower.
        batch: Input of the tower's `forward`.

    Returns:
        Unit vectors, float32 [n, dim].
    """
    with torch.inference_mode():
        place = next(tower.parameters()).device
        embeddings: NDArray[np.float32] = tower(torch.from_numpy(batch).to(place)).cpu().numpy()
    return embeddings


@contextmanager
def lying_on(tower: ImageTower, device: str) -> Iterator[ImageTower]:
    """Move a tower to a device while the block runs, and compute convolutions there in full float32.

    By default, cuDNN uses TF32 for convolutions, which rounds the factors to 10 bits.

    Args:
        tower: The tower. It shares its weights with the model, and is moved back to the CPU.
        device: Name of a torch device.
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
    """The image tower of an open_clip model, from pixels to unit vectors, in inference mode.

    Attributes:
        visual: open_clip's tower, shared with the model, not copied.
        scale: Factor of the pixels, float32 [3, 1, 1].
        offset: Added after the multiplication, float32 [3, 1, 1].
        adapter: Embeddings are multiplied by it before normalisation, float32 [dim, dim]; None for no adapter.
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
        """Wrap `model.visual`.

        Args:
            model: open_clip's model.
            mean: Mean of each channel (RGB), for pixels of 0 to 1.
            std: Standard deviation of each channel (RGB), for pixels of 0 to 1.
            adapter: See the class.
        """
        super().__init__()
        self.visual = model.visual
        spread = torch.tensor(std, dtype=torch.float64)  # computed in float64, so that it is rounded only once
        centre = torch.tensor(mean, dtype=torch.float64)
        self.register_buffer("scale", (1.0 / (_WHITE * spread)).to(torch.float32).reshape(3, 1, 1))
        self.register_buffer("offset", (-centre / spread).to(torch.float32).reshape(3, 1, 1))
        self.register_buffer("adapter", None if adapter is None else torch.from_numpy(adapter))
        self.eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed images in channels-last layout, as decoders return them.

        Args:
            pixels: uint8 or float32 [n, size, size, 3], RGB, 0 to 255.

        Returns:
            Unit vectors, float32 [n, dim].
        """
        return self.from_planar(pixels.permute(0, 3, 1, 2))

    def from_planar(self, planes: torch.Tensor) -> torch.Tensor:
        """Embed images in channels-first layout, as Core ML's image input provides them.

        Args:
            planes: uint8 or float32 [n, 3, size, size], RGB, 0 to 255.

        Returns:
            Unit vectors, float32 [n, dim].
        """
        normalised = planes.to(torch.float32) * self.scale + self.offset
        return _unit(self.visual(normalised), self.adapter)


class PlanarImageTower(nn.Module):
    """An image tower whose `forward` takes channels-first images, for exporters.

    Attributes:
        tower: The image tower, shared, not copied.
    """

    def __init__(self, tower: ImageTower) -> None:
        """Wrap `tower.from_planar`."""
        super().__init__()
        self.tower = tower
        self.eval()

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Embed images in channels-first layout; see `ImageTower.from_planar`."""
        return self.tower.from_planar(planes)


class TextTower(nn.Module):
    """The text tower of an open_clip model, from token ids to unit vectors, in inference mode.

    It holds the whole model, because the text tower of open_clip's `CLIP` is not a module of its own. Exporters drop
    the parts that texts do not use.

    Attributes:
        model: open_clip's model, shared, not copied.
        adapter: As `ImageTower.adapter`; both towers share one embedding space.
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
