"""What the trunk is asked to do, as two numbers to make small.

Contrast: of all references in the batch, the photo's own must be nearest, and the other way round (InfoNCE, van den
Oord et al., arXiv:1807.03748). The embeddings of earlier batches are not used as further negatives
(cross-batch memory, Wang et al., arXiv:1912.06798). From random weights they did harm, presumably because the trunk
changes faster than they are replaced. Measured, 40,000 views at 72 pixels, one seed, a memory of 16,384 things against
none: simulated photos of held-out photographs .20 against .40, of drawn things .14 against .32.

Hold: the 1,280 numbers before ImageNet's classes, of a clean view and of a photo, must stay near the pretrained net's
of the clean view. Contrast alone forgets kinds of things, which the pretrained trunk knows.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CONTRAST_TEMPERATURE = 0.07
_MASKED = -1e4


def contrast_loss(references: Tensor, photos: Tensor, pictures: Tensor) -> Tensor:
    """Return the mean of both directions' cross-entropies.

    Args:
        references: [n, dim], length 1 each.
        photos: [n, dim], length 1 each.
        pictures: [n]; which picture each is of, -1 for a fresh thing. Two views of one picture, or of it and a piece of
            it, are no strangers: telling them apart would teach that a thing seen closer is another thing.
    """
    akin = (pictures[:, None] == pictures[None]) & (pictures >= 0)[:, None]
    akin.fill_diagonal_(False)
    logits = (photos @ references.T).masked_fill(akin, _MASKED) / CONTRAST_TEMPERATURE
    answers = torch.arange(len(pictures), device=pictures.device)
    return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2


def hold_loss(averages: Tensor, held: Tensor) -> Tensor:
    """Return one minus the mean cosine of features with what they are held near.

    Args:
        averages: [views * n, features]: of all things' first views, then of all things' second ones, and so on.
        held: [n, features], of the clean views.
    """
    cosine = F.cosine_similarity(averages, held.repeat(len(averages) // len(held), 1), dim=1)
    return 1 - cosine.mean()
