"""Which words of a text the built-in encoder knows.

Trap: a text tower returns an embedding for any text. The built-in one was trained on the
names of some hundreds of things, on colours and on shapes (`convert/builtin/text_tower.txt` lists the words). The token
embeddings of other words are zero, so embeddings of such texts mean nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.convert.training.material.captions import SYNONYMS
from edge_identify.edge_runtime.search.words.folding import FILLERS

if TYPE_CHECKING:
    import torch

    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.convert.models.text_tokenizer import TextTokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of a text without fillers, in order and without repeats.

    Attributes:
        known: Words that the encoder was trained on.
        unknown: The other words.
    """

    known: tuple[str, ...]
    unknown: tuple[str, ...]


def known_and_unknown(text: str, model: LoadedModel, tokenizer: TextTokenizer) -> Words:
    """Return which words of a text the built-in model was trained on.

    Args:
        text: The text.
        model: The built-in model.
        tokenizer: The model's tokenizer.
    """
    import torch

    rows: torch.Tensor = model.model.text.token_embedding.weight  # type: ignore[union-attr, assignment]
    seen = torch.any(rows != 0, dim=1)
    known: dict[str, bool] = {}
    for word in re.findall(r"\w+", text.lower()):
        if word not in FILLERS:
            known[word] = all(bool(seen[token]) for token in _tokens(word, tokenizer))
    return Words(
        known=tuple(word for word, is_known in known.items() if is_known),
        unknown=tuple(word for word, is_known in known.items() if not is_known),
    )


def some_known_things() -> tuple[str, ...]:
    """Return names of things that the built-in text tower was trained on with photographs, one name each."""
    return tuple(names[0] for names in SYNONYMS.values())


def _tokens(word: str, tokenizer: TextTokenizer) -> list[int]:
    row: list[int] = tokenizer.encode([word])[0].tolist()
    end = max(range(len(row)), key=lambda at: row[at])  # the end mark has the largest id, padding follows it
    return row[1:end]
