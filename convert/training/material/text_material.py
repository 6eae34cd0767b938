"""What the text tower learns from, embedded by the image tower: photographs with labels, and drawn things with looks.

ImageNet's classifier is asked about the photographs, too. A linear map from embeddings to its logits, found by ridge
regression, gives each class a direction in the embedding's space: what a picture of the class would have more of. So a
class that no photograph shows has a direction as well, a less certain one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from edge_identify.convert.training.material.captioned_drawings import draw_captioned
from edge_identify.convert.training.material.image_material import Progress
from edge_identify.edge_runtime.photos.images import open_image
from edge_identify.edge_runtime.photos.preprocessing import preprocess

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.convert.training.imagenet_classifier import ImagenetClassifier
    from edge_identify.convert.training.material.captioned_drawings import CaptionedDrawing
    from edge_identify.convert.training.material.captions import LabelledPicture

RIDGE = 0.1  # times the mean variance of the embeddings' numbers, added to each direction's
_BATCH = 32  # pictures that go through the image tower at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographs:
    """Embedded photographs.

    Attributes:
        embeddings: Unit vectors, float32 [n, dim].
        labels: Positions of their labels, int64 [n].
        answers: Logits of ImageNet's classes, float32 [n, classes].
    """

    embeddings: torch.Tensor
    labels: torch.Tensor
    answers: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawings:
    """Embedded drawn things.

    Attributes:
        embeddings: Unit vectors, float32 [n, dim].
        things: What they are.
    """

    embeddings: torch.Tensor
    things: Sequence[CaptionedDrawing]


def embed_photographs(
    pictures: Sequence[LabelledPicture],
    labels: Sequence[str],
    loaded: LoadedModel,
    classifier: ImagenetClassifier,
    progress: Progress,
) -> Photographs:
    """Embed photographs with a loaded `edge-builtin` model, and ask ImageNet's classifier.

    Raises:
        PhotoError: A picture cannot be read.
    """
    import torch

    embeddings, answers = [], []
    images = (open_image(picture.path) for picture in pictures)
    for maps in _maps(images, len(pictures), loaded, "embedding photographs", progress):
        embeddings.append(_embedding(maps, loaded))
        answers.append(classifier(maps[1]))
    return Photographs(
        embeddings=torch.cat(embeddings),
        labels=torch.tensor([labels.index(picture.label) for picture in pictures]),
        answers=torch.cat(answers),
    )


def embed_drawings(count: int, seed: int, loaded: LoadedModel, progress: Progress) -> Drawings:
    """Draw things and embed them with a loaded `edge-builtin` model."""
    import numpy as np
    import torch

    things = list(islice(draw_captioned(np.random.default_rng(seed)), count))
    images = (thing.draw() for thing in things)
    parts = [_embedding(maps, loaded) for maps in _maps(images, count, loaded, "embedding drawn things", progress)]
    return Drawings(embeddings=torch.cat(parts), things=things)


def class_directions(photographs: Photographs, *, ridge: float = RIDGE) -> torch.Tensor:
    """Return each ImageNet class's direction among embeddings, unit vectors, float32 [classes, dim].

    The embeddings' mean has no part in any of them: no class is nearer to all pictures than the others.
    """
    import torch
    import torch.nn.functional as F

    middle = photographs.embeddings.mean(0)
    spread = photographs.embeddings - middle
    telling = photographs.answers - photographs.answers.mean(1, keepdim=True)
    telling = telling - telling.mean(0)
    covariance = spread.T @ spread / len(spread)
    covariance.diagonal().add_(ridge * covariance.diagonal().mean())
    directions = torch.linalg.solve(covariance, spread.T @ telling / len(spread)).T
    common = F.normalize(middle, dim=0)
    return F.normalize(directions - (directions @ common)[:, None] * common, dim=1)


def _maps(
    images: Iterator[Image], count: int, loaded: LoadedModel, what: str, progress: Progress
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield both maps of some images at a time."""
    import numpy as np
    import torch

    mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in (loaded.mean, loaded.std))
    done = 0
    while some := [preprocess(image, loaded.preprocessing) for image in islice(images, _BATCH)]:
        pixels = torch.from_numpy(np.stack(some)).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            yield loaded.model.visual.trunk.maps((pixels - mean) / deviation)  # type: ignore[union-attr, operator]
        done += len(some)
        progress(what, done, count)


def _embedding(maps: tuple[torch.Tensor, torch.Tensor], loaded: LoadedModel) -> torch.Tensor:
    import torch
    import torch.nn.functional as F

    from edge_identify.convert.builtin.image_tower import cells_of

    with torch.no_grad():
        return F.normalize(loaded.model.visual.trunk.embedding(*cells_of(*maps)), dim=1)  # type: ignore[union-attr, operator]
