"""Spreading the embedding evenly: the last linear layer takes the mean away and equalises the directions.

A trained embedding keeps most of its spread in few directions that most things share, so that strangers resemble each
other. Whitening on pictures of many kinds (principal components with equal variance, rotated back: ZCA) costs nothing
at run time, because it is folded into the layer. Whoever whitens on one collection only ruins the others: measured on
drawn things alone, packages fell by .10, while mosaics rose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

# Times the mean variance, added to each direction's, so that none is blown up on little evidence. From .3 to 2,
# simulated photos of held-out things were found more often (photographs .837 to .853, drawn .635 to .663); strangers
# were told from known mosaics a little worse (AUROC .772 to .765).
SHRINKAGE = 2.0


def whiten(layer: nn.Linear, collections: Sequence[torch.Tensor], *, shrinkage: float = SHRINKAGE) -> None:
    """Change a linear layer in place so that its outputs are centred and evenly spread.

    Args:
        layer: The last layer of an image tower.
        collections: What goes into the layer, float [n, features], of several kinds of things; each collection counts
            as much as the others, whatever its size.
        shrinkage: Share of the mean variance that is added to each.
    """
    import torch

    with torch.no_grad():
        outputs = [layer(features) for features in collections]
        mean = torch.stack([each.mean(0) for each in outputs]).mean(0)
        centred = [each - each.mean(0) for each in outputs]
        covariance = torch.stack([each.T @ each / len(each) for each in centred]).mean(0)
        spread, directions = torch.linalg.eigh(covariance)
        even = directions @ torch.diag((spread + shrinkage * spread.mean()).rsqrt()) @ directions.T
        layer.bias.copy_((layer.bias - mean) @ even)
        layer.weight.copy_(even.T @ layer.weight)
