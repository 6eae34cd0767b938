"""From a text to the token ids of a pack's text tower.

`make_tokenizer` chooses between the two kinds: CLIP's byte-pair encoding (`clip_bpe`, no extra library) and Hugging
Face's `tokenizer.json` (`hf_json`, with the `tokenizers` library).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge_identify.edge_runtime.pack.manifest import TokenizerKind, TokenizerSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Tokenizer(Protocol):
    """Turns text into the token ids of a text tower."""

    def encode(self, texts: list[str]) -> NDArray[np.int64]:
        """Return the token ids of texts, truncated or padded to the tower's context.

        Returns:
            int64 [texts, context_length].
        """


def read_tokenizer(path: Path, spec: TokenizerSpec) -> Tokenizer:
    """Read a pack's tokenizer; see `make_tokenizer`.

    Args:
        path: The file, with its hash already checked.
        spec: Its entry in the manifest.
    """
    return make_tokenizer(path.read_bytes(), spec, where=str(path))


def make_tokenizer(data: bytes, spec: TokenizerSpec, *, where: str) -> Tokenizer:
    """Make a tokenizer from the content of its file.

    Args:
        data: The file's content.
        spec: Its entry in the manifest.
        where: The file's name in messages.

    Raises:
        PackFormatError: The file is longer than the limit for its kind.
        PackDamagedError: The file is not a tokenizer of its kind.
        SetupError: The kind needs a library that is not installed.
    """
    if spec.kind is TokenizerKind.HF_JSON:
        from edge_identify.edge_runtime.encoders.tokenizers.hf_json import make_hf_tokenizer

        return make_hf_tokenizer(data, spec, where=where)
    from edge_identify.edge_runtime.encoders.tokenizers.clip_bpe import make_clip_tokenizer

    return make_clip_tokenizer(data, spec, where=where)
