"""What the image tower is asked to do, as two numbers to make small.

Contrast: of all references, the photo's own must be nearest, and the other way round (InfoNCE, van den Oord et al.,
arXiv:1807.03748). Beside the batch, the embeddings of the last few thousand things are compared with (cross-batch
memory, Wang et al., arXiv:1912.06798): they cost nothing and hold the look-alikes that a batch lacks.

Kind: the second half of the embedding must point where a teacher points on the clean picture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CONTRAST_TEMPERATURE = 0.06
_KIND_TEMPERATURE = 0.07
_KIND_STRANGERS = 1024  # targets of other things, to be told apart from
_MASKED = -1e4


class Memory:
    """The embeddings of the last things, oldest dropped first.

    Args:
        size: How many things.
        dim: Length of an embedding.
        device: Where they are kept.
    """

    def __init__(self, size: int, dim: int, device: torch.device) -> None:
        self.references = torch.zeros(size, dim, device=device)
        self.photos = torch.zeros(size, dim, device=device)
        self.pictures = torch.full((size,), -2, device=device)  # -2: nothing here yet
        self.next_place = 0

    def add(self, references: Tensor, photos: Tensor, pictures: Tensor) -> None:
        """Remember a batch: embeddings [n, dim] of length 1, and the pictures [n] they are of, -1 for fresh things."""
        places = (torch.arange(len(pictures), device=pictures.device) + self.next_place) % len(self.pictures)
        self.references[places] = references.detach()
        self.photos[places] = photos.detach()
        self.pictures[places] = pictures
        self.next_place = int(places[-1]) + 1


def contrast_loss(references: Tensor, photos: Tensor, pictures: Tensor, memory: Memory) -> Tensor:
    """Return the mean of both directions' cross-entropies.

    Args:
        references: [n, dim], length 1 each.
        photos: [n, dim], length 1 each.
        pictures: [n]; which picture each is of, -1 for a fresh thing. Two views of one picture, or of it and a piece of
            it, are no strangers: telling them apart would teach that a thing seen closer is another thing.
        memory: Of earlier batches.
    """
    has_picture = (pictures >= 0)[:, None]
    unusable = (memory.pictures == -2)[None] | ((pictures[:, None] == memory.pictures[None]) & has_picture)
    akin = (pictures[:, None] == pictures[None]) & has_picture
    akin.fill_diagonal_(False)
    answers = torch.arange(len(pictures), device=pictures.device)
    losses = []
    for asked, among, before in ((photos, references, memory.references), (references, photos, memory.photos)):
        new = (asked @ among.T).masked_fill(akin, _MASKED)
        old = (asked @ before.T).masked_fill(unusable, _MASKED)
        losses.append(F.cross_entropy(torch.cat([new, old], 1) / CONTRAST_TEMPERATURE, answers))
    return (losses[0] + losses[1]) / 2


def kind_loss(kinds: Tensor, known: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
    """Return how far the kind halves are from the teacher's targets: a cross-entropy and a distance.

    Args:
        kinds: [n, dim], length 1 each.
        known: [n]; only things with a number of at least 0 have a target.
        targets: [things, dim], length 1 each.
        generator: Chooses the strangers.
    """
    has_target = known >= 0
    asked, numbers = kinds[has_target], known[has_target]
    own = targets[numbers]
    strangers = torch.randint(0, len(targets), (_KIND_STRANGERS,), generator=generator, device=generator.device).to(
        targets.device
    )
    towards = asked @ own.T
    away = (asked @ targets[strangers].T).masked_fill(numbers[:, None] == strangers[None], _MASKED)
    same = (numbers[:, None] == numbers[None]) & ~torch.eye(len(numbers), dtype=torch.bool, device=numbers.device)
    logits = torch.cat([towards.masked_fill(same, _MASKED), away], 1) / _KIND_TEMPERATURE
    answers = torch.arange(len(numbers), device=numbers.device)
    return 0.5 * F.cross_entropy(logits, answers) + 2 * (1 - (asked * own).sum(1)).mean()
