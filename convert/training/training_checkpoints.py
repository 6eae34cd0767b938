"""A training run on disk: one safetensors file with all that the next step needs, replaced whole.

No pickles, so a checkpoint from a stranger can at worst be a bad encoder. Adam's two moments are stored beside each
weight by the weight's name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    import torch

    from edge_identify.convert.training.layers.contrast_net import ContrastNet


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Everything that changes while training.

    Attributes:
        model: What learns.
        optimiser: Adam with decoupled decay.
    """

    model: ContrastNet
    optimiser: torch.optim.AdamW


def save_checkpoint(path: Path, learner: Learner, *, step: int, recipe: str) -> None:
    """Write a checkpoint, so that a reader finds the old one or the new one.

    Args:
        path: Where to.
        learner: What to keep.
        step: Steps done.
        recipe: Text that must be the same when training goes on.
    """
    from safetensors.torch import save

    tensors = {f"model.{key}": value for key, value in learner.model.state_dict().items()}
    for name, parameter in learner.model.named_parameters():
        for moment in ("exp_avg", "exp_avg_sq", "step"):
            if parameter in learner.optimiser.state:
                tensors[f"{moment}.{name}"] = learner.optimiser.state[parameter][moment]
    # Channels-last tensors are not contiguous.
    stored = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    write_bytes(path, save(stored, metadata={"step": str(step), "recipe": recipe}))


def load_checkpoint(path: Path, learner: Learner, *, recipe: str) -> int:
    """Fill a learner, in place, from a checkpoint; return how many steps it has done.

    Raises:
        SetupError: The file is no checkpoint of this recipe.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise SetupError(f"{path}: is not a checkpoint ({error}); remove it to start again") from error
    if metadata.get("recipe") != recipe:
        raise SetupError(
            f"{path}: belongs to a run with {metadata.get('recipe')}, and this one has {recipe}; "
            "give the same options, or another --out"
        )
    learner.model.load_state_dict(_part(tensors, "model."))
    _fill_moments(learner, tensors)
    return int(metadata["step"])


def recipe_text(**settings: object) -> str:
    """Return the settings of a run as one line of text."""
    return json.dumps(settings, sort_keys=True)


def _fill_moments(learner: Learner, tensors: dict[str, torch.Tensor]) -> None:
    for name, parameter in learner.model.named_parameters():
        for moment in ("exp_avg", "exp_avg_sq", "step"):
            if (value := tensors.get(f"{moment}.{name}")) is not None:
                state = learner.optimiser.state[parameter]  # asking makes one; a frozen weight must have none
                state[moment] = value.to(parameter.device) if moment != "step" else value


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
