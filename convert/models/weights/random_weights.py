"""Random weights that behave like trained ones: `--pretrained random`, to measure a model's size, speed and export.

Trap: a model as its constructor leaves it does not test an exporter. Layer scales near zero and zero gains at the end
of residual branches switch layers off. Batch-norm statistics of 0 and 1 let activations grow or vanish, and all images
get nearly the same embedding. So biases, scales and gains are drawn, too, and the statistics are measured on patterned
images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

_IMAGES = 16  # enough for stable statistics; a ResNet-50 takes seconds for them
_BIAS_SPREAD = 0.02  # standard deviation, as that of a transformer's initial weights
_GAINS = (0.5, 1.5)  # of a normalisation; trained gains are mostly within
_BRANCH_GAINS = (0.1, 0.4)  # of the normalisation at the end of a residual branch; larger ones make the net chaotic
_LAYER_SCALE = 0.1  # a trained value; constructors begin at 1e-5


def enliven(model: nn.Module, *, size_px: int, seed: int) -> None:
    """Draw the trivial parameters of a new model, and measure batch-norm statistics on patterned images.

    Args:
        model: An open_clip model with initial weights; it is changed in place and left in evaluation mode.
        size_px: Side of its input images.
        seed: Seed of the random generator.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            _redraw(module, generator)
        _settle_statistics(model, _patterned_images(size_px, generator))
    model.eval()


def _redraw(module: nn.Module, generator: torch.Generator) -> None:
    from torch import nn

    bias = getattr(module, "bias", None)
    if isinstance(bias, nn.Parameter):
        bias.normal_(0.0, _BIAS_SPREAD, generator=generator)
    if isinstance(module, nn.modules.batchnorm._BatchNorm | nn.LayerNorm | nn.GroupNorm) and module.weight is not None:
        ends_a_branch = not bool(module.weight.any())  # constructors set these gains to 0
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
        norm.momentum = None  # the mean over all batches
        norm.train()
    model.encode_image(images)  # type: ignore[operator]  # every open_clip model has it
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _patterned_images(size_px: int, generator: torch.Generator) -> torch.Tensor:
    """Return images with coarse, middle and fine patterns, float32 [n, 3, size, size], standard deviation 1."""
    import torch

    images = torch.zeros(_IMAGES, 3, size_px, size_px)
    for cells in (2, 6, 24):
        coarse = torch.randn(_IMAGES, 3, cells, cells, generator=generator)
        images += torch.nn.functional.interpolate(coarse, size=(size_px, size_px), mode="bilinear")
    return images / images.std()
