"""ImageNet's classifier on top of the trunk: what the built-in text tower learns the names of ImageNet's classes from.

The built-in trunk was held near the pretrained one, so the pretrained classifier still reads its last map.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from edge_identify.convert.training.layers.last_features import LAST_CHANNELS, LastFeatures
from edge_identify.edge_runtime.errors import SetupError

IMAGENET_CLASSES = 1000


class ImagenetClassifier(LastFeatures):
    """What follows the last block of timm's tf_efficientnet_lite0; its parts have timm's names."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(LAST_CHANNELS, IMAGENET_CLASSES)

    def forward(self, coarse: torch.Tensor) -> torch.Tensor:
        """Return logits [n, IMAGENET_CLASSES] from the map of stride 32, [n, COARSE_CHANNELS, side, side]."""
        logits: torch.Tensor = self.classifier(self.average(coarse))
        return logits


def read_classifier(path: Path) -> ImagenetClassifier:
    """Return the classifier in timm's pretrained weights, in evaluation mode.

    Raises:
        SetupError: The file cannot be read, or has no classifier of ImageNet's classes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise SetupError(f"{path}: cannot be read as weights of a classifier ({error})") from error
    classifier = ImagenetClassifier()
    parts = {key: value for key, value in stored.items() if key.split(".")[0] in dict(classifier.named_children())}
    try:
        classifier.load_state_dict(parts)
    except RuntimeError as error:
        raise SetupError(
            f"{path}: has no classifier of ImageNet's {IMAGENET_CLASSES} classes; give timm's tf_efficientnet_lite0"
        ) from error
    return classifier.eval().requires_grad_(False)
