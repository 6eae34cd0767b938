"""Training the built-in text tower into the space of the built-in image tower, which stays as it is.

The pictures are embedded once; then, step by step, a handful of pictures is compared with one caption of
every label, and only the text tower moves. Minutes on one core. One thread and fixed seeds make the result
repeatable on one machine; another processor rounds differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.builtin import load_image_weights, load_text_weights, save_text_weights
from edge_identify.convert.models.model_loading import LoadedModel, load_model
from edge_identify.convert.training.material.captions import (
    TEMPLATES,
    UNSEEN_TEMPLATE,
    LabelledPicture,
    captions_of,
    read_labelled_pictures,
    words_for,
)
from edge_identify.edge_runtime.photos.images import open_image
from edge_identify.edge_runtime.photos.preprocessing import preprocess

if TYPE_CHECKING:
    import torch
    from torch import nn

DEFAULT_STEPS = 1500  # measured at rank 1: .605 after 600 steps, .617 after 1,500
DEFAULT_SEED = 0

_BATCH = 256  # pictures a step; the captions of all labels are compared with each
_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.05
_EMBEDDING_BATCH = 64
_PAD_ID = 0  # fills up the context after the end token, where nothing looks at it

#: Called with what is being done, how much of it, and out of how much.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTowerReport:
    """What was trained and how well it names held-out pictures, measured on the file that was written.

    Attributes:
        labels: What the tower can name.
        training_pictures: Pictures learnt from.
        held_out_pictures: Pictures that neither tower has seen.
        steps: Steps of training.
        seen_tokens: Token embeddings stored.
        top1: Share of held-out pictures whose nearest caption is their label's.
        top5: Share of them with it among the five nearest.
        top1_unseen_template: `top1` with a sentence that was not trained with.
        text_to_image: Share of labels whose nearest held-out picture shows them.
        majority: `top1` of always answering the most frequent label.
    """

    labels: tuple[str, ...]
    training_pictures: int
    held_out_pictures: int
    steps: int
    seen_tokens: int
    top1: float
    top5: float
    top1_unseen_template: float
    text_to_image: float
    majority: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examples:
    """Embedded pictures [n, dim] with the positions [n] of their labels."""

    embeddings: torch.Tensor
    labels: torch.Tensor


def train_text_tower(
    data: Path,
    out: Path,
    *,
    seed: int = DEFAULT_SEED,
    steps: int = DEFAULT_STEPS,
    progress: Progress | None = None,
) -> TextTowerReport:
    """Train the text tower on a folder of labelled pictures and write its weights.

    Args:
        data: A training folder with `labels.jsonl` (image, source, licence, label, caption).
        out: Where the weights go, in the form that is shipped.
        seed: Chooses the order of pictures and captions.
        steps: Steps of training.
        progress: Told how far it is.

    Raises:
        SetupError: The folder is not a training folder, or the extra is not installed.
        PhotoError: A picture cannot be read.
    """
    tell = progress or _tell_nobody
    pictures = read_labelled_pictures(data)
    labels = tuple(sorted({picture.label for picture in pictures}))
    loaded = load_model("builtin", "random")
    with _one_thread():
        load_image_weights(loaded.model)
        training = _embed([p for p in pictures if not p.is_held_out], labels, loaded, tell, mirrored=True)
        held_out = _embed([p for p in pictures if p.is_held_out], labels, loaded, tell, mirrored=False)
        captions = [_tokenize(captions_of(label), loaded) for label in labels]
        _train(loaded.model, training, captions, seed=seed, steps=steps, tell=tell)
        seen_ids = _seen_ids(captions)
        save_text_weights(loaded.model, out, seen_ids=seen_ids)
        load_text_weights(loaded.model, out)  # what is measured is what was written: rounded, unseen tokens zero
        scores = _score(loaded, held_out, labels, TEMPLATES[0])
        unseen_scores = _score(loaded, held_out, labels, UNSEEN_TEMPLATE)
    return TextTowerReport(
        labels=labels,
        training_pictures=sum(not picture.is_held_out for picture in pictures),
        held_out_pictures=len(held_out.labels),
        steps=steps,
        seen_tokens=len(seen_ids),
        top1=_top(scores, held_out.labels, 1),
        top5=_top(scores, held_out.labels, 5),
        top1_unseen_template=_top(unseen_scores, held_out.labels, 1),
        text_to_image=_text_to_image(scores, held_out.labels),
        majority=float(held_out.labels.bincount().max() / len(held_out.labels)),
    )


def _embed(
    pictures: Sequence[LabelledPicture],
    labels: tuple[str, ...],
    loaded: LoadedModel,
    tell: Progress,
    *,
    mirrored: bool,
) -> _Examples:
    """Embed pictures, then their mirror images if `mirrored`: a thing's name has no left and right."""
    import torch

    straight, flipped = [], []
    for start in range(0, len(pictures), _EMBEDDING_BATCH):
        pixels = _pixels(pictures[start : start + _EMBEDDING_BATCH], loaded)
        straight.append(_encode_image(pixels, loaded))
        if mirrored:
            flipped.append(_encode_image(pixels.flip(2), loaded))
        tell("embedding pictures", min(start + _EMBEDDING_BATCH, len(pictures)), len(pictures))
    positions = torch.tensor([labels.index(picture.label) for picture in pictures])
    return _Examples(embeddings=torch.cat(straight + flipped), labels=positions.repeat(2) if mirrored else positions)


def _pixels(pictures: Sequence[LabelledPicture], loaded: LoadedModel) -> torch.Tensor:
    import numpy as np
    import torch

    arrays = [preprocess(open_image(picture.path), loaded.preprocessing) for picture in pictures]
    return torch.from_numpy(np.stack(arrays))


def _encode_image(pixels: torch.Tensor, loaded: LoadedModel) -> torch.Tensor:
    import torch

    mean, std = torch.tensor(loaded.mean), torch.tensor(loaded.std)
    normalised = ((pixels.float() / 255 - mean) / std).permute(0, 3, 1, 2)
    with torch.no_grad():
        embeddings: torch.Tensor = loaded.model.encode_image(normalised, normalize=True)  # type: ignore[operator]
    return embeddings


def _tokenize(texts: Sequence[str], loaded: LoadedModel) -> torch.Tensor:
    import open_clip

    tokens: torch.Tensor = open_clip.SimpleTokenizer(context_length=loaded.context_length)(list(texts))
    return tokens


def _seen_ids(captions: Sequence[torch.Tensor]) -> tuple[int, ...]:
    return tuple(sorted({token for tokens in captions for token in tokens.flatten().tolist()} - {_PAD_ID}))


def _train(
    model: nn.Module,
    training: _Examples,
    captions: Sequence[torch.Tensor],
    *,
    seed: int,
    steps: int,
    tell: Progress,
) -> None:
    import torch
    from torch.nn import functional as F

    chance = torch.Generator().manual_seed(seed)
    parameters = [value for name, value in model.named_parameters() if not name.startswith("visual.")]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    for step in range(steps):
        chosen = torch.randint(len(training.labels), (_BATCH,), generator=chance)
        tokens = torch.stack([rows[int(torch.randint(len(rows), (), generator=chance))] for rows in captions])
        texts = model.encode_text(tokens, normalize=True)  # type: ignore[operator]
        logits = model.logit_scale.exp() * training.embeddings[chosen] @ texts.T  # type: ignore[operator]
        loss = F.cross_entropy(logits, training.labels[chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        tell("training the text tower", step + 1, steps)
    model.requires_grad_(False)


def _score(loaded: LoadedModel, held_out: _Examples, labels: tuple[str, ...], template: str) -> torch.Tensor:
    """Return cosines [pictures, labels] with one caption of each label."""
    tokens = _tokenize([template.format(words_for(label)[0]) for label in labels], loaded)
    texts = loaded.model.encode_text(tokens, normalize=True)  # type: ignore[operator]
    scores: torch.Tensor = held_out.embeddings @ texts.T
    return scores


def _top(scores: torch.Tensor, truth: torch.Tensor, k: int) -> float:
    return float((scores.topk(min(k, scores.shape[1]), dim=1).indices == truth[:, None]).any(1).float().mean())


def _text_to_image(scores: torch.Tensor, truth: torch.Tensor) -> float:
    import torch

    present = torch.tensor(sorted(set(truth.tolist())))
    return float((truth[scores[:, present].argmax(0)] == present).float().mean())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Make sums come out in one order, and leave the caller's thread count as it was."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _tell_nobody(_what: str, _done: int, _total: int) -> None:
    return
