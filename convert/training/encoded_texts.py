"""Texts as embeddings of a loaded `edge-builtin` model, while its text tower is trained and examined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from open_clip import SimpleTokenizer

    from edge_identify.convert.models.model_loading import LoadedModel


def tokenizer_of(loaded: LoadedModel) -> SimpleTokenizer:
    """Return the model's tokenizer."""
    import open_clip

    return open_clip.SimpleTokenizer(context_length=loaded.context_length)


def encode_texts(loaded: LoadedModel, texts: Sequence[str], tokenizer: SimpleTokenizer) -> torch.Tensor:
    """Return unit vectors, float32 [n, dim].

    The same as open_clip's `encode_text`, in a third of the time: the tower looks at nothing behind a text's end, so
    the tokens are cut at the longest text's.
    """
    import torch.nn.functional as F

    tower: Any = loaded.model.text
    tokens = tokenizer(list(texts))
    longest = int(tokens.bool().sum(1).max())
    tokens = tokens[:, :longest]
    placed = tower.token_embedding(tokens) + tower.positional_embedding[:longest]
    read = tower.ln_final(tower.transformer(placed, attn_mask=tower.attn_mask[:longest, :longest]))
    at_end = read[range(len(tokens)), tokens.argmax(1)]  # the end token has the largest id
    return F.normalize(at_end @ tower.text_projection, dim=1)
