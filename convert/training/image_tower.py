"""Training the built-in image tower: the recipe, from pictures on disk to a file of weights.

Each step shows the net a reference view and a simulated photo of the same things; it must find the one by the other
among all others (`objective`), and say of each what a teacher says, where there is one. Hours on two cores, minutes on
a GPU; a checkpoint every few minutes, and the same command goes on from it. The number of views fixes the schedule:
giving another one to a run that has begun stretches or shortens what is left of it.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.builtin.shipped_weights import read_image_state, write_image_state
from edge_identify.convert.models.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.training.checkpoints import Learner, load_checkpoint, recipe_text, save_checkpoint
from edge_identify.convert.training.image_batches import (
    Batch,
    Chosen,
    ImageBatches,
    KnownThings,
    Stage,
    photograph,
    reference_views,
)
from edge_identify.convert.training.image_material import Progress, ask_teacher, read_photographs
from edge_identify.convert.training.objective import Memory, contrast_loss, kind_loss
from edge_identify.convert.training.validation import Examination, Marks
from edge_identify.convert.training.whitening import whiten_halves
from edge_identify.datasets.instances import draw_families

if TYPE_CHECKING:
    import torch
    from torch import nn

    from edge_identify.convert.builtin.image_tower import LayoutKeepingResNet

FULL_VIEWS = 6_000_000  # about ten times the first weights' run
DEFAULT_BATCH = 96  # things, so twice as many views

_MEMORY_THINGS = 16_384
_LEARNING_RATE, _WEIGHT_DECAY, _WARM_UP = 2e-3, 0.05, 0.04
_AVERAGE_KEEPS = 0.996  # of the moving average, at each step
_GRADIENT_LIMIT = 5.0
_SMALL_SIDE_PX, _SIDE_PX, _SMALL_SHARE = 104, 128, 0.6  # the last map is 4 x 4 from 97 pixels on; smaller costs less
_WHITENING_THINGS = 2_000  # of each collection; eight for each direction
_HARDEST_FROM = 0.5  # of the run
_CHECKPOINT_EVERY_S, _EXAMINE_EVERY_S = 240, 480
_MEAN = (0.48145466, 0.4578275, 0.40821073)  # OpenAI's, as the model's configuration says
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTowerRun:
    """What to train with.

    Attributes:
        data: Training folder with `labels.jsonl`.
        out: The weights to write (.safetensors); beside it are a checkpoint, a log and the teacher's answers.
        views: How many views to learn from, two for each thing.
        teacher: ONNX image encoder to follow, or None.
        start_from: Weights to go on from instead of random ones, or None.
        seed: Of everything.
        batch: Things in a batch.
        workers: Processes that draw and photograph; 0 does it in this one.
        learning_rate: The highest.
        easiest: Difficulty of the photos at the start; it is 1 from the middle of the run on.
    """

    data: Path
    out: Path
    views: int = FULL_VIEWS
    teacher: Path | None = None
    start_from: Path | None = None
    seed: int = 0
    batch: int = DEFAULT_BATCH
    workers: int = 1
    learning_rate: float = _LEARNING_RATE
    easiest: float = 0.2

    @property
    def steps(self) -> int:
        """How many batches the views are, at least one."""
        return max(1, self.views // (2 * self.batch))

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept."""
        return self.out.with_suffix(".checkpoint.safetensors")

    @property
    def log(self) -> Path:
        """One JSON line for each examination."""
        return self.out.with_suffix(".log.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTowerReport:
    """How a run ended.

    Attributes:
        steps: Steps done.
        views: Views learnt from.
        photographs: Photographs learnt from.
        marks: Of the weights that were written.
    """

    steps: int
    views: int
    photographs: int
    marks: Marks


def train_image_tower(run: ImageTowerRun, *, progress: Progress) -> ImageTowerReport:
    """Train and write the weights; goes on from the run's checkpoint if there is one.

    Raises:
        SetupError: The data, the teacher or a file of weights cannot be used, or the checkpoint is of another recipe.
    """
    photographs = read_photographs(run.data, progress)
    known = KnownThings(photographs=photographs.learning, seed=run.seed)
    trainer = _Trainer(run, _targets(run, known, progress))
    examination = Examination(photographs.held_out, side_px=_SIDE_PX)
    step = trainer.resume()
    clock = _Clock()
    for batch in _batches(run, known, trainer.device, first=step):
        loss = trainer.learn(batch, step)
        step += 1
        progress("training", step, run.steps)
        if clock.is_due("examine", _EXAMINE_EVERY_S):
            _note(run, step, loss, examination.mark(trainer.embed))
        if clock.is_due("checkpoint", _CHECKPOINT_EVERY_S):
            trainer.save(step)
    trainer.save(step)
    trainer.whiten(_whitening_views(known, seed=run.seed))
    marks = examination.mark(trainer.embed)
    _note(run, step, None, marks)
    write_image_state(trainer.average_state(), run.out)
    return ImageTowerReport(steps=step, views=step * run.batch * 2, photographs=len(photographs.learning), marks=marks)


class _Trainer:
    """The net, its average, its optimiser and its memory on one device."""

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
            memory=Memory(_MEMORY_THINGS, model.num_classes, self.device),
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
        embeddings = self._embed(self._learner.model, pixels)
        loss = self._loss(embeddings, batch, step)
        self._learner.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._learner.model.parameters(), _GRADIENT_LIMIT)
        self._learner.optimiser.step()
        references, photos = embeddings.detach().chunk(2)
        self._learner.memory.add(references, photos, batch.pictures)
        self._follow(step)
        return float(loss.detach())

    def embed(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return embeddings of length 1 by the moving average, [n, dim], from pixels of 0 to 1."""
        import torch

        with torch.no_grad():
            return self._embed(self._learner.average, pixels)

    def whiten(self, collections: Sequence[torch.Tensor]) -> None:
        """Spread the moving average's embedding evenly; see `whitening`. To be done once, after the last step."""
        whiten_halves(self._learner.average, collections, run=self.embed)

    def average_state(self) -> dict[str, torch.Tensor]:
        """Return the weights of the moving average."""
        return self._learner.average.state_dict()

    def _embed(self, model: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        import torch
        import torch.nn.functional as F

        mean, deviation = (torch.tensor(each, device=self.device).view(1, 3, 1, 1) for each in (_MEAN, _DEVIATION))
        normalised = ((pixels.to(self.device) - mean) / deviation).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            embeddings = model(normalised)
        return F.normalize(embeddings.float(), dim=1)

    def _loss(self, embeddings: torch.Tensor, batch: Batch, step: int) -> torch.Tensor:
        import torch

        references, photos = embeddings.chunk(2)
        loss = contrast_loss(references, photos, batch.pictures, self._learner.memory)
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


def _new_model(run: ImageTowerRun) -> LayoutKeepingResNet:
    import torch

    ensure_torchvision_operators()
    from edge_identify.convert.builtin.image_tower import LayoutKeepingResNet

    torch.manual_seed(run.seed)
    model = LayoutKeepingResNet()
    if run.start_from is not None:
        model.load_state_dict(read_image_state(run.start_from))
    return model


def _targets(run: ImageTowerRun, known: KnownThings, progress: Progress) -> torch.Tensor | None:
    import torch

    from edge_identify.convert.builtin.image_tower import EMBEDDING_DIM

    if run.teacher is None:
        return None
    kept_in = run.out.with_suffix(".teacher.safetensors")
    return torch.from_numpy(ask_teacher(run.teacher, known, dim=EMBEDDING_DIM // 2, kept_in=kept_in, progress=progress))


def _batches(run: ImageTowerRun, known: KnownThings, device: torch.device, *, first: int) -> Iterator[Batch]:
    from torch.utils.data import DataLoader

    stages = [_stage(step / run.steps, run) for step in range(run.steps)]
    made = ImageBatches(known, size=run.batch, seed=run.seed, stages=stages, photographed=device.type == "cpu")
    loader = DataLoader(
        made,
        batch_size=None,
        sampler=range(first, run.steps),
        num_workers=run.workers,
        prefetch_factor=3 if run.workers else None,
    )
    for item in loader:
        yield photograph(item, device) if isinstance(item, Chosen) else item


def _whitening_views(known: KnownThings, *, seed: int) -> list[torch.Tensor]:
    """Return clean views of photographs and, as many, of fresh drawn things."""
    import numpy as np

    rng = np.random.default_rng([seed, 0, 1])
    count = min(_WHITENING_THINGS, len(known.photographs))
    photographs = [known.picture(int(number)) for number in rng.permutation(len(known.photographs))[:count]]
    families = draw_families(rng, known.photographs)
    drawn = [instance.pixels for instance in islice(chain.from_iterable(families), count)]
    return [reference_views(pictures, side_px=_SIDE_PX, seed=seed) for pictures in (photographs, drawn)]


def _stage(done: float, run: ImageTowerRun) -> Stage:
    """Return how the batches are when that share of the run is done."""
    return Stage(
        # Weights that are gone on from have learnt at the small size already.
        side_px=_SMALL_SIDE_PX if done < _SMALL_SHARE and run.start_from is None else _SIDE_PX,
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
