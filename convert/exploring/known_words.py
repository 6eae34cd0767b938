"""Which words of a text an encoder has ever seen.

What a newcomer would get wrong: a text tower answers any text. The built-in one was taught the names of some dozens of
things; a word that it never saw is a row of zeros to it (see its model card), and what it answers then means nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.convert.training.material.captions import SYNONYMS, TEMPLATES

if TYPE_CHECKING:
    import torch

    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.convert.models.text_tokenizer import TextTokenizer

#: Words that say nothing of an image; any text of the built-in tower's training may have them.
_FILLERS = frozenset(re.findall(r"\w+", " ".join(TEMPLATES).lower())) | {"an", "and", "in", "on", "with", "my", "some"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of a text that say what is looked for.

    Attributes:
        known: Those that the encoder has seen.
        unknown: The others.
    """

    known: tuple[str, ...]
    unknown: tuple[str, ...]


def known_and_unknown(text: str, model: LoadedModel, tokenizer: TextTokenizer) -> Words:
    """Return which words of a text the built-in model has seen; `TextTokenizer` is the model's own."""
    import torch

    rows: torch.Tensor = model.model.text.token_embedding.weight  # type: ignore[union-attr, assignment]
    seen = torch.any(rows != 0, dim=1)
    known: dict[str, bool] = {}
    for word in re.findall(r"\w+", text.lower()):
        if word not in _FILLERS:
            known[word] = all(bool(seen[token]) for token in _tokens(word, tokenizer))
    return Words(
        known=tuple(word for word, is_known in known.items() if is_known),
        unknown=tuple(word for word, is_known in known.items() if not is_known),
    )


def some_known_things() -> tuple[str, ...]:
    """Return the names of some things that the built-in text tower knows."""
    return tuple(names[0] for names in SYNONYMS.values())


def _tokens(word: str, tokenizer: TextTokenizer) -> list[int]:
    row: list[int] = tokenizer.encode([word])[0].tolist()
    end = max(range(len(row)), key=lambda at: row[at])  # the end mark has the largest id, padding follows it
    return row[1:end]
