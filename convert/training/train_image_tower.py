"""Training the built-in image tower: the recipe, from a pretrained trunk and pictures on disk to a file of weights.

First the trunk's later blocks, or only its last ones, learn by contrast: each step shows the net a reference view and
a simulated photo of the same things; it must find the one by the other among all others, and stay near what the
pretrained trunk says (`losses`). Then its weights are averaged with the pretrained ones, and it gets its last layer in
closed form (`train_embedding_layer`). A checkpoint every few minutes, and the same command goes on from it. The number
of views fixes the schedule: giving another one to a run that has begun stretches or shortens what is left of it.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.builtin.image_tower import SIZE_PX
from edge_identify.convert.builtin.shipped_weights import write_image_state
from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.training.held_out_examination import Examination, Marks
from edge_identify.convert.training.layers.contrast_net import ContrastNet, Part
from edge_identify.convert.training.layers.losses import contrast_loss, hold_loss
from edge_identify.convert.training.material.image_batches import Batch, KnownThings, Stage, batches
from edge_identify.convert.training.material.image_material import Progress, read_photographs
from edge_identify.convert.training.material.net_pixels import net_pixels
from edge_identify.convert.training.pretrained_trunk import averaged, read_last_features, read_trunk
from edge_identify.convert.training.train_embedding_layer import FULL_THINGS, EmbeddingLayerRun, give_embedding_layer
from edge_identify.convert.training.training_checkpoints import Learner, load_checkpoint, recipe_text, save_checkpoint
from edge_identify.datasets.drawn.instances.typefaces import find_typefaces
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    import torch

FULL_VIEWS = 100_000
DEFAULT_BATCH = 40  # things, so twice as many views
TUNED_SHARE = 0.75  # of the averaged weights; the rest are the pretrained ones, which know more kinds of things

_LEARNING_RATE, _HEAD_RATE, _WEIGHT_DECAY = 3e-4, 3e-3, 0.02
_HEAD_FIRST_STEPS = 60  # the head alone: a random one would teach the trunk nothing
_WARM_UP_STEPS = 30
_HOLD = 1.0
_EASIEST, _HARDEST_FROM = 0.3, 0.5  # difficulty of the photos at the start, and from which share of the run on it is 1
_GRADIENT_LIMIT = 5.0
_CHECKPOINT_EVERY_S = 240
_LOGGED_EVERY = 20  # steps


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTowerRun:
    """What to train with.

    Attributes:
        data: Training folder with `labels.jsonl`.
        out: The weights to write (.safetensors); beside it are a checkpoint and a log.
        start_from: Weights whose trunk to start from.
        pretrained: Weights whose trunk to stay near and to average with; None for those of `start_from`.
        views: How many views the trunk learns from, two for each thing; 0 leaves the trunk as it is.
        layer_things: How many pairs of views the last layer is made of.
        tuned_share: How much of the weights is what was learnt; the rest are the pretrained ones.
        seed: Of everything.
        batch: Things in a batch.
        workers: Processes that draw and photograph; 0 does it in this one.
        learning_rate: The trunk's highest.
        hold: How much the distance from the pretrained features counts beside the contrast.
        part: Which blocks of the trunk learn.
        typefaces: Folder of fonts to print drawn packages with; None for none of these packages.
    """

    data: Path
    out: Path
    start_from: Path
    pretrained: Path | None = None
    views: int = FULL_VIEWS
    layer_things: int = FULL_THINGS
    tuned_share: float = TUNED_SHARE
    seed: int = 0
    batch: int = DEFAULT_BATCH
    workers: int = 1
    learning_rate: float = _LEARNING_RATE
    hold: float = _HOLD
    part: Part = Part.BOTH
    typefaces: Path | None = None

    @property
    def steps(self) -> int:
        """How many batches the views are; at least one, if there are any."""
        return max(min(1, self.views), self.views // (2 * self.batch))

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept."""
        return self.out.with_suffix(".checkpoint.safetensors")

    @property
    def layer_sums(self) -> Path:
        """Where the last layer's sums are kept."""
        return self.out.with_suffix(".layer.safetensors")

    @property
    def log(self) -> Path:
        """JSON lines: the losses now and then, and the examination."""
        return self.out.with_suffix(".log.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTowerReport:
    """How a run ended.

    Attributes:
        steps: Steps of the trunk.
        views: Views the trunk learnt from.
        layer_things: Pairs of views the last layer was made of.
        photographs: Photographs learnt from.
        marks: Of the weights that were written.
    """

    steps: int
    views: int
    layer_things: int
    photographs: int
    marks: Marks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Losses:
    """Of one step."""

    contrast: float
    hold: float


def train_image_tower(run: ImageTowerRun, *, progress: Progress) -> ImageTowerReport:
    """Train and write the weights; goes on from the run's checkpoint if there is one.

    Raises:
        SetupError: The data or a file of weights cannot be used, or the checkpoint is of another recipe.
    """
    import torch

    ensure_torchvision_operators()
    start = read_trunk(run.start_from)
    pretrained = read_trunk(run.pretrained) if run.pretrained else start
    photographs = read_photographs(run.data, progress)
    known = KnownThings(photographs=photographs.learning, seed=run.seed, typefaces=_typefaces(run.typefaces))
    tuned = _tuned_trunk(run, known, start, pretrained, progress) if run.views else start
    layer = EmbeddingLayerRun(
        known=known,
        things=run.layer_things,
        seed=run.seed,
        workers=run.workers,
        kept_in=run.layer_sums,
        device=_device(),
    )
    trunk = averaged(tuned, pretrained, run.tuned_share)
    tower = give_embedding_layer(trunk, layer, progress=progress)
    write_image_state(tower.state_dict(), run.out)
    progress("examining", 0, 1)
    examination = Examination(photographs.held_out, side_px=SIZE_PX)
    with torch.no_grad():
        marks = examination.mark(lambda pixels: _unit(tower(net_pixels(pixels, layer.device))))
    progress("examining", 1, 1)
    _note(run, run.steps, asdict(marks))
    return ImageTowerReport(
        steps=run.steps,
        views=run.steps * run.batch * 2,
        layer_things=layer.pairs,
        photographs=len(photographs.learning),
        marks=marks,
    )


def _tuned_trunk(
    run: ImageTowerRun,
    known: KnownThings,
    start: dict[str, torch.Tensor],
    pretrained: dict[str, torch.Tensor],
    progress: Progress,
) -> dict[str, torch.Tensor]:
    """Return the weights of a trunk that has learnt by contrast."""
    trainer = _Trainer(run, start, pretrained)
    step = trainer.resume()
    saved_at = time.monotonic()
    easiest = _EASIEST if run.pretrained is None else 1.0  # weights that are gone on from have seen the easy ones
    stages = [_stage(step / run.steps, easiest) for step in range(run.steps)]
    made = batches(known, stages, size=run.batch, seed=run.seed, first=step, workers=run.workers, device=trainer.device)
    for batch in made:
        losses = trainer.learn(batch, step)
        step += 1
        progress("training", step, run.steps)
        if step % _LOGGED_EVERY == 0:
            _note(run, step, asdict(losses))
        if time.monotonic() - saved_at >= _CHECKPOINT_EVERY_S:
            trainer.save(step)
            saved_at = time.monotonic()
    trainer.save(step)
    return trainer.trunk_state()


class _Trainer:
    """The net, the pretrained net it is held near, and its optimiser, on one device."""

    def __init__(self, run: ImageTowerRun, start: dict[str, torch.Tensor], pretrained: dict[str, torch.Tensor]) -> None:
        import torch

        self._run = run
        self.device = _device()
        torch.manual_seed(run.seed)
        last = _last_features(run)
        model = self._net(start, read_last_features(run.start_from) or last)
        held = self._net(pretrained, last)
        if any(not torch.equal(one, other) for one, other in zip(*_early_states(model, held), strict=True)):
            raise SetupError(f"{run.start_from}: its first blocks are not those of {run.pretrained}")
        self._held = held.eval().requires_grad_(False)
        trunk = [weight for name, weight in model.named_parameters() if weight.requires_grad and not _is_head(name)]
        groups = [{"params": trunk}, {"params": list(model.head.parameters())}]
        self._learner = Learner(
            model=model, optimiser=torch.optim.AdamW(groups, lr=run.learning_rate, weight_decay=_WEIGHT_DECAY)
        )
        self._recipe = recipe_text(
            seed=run.seed,
            batch=run.batch,
            rate=run.learning_rate,
            hold=run.hold,
            part=run.part.value,
            typefaces=len(_typefaces(run.typefaces)),
            start=_checksum(start),
            pretrained=_checksum(pretrained),
        )

    def resume(self) -> int:
        """Take up the run's checkpoint if there is one; return the steps done."""
        if not self._run.checkpoint.is_file():
            return 0
        return load_checkpoint(self._run.checkpoint, self._learner, recipe=self._recipe)

    def save(self, step: int) -> None:
        """Write the checkpoint."""
        save_checkpoint(self._run.checkpoint, self._learner, step=step, recipe=self._recipe)

    def learn(self, batch: Batch, step: int) -> _Losses:
        """Take one step; return the losses."""
        import torch

        model, optimiser = self._learner.model.train(), self._learner.optimiser
        trunk, head = optimiser.param_groups
        trunk["lr"] = _trunk_rate(step, self._run.steps) * self._run.learning_rate
        head["lr"] = _rate(step, self._run.steps) * _HEAD_RATE
        early = model.early_map(net_pixels(torch.cat([batch.references, batch.photos]), self.device))
        with torch.no_grad():
            held = self._held.last.average(self._held.maps(early[: len(batch.references)])[1])
        with torch.set_grad_enabled(trunk["lr"] > 0):
            fine, coarse = model.maps(early)
            averages = model.last.average(coarse)
        references, photos = model.head(fine, coarse).chunk(2)
        contrast, hold = contrast_loss(references, photos, batch.pictures), hold_loss(averages, held)
        optimiser.zero_grad(set_to_none=True)
        (contrast + self._run.hold * hold).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_LIMIT)
        optimiser.step()
        return _Losses(contrast=round(float(contrast.detach()), 4), hold=round(float(hold.detach()), 4))

    def trunk_state(self) -> dict[str, torch.Tensor]:
        """Return the trunk's weights."""
        return {key: value.cpu() for key, value in self._learner.model.backbone_state().items()}

    def _net(self, weights: dict[str, torch.Tensor], last: dict[str, torch.Tensor]) -> ContrastNet:
        import torch

        net = ContrastNet(weights, last, self._run.part).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        placed: ContrastNet = net.to(self.device)
        return placed


def _typefaces(folder: Path | None) -> tuple[str, ...]:
    if folder is None:
        return ()
    if found := find_typefaces(folder):
        return found
    raise SetupError(
        f"{folder}: holds no typeface (.ttf or .otf) with Latin letters; give a folder of fonts, or leave it out"
    )


def _last_features(run: ImageTowerRun) -> dict[str, torch.Tensor]:
    if last := read_last_features(run.pretrained or run.start_from):
        return last
    raise SetupError(
        f"{run.pretrained or run.start_from}: has no last convolution (conv_head), which training holds the trunk by; "
        "give timm's tf_efficientnet_lite0 as --pretrained"
    )


def _device() -> torch.device:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _unit(embeddings: torch.Tensor) -> torch.Tensor:
    import torch.nn.functional as F

    return F.normalize(embeddings, dim=1)


def _is_head(name: str) -> bool:
    return name.startswith("head.")


def _early_states(*nets: ContrastNet) -> list[list[torch.Tensor]]:
    return [list(net.early.state_dict().values()) for net in nets]


def _checksum(trunk: dict[str, torch.Tensor]) -> float:
    """Return the sum of the weights: a number that another trunk would hardly have."""
    return sum(float(value.double().sum()) for value in trunk.values())


def _stage(done: float, easiest: float) -> Stage:
    """Return how the batches are when that share of the run is done."""
    return Stage(side_px=SIZE_PX, difficulty=min(1.0, easiest + (1 - easiest) * done / _HARDEST_FROM))


def _rate(step: int, steps: int) -> float:
    """Return the share of the head's highest learning rate: a short rise, then half a cosine down to nearly nothing."""
    if step < _WARM_UP_STEPS:
        return (step + 1) / _WARM_UP_STEPS
    return 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.002


def _trunk_rate(step: int, steps: int) -> float:
    """Return the trunk's share: nothing at first, then the same rise and fall."""
    after = step - _HEAD_FIRST_STEPS
    return 0.0 if after < 0 else min((after + 1) / _WARM_UP_STEPS, _rate(max(step, _WARM_UP_STEPS), steps))


def _note(run: ImageTowerRun, step: int, figures: dict[str, float]) -> None:
    with run.log.open("a", encoding="utf-8") as log:
        log.write(json.dumps({"step": step, "views": step * run.batch * 2, **figures}) + "\n")
