"""Training the built-in image tower: the recipe, from pictures on disk to a file of weights.

First the trunk learns by contrast: each step shows the net a reference view and a simulated photo of the same things;
it must find the one by the other among all others (`losses`), and say of each what a teacher says, where there is
one. An hour on two cores. Then the trunk stays as it is and gets its last layer in closed form
(`train_embedding_layer`). A checkpoint every few minutes, and the same command goes on from it. The number of views
fixes the schedule: giving another one to a run that has begun stretches or shortens what is left of it.
"""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.builtin.image_tower import SIZE_PX
from edge_identify.convert.builtin.shipped_weights import read_image_state, write_image_state
from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.training.held_out_examination import Examination, Marks
from edge_identify.convert.training.layers.contrast_net import CONTRAST_DIM, CONTRAST_SIDE_PX, ContrastNet
from edge_identify.convert.training.layers.losses import contrast_loss, kind_loss
from edge_identify.convert.training.material.image_batches import Batch, KnownThings, Stage, batches
from edge_identify.convert.training.material.image_material import Photographs, Progress, ask_teacher, read_photographs
from edge_identify.convert.training.material.net_pixels import net_pixels
from edge_identify.convert.training.train_embedding_layer import FULL_THINGS, EmbeddingLayerRun, give_embedding_layer
from edge_identify.convert.training.training_checkpoints import Learner, load_checkpoint, recipe_text, save_checkpoint
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    import torch
    from torch import nn

FULL_VIEWS = 1_000_000  # as many as have been tried; the model card has the curve
DEFAULT_BATCH = 96  # things, so twice as many views

_LEARNING_RATE, _WEIGHT_DECAY, _WARM_UP = 3e-3, 0.05, 0.04
_AVERAGE_KEEPS = 0.996  # of the moving average, at each step
_GRADIENT_LIMIT = 5.0
_SMALL_SIDE_PX, _SMALL_SHARE = 72, 0.65  # the last map is 3 x 3 from 65 pixels on; smaller costs less
_HARDEST_FROM = 0.5  # of the run
_CHECKPOINT_EVERY_S, _EXAMINE_EVERY_S = 240, 480


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTowerRun:
    """What to train with.

    Attributes:
        data: Training folder with `labels.jsonl`.
        out: The weights to write (.safetensors); beside it are a checkpoint, a log and the teacher's answers.
        views: How many views the trunk learns from, two for each thing; 0 leaves the trunk of `start_from` as it is.
        layer_things: How many pairs of views the last layer is made of.
        teacher: ONNX image encoder that the trunk follows, or None.
        start_from: Weights whose trunk to go on from instead of a random one, or None.
        seed: Of everything.
        batch: Things in a batch.
        workers: Processes that draw and photograph; 0 does it in this one.
        learning_rate: The highest.
        easiest: Difficulty of the photos at the start; it is 1 from the middle of the run on.
    """

    data: Path
    out: Path
    views: int = FULL_VIEWS
    layer_things: int = FULL_THINGS
    teacher: Path | None = None
    start_from: Path | None = None
    seed: int = 0
    batch: int = DEFAULT_BATCH
    workers: int = 1
    learning_rate: float = _LEARNING_RATE
    easiest: float = 0.2

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
        """One JSON line for each examination."""
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


def train_image_tower(run: ImageTowerRun, *, progress: Progress) -> ImageTowerReport:
    """Train and write the weights; goes on from the run's checkpoint if there is one.

    Raises:
        SetupError: The data, the teacher or a file of weights cannot be used, or the checkpoint is of another recipe.
    """
    import torch

    if run.views == 0 and run.start_from is None:
        raise SetupError("--views 0 keeps a trunk as it is; say which with --start-from FILE")
    ensure_torchvision_operators()
    photographs = read_photographs(run.data, progress)
    known = KnownThings(photographs=photographs.learning, seed=run.seed)
    trunk = _trained_trunk(run, known, photographs, progress)
    layer = EmbeddingLayerRun(
        known=known,
        things=run.layer_things,
        seed=run.seed,
        workers=run.workers,
        kept_in=run.layer_sums,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
    )
    tower = give_embedding_layer(trunk, layer, progress=progress)
    examination = Examination(photographs.held_out, side_px=SIZE_PX)
    with torch.no_grad():
        marks = examination.mark(lambda pixels: _embed(tower, pixels, layer.device))
    _note(run, run.steps, None, marks)
    write_image_state(tower.state_dict(), run.out)
    return ImageTowerReport(
        steps=run.steps,
        views=run.steps * run.batch * 2,
        layer_things=layer.pairs,
        photographs=len(photographs.learning),
        marks=marks,
    )


def _trained_trunk(
    run: ImageTowerRun, known: KnownThings, photographs: Photographs, progress: Progress
) -> dict[str, torch.Tensor]:
    """Return the weights of a trunk that has learnt by contrast."""
    if run.views == 0 and run.start_from is not None:
        return _trunk_of(run.start_from)
    trainer = _Trainer(run, _targets(run, known, progress))
    examination = Examination(photographs.held_out, side_px=CONTRAST_SIDE_PX)
    step = trainer.resume()
    clock = _Clock()
    stages = [_stage(step / run.steps, run) for step in range(run.steps)]
    made = batches(known, stages, size=run.batch, seed=run.seed, first=step, workers=run.workers, device=trainer.device)
    for batch in made:
        loss = trainer.learn(batch, step)
        step += 1
        progress("training", step, run.steps)
        if clock.is_due("examine", _EXAMINE_EVERY_S):
            _note(run, step, loss, examination.mark(trainer.embed))
        if clock.is_due("checkpoint", _CHECKPOINT_EVERY_S):
            trainer.save(step)
    trainer.save(step)
    return trainer.trunk_state()


class _Trainer:
    """The net, its average and its optimiser on one device."""

    def __init__(self, run: ImageTowerRun, targets: torch.Tensor | None) -> None:
        import torch

        self._run = run
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._targets = None if targets is None else targets.to(self.device)
        model = _new_model(run).to(memory_format=torch.channels_last).to(self.device)  # type: ignore[call-overload]
        decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": _WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
        self._learner = Learner(
            model=model,
            average=copy.deepcopy(model).eval(),
            optimiser=torch.optim.AdamW(groups, lr=run.learning_rate, betas=(0.9, 0.98)),
        )
        self._recipe = recipe_text(
            seed=run.seed, batch=run.batch, taught=run.teacher is not None, rate=run.learning_rate, easiest=run.easiest
        )

    def resume(self) -> int:
        """Take up the run's checkpoint if there is one; return the steps done."""
        if not self._run.checkpoint.is_file():
            return 0
        return load_checkpoint(self._run.checkpoint, self._learner, recipe=self._recipe)

    def save(self, step: int) -> None:
        """Write the checkpoint."""
        save_checkpoint(self._run.checkpoint, self._learner, step=step, recipe=self._recipe)

    def learn(self, batch: Batch, step: int) -> float:
        """Take one step; return the loss."""
        import torch

        for group in self._learner.optimiser.param_groups:
            group["lr"] = _rate(step / self._run.steps) * self._run.learning_rate
        self._learner.model.train()
        pixels = torch.cat([batch.references, batch.photos])
        embeddings = _embed(self._learner.model, pixels, self.device)
        loss = self._loss(embeddings, batch, step)
        self._learner.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._learner.model.parameters(), _GRADIENT_LIMIT)
        self._learner.optimiser.step()
        self._follow(step)
        return float(loss.detach())

    def embed(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return embeddings of length 1 by the moving average, [n, dim], from pixels of 0 to 1."""
        import torch

        with torch.no_grad():
            return _embed(self._learner.average, pixels, self.device)

    def trunk_state(self) -> dict[str, torch.Tensor]:
        """Return the weights of the moving average's trunk."""
        return {key: value for key, value in self._learner.average.state_dict().items() if _is_of_trunk(key)}

    def _loss(self, embeddings: torch.Tensor, batch: Batch, step: int) -> torch.Tensor:
        import torch

        references, photos = embeddings.chunk(2)
        loss = contrast_loss(references, photos, batch.pictures)
        if self._targets is None:
            return loss
        kinds = embeddings[:, embeddings.shape[1] // 2 :] * math.sqrt(2)  # a half of a unit vector of two equal halves
        generator = torch.Generator().manual_seed(self._run.seed + step)
        return loss + kind_loss(kinds, batch.known.repeat(2), self._targets, generator)

    def _follow(self, step: int) -> None:
        """Let the average follow the net: closely at first, slowly later."""
        import torch

        keeps = min(_AVERAGE_KEEPS, (step + 1) / (step + 10))
        current = self._learner.model.state_dict()
        with torch.no_grad():
            for key, value in self._learner.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.lerp_(current[key], 1 - keeps)
                else:
                    value.copy_(current[key])


class _Clock:
    """Says when something that is done from time to time is due; the first time after one whole interval."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._done: dict[str, float] = {}

    def is_due(self, name: str, every_s: float) -> bool:
        now = time.monotonic()
        if now - self._done.get(name, self._started) < every_s:
            return False
        self._done[name] = now
        return True


def _embed(model: nn.Module, pixels: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return embeddings of length 1, [n, dim], from pixels of 0 to 1."""
    import torch
    import torch.nn.functional as F

    with torch.autocast(device.type, torch.bfloat16):
        embeddings = model(net_pixels(pixels, device))
    return F.normalize(embeddings.float(), dim=1)


def _new_model(run: ImageTowerRun) -> ContrastNet:
    import torch

    torch.manual_seed(run.seed)
    model = ContrastNet()
    if run.start_from is not None:
        model.load_state_dict({**model.state_dict(), **_trunk_of(run.start_from)})
    return model


def _trunk_of(weights: Path) -> dict[str, torch.Tensor]:
    """Return the trunk's part of a file of weights, whatever head it has."""
    trunk = {key: value for key, value in read_image_state(weights).items() if _is_of_trunk(key)}
    if not trunk:
        raise SetupError(f"{weights}: holds no trunk of the built-in image tower")
    return trunk


def _is_of_trunk(key: str) -> bool:
    return key.startswith(("backbone.", "layout."))


def _targets(run: ImageTowerRun, known: KnownThings, progress: Progress) -> torch.Tensor | None:
    import torch

    if run.teacher is None:
        return None
    kept_in = run.out.with_suffix(".teacher.safetensors")
    return torch.from_numpy(ask_teacher(run.teacher, known, dim=CONTRAST_DIM // 2, kept_in=kept_in, progress=progress))


def _stage(done: float, run: ImageTowerRun) -> Stage:
    """Return how the batches are when that share of the run is done."""
    return Stage(
        # Weights that are gone on from have learnt at the small size already.
        side_px=_SMALL_SIDE_PX if done < _SMALL_SHARE and run.start_from is None else CONTRAST_SIDE_PX,
        difficulty=min(1.0, run.easiest + (1 - run.easiest) * done / _HARDEST_FROM),
    )


def _rate(done: float) -> float:
    """Return the share of the highest learning rate: a short rise, then half a cosine down to nearly nothing."""
    if done < _WARM_UP:
        return done / _WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP))) + 0.002


def _note(run: ImageTowerRun, step: int, loss: float | None, marks: Marks) -> None:
    line = {"step": step, "views": step * run.batch * 2, "loss": loss, **asdict(marks)}
    with run.log.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
