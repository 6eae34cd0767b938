"""Training the built-in text tower into the space of the built-in image tower, which stays as it is.

The pictures are embedded once (`text_material`). Then, step by step, some photographs are compared with one caption of
every label, some drawn things with captions of their looks, and some names of ImageNet's classes with the classes'
directions; only the text tower moves. Minutes on one core. One thread and fixed seeds make the result repeatable on one
machine; another processor rounds differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.builtin import load_image_weights, load_text_weights, save_text_weights
from edge_identify.convert.models.model_loading import LoadedModel, load_model
from edge_identify.convert.training.encoded_texts import encode_texts, tokenizer_of
from edge_identify.convert.training.imagenet_classifier import read_classifier
from edge_identify.convert.training.layers.text_losses import caption_loss, direction_loss
from edge_identify.convert.training.material.captioned_drawings import Caption, choose_caption
from edge_identify.convert.training.material.captions import TEMPLATES, captions_of, read_labelled_pictures
from edge_identify.convert.training.material.class_names import read_class_names
from edge_identify.convert.training.material.image_material import Progress
from edge_identify.convert.training.material.text_material import (
    Drawings,
    Photographs,
    class_directions,
    embed_drawings,
    embed_photographs,
)
from edge_identify.convert.training.material.whole_words import words_in
from edge_identify.convert.training.text_examination import TextMarks, examine_texts
from edge_identify.edge_runtime.io.output_writes import write_output

if TYPE_CHECKING:
    import numpy as np
    import torch
    from open_clip import SimpleTokenizer

    from edge_identify.convert.training.material.captioned_drawings import CaptionedDrawing

DEFAULT_STEPS = 1000
DEFAULT_SEED = 0

_PHOTOGRAPHS, _DRAWN, _CAPTIONS, _CLASSES = 192, 96, 24, 48  # of a step
_DRAWINGS, _HELD_OUT_DRAWINGS = 1200, 300
_EVERY = 2  # of the photographs to learn from, each second one: embedding them takes most of the time
_HELD_OUT_SEED = 20_261_202  # of drawn things; training draws with the seed itself
_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTowerRun:
    """What to train with.

    Attributes:
        data: A training folder with `labels.jsonl` (image, source, licence, label, caption).
        classifier: timm's pretrained weights of the trunk, for ImageNet's classifier.
        out: Where the weights go, in the form that is shipped; the words go beside it, one a line (.txt).
        seed: Chooses the order of pictures and captions.
        steps: Steps of training.
    """

    data: Path
    classifier: Path
    out: Path
    seed: int = DEFAULT_SEED
    steps: int = DEFAULT_STEPS

    @property
    def vocabulary(self) -> Path:
        """The words that the tower was trained with."""
        return self.out.with_suffix(".txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTowerReport:
    """What was trained, and how well it finds held-out pictures, measured on the file that was written.

    Attributes:
        labels: What the tower can name among photographs.
        classes: ImageNet classes with a name.
        words: Words that it knows.
        training_pictures: Photographs learnt from.
        held_out_pictures: Photographs that neither tower has seen.
        steps: Steps of training.
        seen_tokens: Token embeddings stored.
        marks: How well.
    """

    labels: tuple[str, ...]
    classes: int
    words: int
    training_pictures: int
    held_out_pictures: int
    steps: int
    seen_tokens: int
    marks: TextMarks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lesson:
    """All that the tower learns from.

    Attributes:
        photographs: With the labels' positions.
        labels: The labels.
        drawings: With their looks.
        directions: Of ImageNet's classes, float32 [classes, dim].
        names: Names of each class; some have none.
    """

    photographs: Photographs
    labels: Sequence[str]
    drawings: Drawings
    directions: torch.Tensor
    names: Sequence[tuple[str, ...]]


def train_text_tower(run: TextTowerRun, *, progress: Progress) -> TextTowerReport:
    """Train the text tower and write its weights and its words.

    Raises:
        SetupError: The data or the classifier cannot be used, or the extra is not installed.
        PhotoError: A picture cannot be read.
    """
    pictures = read_labelled_pictures(run.data)
    labels = tuple(sorted({picture.label for picture in pictures}))
    loaded = load_model("builtin", "random")
    tokenizer = tokenizer_of(loaded)
    classifier = read_classifier(run.classifier)
    with _one_thread():
        load_image_weights(loaded.model)
        learning, held_out = (
            embed_photographs(some, labels, loaded, classifier, progress)
            for some in (
                [picture for picture in pictures if not picture.is_held_out][::_EVERY],
                [picture for picture in pictures if picture.is_held_out],
            )
        )
        lesson = _Lesson(
            photographs=learning,
            labels=labels,
            drawings=embed_drawings(_DRAWINGS, run.seed, loaded, progress),
            directions=class_directions(learning),
            names=read_class_names(tokenizer),
        )
        texts = _train(loaded, tokenizer, lesson, run, progress)
        seen_ids = _write(loaded, tokenizer, run, texts)
        load_text_weights(loaded.model, run.out)  # what is measured is what was written: rounded, unseen tokens zero
        drawings = embed_drawings(_HELD_OUT_DRAWINGS, _HELD_OUT_SEED, loaded, progress)
        marks = examine_texts(loaded, tokenizer, held_out, labels, drawings, lesson.names)
    return TextTowerReport(
        labels=labels,
        classes=sum(bool(names) for names in lesson.names),
        words=len(run.vocabulary.read_text(encoding="utf-8").split()),
        training_pictures=len(learning.labels),
        held_out_pictures=len(held_out.labels),
        steps=run.steps,
        seen_tokens=len(seen_ids),
        marks=marks,
    )


def _train(
    loaded: LoadedModel, tokenizer: SimpleTokenizer, lesson: _Lesson, run: TextTowerRun, progress: Progress
) -> set[str]:
    """Train the text tower in place; return all texts that it was trained with."""
    import numpy as np
    import torch

    model = loaded.model
    parameters = [value for name, value in model.named_parameters() if not name.startswith("visual.")]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / run.steps)
    rng = np.random.default_rng(run.seed)
    texts: set[str] = set()
    for step in range(run.steps):
        loss, said = _step(loaded, tokenizer, lesson, rng)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        texts.update(said)
        progress("training the text tower", step + 1, run.steps)
    model.requires_grad_(False)
    return texts


def _step(
    loaded: LoadedModel, tokenizer: SimpleTokenizer, lesson: _Lesson, rng: np.random.Generator
) -> tuple[torch.Tensor, list[str]]:
    """Return the loss of one step and the texts that were compared."""
    import torch

    shown = rng.integers(len(lesson.photographs.labels), size=_PHOTOGRAPHS)
    drawn = [int(at) for at in rng.integers(len(lesson.drawings.things), size=_DRAWN)]
    things = [lesson.drawings.things[at] for at in drawn]
    captions = [choose_caption(rng, thing) for thing in things[:_CAPTIONS]]
    named = [at for at in rng.permutation(len(lesson.names)).tolist() if lesson.names[at]][:_CLASSES]
    texts = [str(rng.choice(captions_of(label))) for label in lesson.labels]
    texts += [caption.text for caption in captions]
    texts += [_named(rng, lesson.names[at]) for at in named]
    embedded = encode_texts(loaded, texts, tokenizer)
    of_pictures = embedded[: len(texts) - len(named)]
    pictures = torch.cat([lesson.photographs.embeddings[shown], lesson.drawings.embeddings[drawn]])
    truth = torch.block_diag(  # type: ignore[no-untyped-call]
        torch.nn.functional.one_hot(lesson.photographs.labels[shown], len(lesson.labels)).bool(),
        _truth(captions, things),
    )
    scale = loaded.model.logit_scale.exp()  # type: ignore[operator]
    loss = caption_loss(scale * pictures @ of_pictures.T, truth)
    return loss + direction_loss(embedded[len(of_pictures) :], lesson.directions[named]), texts


def _truth(captions: Sequence[Caption], things: Sequence[CaptionedDrawing]) -> torch.Tensor:
    import torch

    return torch.tensor([[thing.shows(caption) for caption in captions] for thing in things])


def _named(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return str(rng.choice(TEMPLATES)).format(names[int(rng.integers(len(names)))])


def _write(loaded: LoadedModel, tokenizer: SimpleTokenizer, run: TextTowerRun, texts: set[str]) -> tuple[int, ...]:
    """Write weights and words; return the tokens whose embeddings are stored."""
    seen = {token for text in texts for token in tokenizer.encode(text)}
    seen_ids = tuple(sorted(seen | {tokenizer.sot_token_id, tokenizer.eot_token_id}))
    save_text_weights(loaded.model, run.out, seen_ids=seen_ids)
    write_output(run.vocabulary, "".join(f"{word}\n" for word in words_in(texts, tokenizer)).encode())
    return seen_ids


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
