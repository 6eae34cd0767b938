"""Random weights that behave like trained ones: `--pretrained random`, for trying a model's size, speed and export.

What a newcomer would get wrong: an architecture as its constructor leaves it is no test of an exporter. Layer scales
near zero and the zero scale at the end of each residual branch switch whole layers off, batch-norm statistics of 0 and
1 let activations grow or die, and every image gets nearly the same embedding. Here biases, scales and gains are
drawn too, and the statistics are settled on patterned images, as training would settle them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

_PICTURES = 16  # enough for stable statistics; a ResNet-50 takes seconds for them
_BIAS_SPREAD = 0.02  # as the weights of a transformer
_GAINS = (0.5, 1.5)  # of a norm layer: trained ones lie mostly within
_BRANCH_GAINS = (0.1, 0.4)  # of the norm that ends a residual branch; larger ones make a chaotic net
_LAYER_SCALE = 0.1  # trained ones reach this; constructors begin at 1e-5


def enliven(model: nn.Module, *, size_px: int, seed: int) -> None:
    """Redraw what a constructor leaves trivial, and settle batch-norm statistics.

    Args:
        model: An open_clip model with freshly drawn weights; changed in place and left in evaluation mode.
        size_px: Side of the images its image tower takes.
        seed: Of the draw.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            _redraw(module, generator)
        _settle_statistics(model, _patterned_pictures(size_px, generator))
    model.eval()


def _redraw(module: nn.Module, generator: torch.Generator) -> None:
    from torch import nn

    bias = getattr(module, "bias", None)
    if isinstance(bias, nn.Parameter):
        bias.normal_(0.0, _BIAS_SPREAD, generator=generator)
    if isinstance(module, nn.modules.batchnorm._BatchNorm | nn.LayerNorm | nn.GroupNorm) and module.weight is not None:
        ends_a_branch = not bool(module.weight.any())  # constructors begin with a branch that adds nothing
        gains = _BRANCH_GAINS if ends_a_branch else _GAINS
        module.weight.uniform_(*gains, generator=generator)
    for name, scale in module.named_parameters(recurse=False):
        if name in ("gamma", "layer_scale") and bool((scale.abs() < _LAYER_SCALE).all()):
            scale.uniform_(_LAYER_SCALE / 2, _LAYER_SCALE * 2, generator=generator)


def _settle_statistics(model: nn.Module, images: torch.Tensor) -> None:
    from torch import nn

    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average over all that is seen
        norm.train()
    model.encode_image(images)  # type: ignore[operator]  # every open_clip model has it
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _patterned_pictures(size_px: int, generator: torch.Generator) -> torch.Tensor:
    """Return float32 [n, 3, size, size] of about mean 0 and spread 1, with coarse, middle and fine patterns."""
    import torch

    images = torch.zeros(_PICTURES, 3, size_px, size_px)
    for cells in (2, 6, 24):
        coarse = torch.randn(_PICTURES, 3, cells, cells, generator=generator)
        images += torch.nn.functional.interpolate(coarse, size=(size_px, size_px), mode="bilinear")
    return images / images.std()
