"""Giving a trained trunk its last layer: pairs of views go through the trunk once, and the layer follows from them.

The fine cells are reduced to linear discriminants (`discriminants`), whitened (`whitening`): what changes from thing to
thing and not from photo to photo. The coarse cells are reduced to principal components (`components`): discriminants of
them would forget kinds of things that the pairs do not show. Discriminants take many pairs: among thousands of features
there are many directions in which a few photos happen not to differ. The sums are kept on disk every few minutes, so an
interrupted fit goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.builtin.image_tower import SIZE_PX, TwoMapTower
from edge_identify.convert.training.layers.discriminants import PairScatter, linear_discriminants
from edge_identify.convert.training.layers.principal_components import give_components
from edge_identify.convert.training.layers.whitening import whiten
from edge_identify.convert.training.material.image_batches import Batch, KnownThings, Stage, batches, reference_views
from edge_identify.convert.training.material.image_material import Progress
from edge_identify.convert.training.material.net_pixels import net_pixels
from edge_identify.convert.training.training_checkpoints import recipe_text
from edge_identify.datasets.drawn.instances import draw_families
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    import torch

FULL_THINGS = 48_000

_BATCH = 96  # things
_EASIEST, _DIFFICULTIES = 0.4, 10  # batches take turns from easy to hard
_WHITENING_THINGS = 1_500  # of each collection; more than four for each direction
_CHECKPOINT_EVERY_S = 120
_SEED_OFFSET = 1_000_003  # training draws with the seed itself
_PIECE = 48  # pictures that go through the trunk at once
_COLLECTIONS = ("photographs", "drawn")
_SUMS = ("differences", "middles", "middle")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingLayerRun:
    """What the layer is made from.

    Attributes:
        known: Photographs; drawn things come beside them.
        things: How many pairs of views, rounded up to whole batches; sums that hold more already stay as they are.
        seed: Of everything.
        workers: Processes that draw and photograph; 0 does it in this one.
        kept_in: Where the sums are kept meanwhile (.safetensors).
        device: Where the trunk runs.
    """

    known: KnownThings
    things: int
    seed: int
    workers: int
    kept_in: Path
    device: torch.device

    @property
    def steps(self) -> int:
        """How many batches."""
        return math.ceil(self.things / _BATCH)

    @property
    def pairs(self) -> int:
        """How many pairs these are."""
        return self.steps * _BATCH


def give_embedding_layer(
    trunk: Mapping[str, torch.Tensor], run: EmbeddingLayerRun, *, progress: Progress
) -> TwoMapTower:
    """Return the image tower with this trunk and a last layer made for it, in evaluation mode.

    Args:
        trunk: Weights of `TwoMapTrunk.backbone`.
        run: What to make it from.
        progress: Told how far it is.

    Raises:
        SetupError: The sums on disk are of another run.
    """
    import torch

    tower = TwoMapTower()
    tower.backbone.load_state_dict(trunk)
    tower.eval().to(memory_format=torch.channels_last).to(run.device)  # type: ignore[call-overload]
    scatters = _gather(tower, run, progress)
    clean = _clean_cells(tower, run)
    with torch.no_grad():
        tower.fine.weight.copy_(linear_discriminants(scatters, tower.fine.out_features).T)
        tower.fine.bias.zero_()
    whiten(tower.fine, [fine for fine, _ in clean])
    give_components(tower.coarse, [coarse for _, coarse in clean])
    return tower


def _gather(tower: TwoMapTower, run: EmbeddingLayerRun, progress: Progress) -> list[PairScatter]:
    """Return the sums over photographs and over drawn things."""
    scatters = [PairScatter.empty(tower.fine.in_features, run.device) for _ in _COLLECTIONS]
    recipe = recipe_text(
        seed=run.seed,
        photographs=len(run.known.photographs),
        typefaces=len(run.known.typefaces),
        trunk=_trunk_checksum(tower),
    )
    first = _resume(run.kept_in, scatters, recipe)
    stages = [_stage(step) for step in range(run.steps)]
    kept_at = time.monotonic()
    seed = run.seed + _SEED_OFFSET
    made = batches(run.known, stages, size=_BATCH, seed=seed, first=first, workers=run.workers, device=run.device)
    for step, batch in enumerate(made, start=first + 1):
        _add(scatters, tower, batch, run.device)
        progress("gathering pairs", step, run.steps)
        if time.monotonic() - kept_at >= _CHECKPOINT_EVERY_S:
            _keep(run.kept_in, scatters, step, recipe)
            kept_at = time.monotonic()
    _keep(run.kept_in, scatters, run.steps, recipe)
    return scatters


def _add(scatters: list[PairScatter], tower: TwoMapTower, batch: Batch, device: torch.device) -> None:
    references, photos = (_cells(tower, views, device)[0] for views in (batch.references, batch.photos))
    is_photograph = batch.known >= 0
    for scatter, chosen in zip(scatters, (is_photograph, ~is_photograph), strict=True):
        scatter.add(references[chosen], photos[chosen])


def _cells(tower: TwoMapTower, pixels: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the fine and the coarse cells, float32 [n, features], of pixels of 0 to 1."""
    import torch

    with torch.no_grad():
        parts = [tower.cells(net_pixels(part, device)) for part in torch.split(pixels, _PIECE)]
    fine, coarse = zip(*parts, strict=True)
    return torch.cat(fine), torch.cat(coarse)


def _stage(step: int) -> Stage:
    # 7 and 10 have no common divisor: neighbours differ, and ten batches hold every difficulty once.
    turn = (step * 7) % _DIFFICULTIES
    return Stage(side_px=SIZE_PX, difficulty=_EASIEST + (1 - _EASIEST) * turn / (_DIFFICULTIES - 1))


def _clean_cells(tower: TwoMapTower, run: EmbeddingLayerRun) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return the fine and coarse cells of clean views of photographs and, as many, of fresh drawn things."""
    import numpy as np
    import torch

    rng = np.random.default_rng([run.seed, 0, 1])
    photographs = run.known.photographs
    count = min(_WHITENING_THINGS, len(photographs))
    natural = (run.known.picture(int(number)) for number in rng.permutation(len(photographs))[:count])
    families = draw_families(np.random.default_rng([run.seed, 0, 2]), photographs)
    drawn = (instance.pixels for instance in islice(chain.from_iterable(families), count))
    gathered = []
    for pictures in (natural, drawn):
        parts: list[torch.Tensor] = []
        while some := list(islice(pictures, _PIECE)):
            parts.append(reference_views(some, side_px=SIZE_PX, seed=run.seed + len(parts)))
        gathered.append(_cells(tower, torch.cat(parts), run.device))
    return gathered


def _trunk_checksum(tower: TwoMapTower) -> float:
    """Return the sum of the trunk's weights: a number that another trunk would hardly have."""
    return sum(float(value.double().sum()) for value in tower.backbone.state_dict().values())


def _keep(path: Path, scatters: list[PairScatter], step: int, recipe: str) -> None:
    from safetensors.torch import save

    tensors = {
        f"{name}.{each}": getattr(scatter, each).cpu()
        for name, scatter in zip(_COLLECTIONS, scatters, strict=True)
        for each in _SUMS
    }
    counts = {name: str(scatter.pairs) for name, scatter in zip(_COLLECTIONS, scatters, strict=True)}
    write_bytes(path, save(tensors, metadata={"step": str(step), "recipe": recipe, **counts}))


def _resume(path: Path, scatters: list[PairScatter], recipe: str) -> int:
    """Fill the sums from what was kept, if anything was; return the batches that are in them."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("recipe") != recipe:
                raise SetupError(
                    f"{path}: belongs to a run with {metadata.get('recipe')}, and this one has {recipe}; "
                    "give the same options, or another --out"
                )
            for name, scatter in zip(_COLLECTIONS, scatters, strict=True):
                scatter.pairs = int(metadata[name])
                for each in _SUMS:
                    getattr(scatter, each).copy_(file.get_tensor(f"{name}.{each}"))
    except (OSError, SafetensorError) as error:
        raise SetupError(f"{path}: does not hold the sums of a run ({error}); remove it to start again") from error
    return int(metadata["step"])
