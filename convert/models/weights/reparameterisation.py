"""Structural reparameterisation: folds the parallel branches of a trained network into single convolutions.

MobileCLIP and others are trained with parallel branches and batch norms that are equivalent to one convolution each
after training. timm folds them; embeddings change only by rounding. Without folding, the network is half again as slow,
and a quantiser measures ranges that the folded network does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    import torch
    from torch import nn

#: Largest change of a component of a unit vector. Folding MobileCLIP with random weights in float32 changes less than a
#: tenth of it.
_LARGEST_CHANGE = 1e-4

_IMAGES = 2
_SEED = 0


def reparameterise(name: str, model: nn.Module, size_px: int) -> nn.Module:
    """Fold the branches of an image tower in place, and check that its embeddings stay the same.

    Args:
        name: Name of the model, for messages.
        model: An open_clip model in inference mode. Its `visual.trunk`, if it has one of timm, is replaced.
        size_px: Side of its input images.

    Returns:
        `model`; unchanged if there is nothing to fold.

    Raises:
        SetupError: The folded tower gives other embeddings.
    """
    from timm.utils.model import reparameterize_model

    visual = model.visual
    trunk = getattr(visual, "trunk", None)
    if trunk is None or not _has_branches(trunk):
        return model
    before = _embed(visual, size_px)
    visual.trunk = reparameterize_model(trunk, inplace=True).eval().requires_grad_(False)  # type: ignore[union-attr]
    change = float((_embed(visual, size_px) - before).abs().max())
    if not change <= _LARGEST_CHANGE:  # `not <=`: a NaN fails
        raise SetupError(
            f"{name}: folding its branches changes its embeddings by {change:.1e} (at most {_LARGEST_CHANGE:.0e} is "
            "rounding); the checkpoint may be damaged"
        )
    return model


def _has_branches(trunk: nn.Module) -> bool:
    methods = ("fuse", "reparameterize", "switch_to_deploy")  # the methods that timm calls
    return any(hasattr(module, method) for module in trunk.modules() for method in methods)


def _embed(visual: object, size_px: int) -> torch.Tensor:
    import torch
    from torch.nn import functional as F

    images = torch.randn(_IMAGES, 3, size_px, size_px, generator=torch.Generator().manual_seed(_SEED))
    with torch.inference_mode():
        return F.normalize(visual(images), dim=-1)  # type: ignore[operator]
