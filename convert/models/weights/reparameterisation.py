"""Folding what a network trains with into what it answers with: one convolution for several branches.

MobileCLIP and others learn with parallel branches and batch norms that, once trained, are one convolution each. timm
folds them; the answers stay the same up to rounding. A newcomer would export the branches: half again as slow, and a
quantiser then sees ranges that the folded network does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    import torch
    from torch import nn

#: On unit vectors. Folding in float32 changed MobileCLIP's by less than a tenth of it (drawn weights).
_LARGEST_CHANGE = 1e-4

_PICTURES = 2
_SEED = 0


def reparameterise(name: str, model: nn.Module, size_px: int) -> nn.Module:
    """Fold the branches of an image tower, in place, and see that it answers as before.

    Args:
        name: The model's name, for messages.
        model: An open_clip model set to inference. Its `visual.trunk`, where timm built it, is replaced.
        size_px: Side of its images.

    Returns:
        `model`, with nothing changed if there was nothing to fold.

    Raises:
        SetupError: The folded tower answers differently.
    """
    from timm.utils.model import reparameterize_model

    visual = model.visual
    trunk = getattr(visual, "trunk", None)
    if trunk is None or not _has_branches(trunk):
        return model
    before = _embed(visual, size_px)
    visual.trunk = reparameterize_model(trunk, inplace=True).eval().requires_grad_(False)  # type: ignore[union-attr]
    change = float((_embed(visual, size_px) - before).abs().max())
    if not change <= _LARGEST_CHANGE:  # so that NaN is refused too
        raise SetupError(
            f"{name}: folding its branches changes its embeddings by {change:.1e} (at most {_LARGEST_CHANGE:.0e} is "
            "rounding); the checkpoint may be damaged"
        )
    return model


def _has_branches(trunk: nn.Module) -> bool:
    methods = ("fuse", "reparameterize", "switch_to_deploy")  # those that timm calls
    return any(hasattr(module, method) for module in trunk.modules() for method in methods)


def _embed(visual: object, size_px: int) -> torch.Tensor:
    import torch
    from torch.nn import functional as F

    images = torch.randn(_PICTURES, 3, size_px, size_px, generator=torch.Generator().manual_seed(_SEED))
    with torch.inference_mode():
        return F.normalize(visual(images), dim=-1)  # type: ignore[operator]
