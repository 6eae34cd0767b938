"""A tokenizer of SigLIP's kind, with pieces and an end token, but only 64 ids."""

from __future__ import annotations

import string

VOCABULARY_SIZE = 64
PAD, END, UNKNOWN = 0, 1, 2


def small_tokenizer_json() -> bytes:
    """Return the content of a `tokenizer.json`: letters, digits and a few words as pieces, `</s>` as end token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["<pad>", "</s>", "<unk>"]
    words = ["▁", "▁cat", "▁bronze", "ing", "▁a", "é", "漢", "…"]
    pieces = [*special, *string.ascii_letters[:26], *string.digits, *words]
    pieces += [f"<extra_{number}>" for number in range(VOCABULARY_SIZE - len(pieces))]
    scores = [-1.0 if len(piece) > 1 else -10.0 for piece in pieces]  # whole words before letters
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=UNKNOWN, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", END)])
    text: str = tokenizer.to_str()
    return text.encode()
