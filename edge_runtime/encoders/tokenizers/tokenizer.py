"""From a text to the token ids of a pack's text tower, without torch, open_clip or transformers.

`make_tokenizer` is the only place that chooses between the two kinds. A newcomer would load any tokenizer with the
`tokenizers` library: it does CLIP's byte pairs too, but not with CLIP's cleaning, and it is one more thing to install.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge_identify.edge_runtime.pack.manifest import TokenizerKind, TokenizerSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Tokenizer(Protocol):
    """Splits text for a text tower."""

    def encode(self, texts: list[str]) -> NDArray[np.int64]:
        """Return the token ids of some texts, cut or padded to the tower's context.

        Returns:
            int64 [texts, context_length].
        """


def read_tokenizer(path: Path, spec: TokenizerSpec) -> Tokenizer:
    """Read a pack's tokenizer; see `make_tokenizer`.

    Args:
        path: The file, its hash checked before.
        spec: What the manifest says of it.
    """
    return make_tokenizer(path.read_bytes(), spec, where=str(path))


def make_tokenizer(data: bytes, spec: TokenizerSpec, *, where: str) -> Tokenizer:
    """Make a tokenizer from the content of its file.

    Args:
        data: The content.
        spec: What the manifest says of it.
        where: What messages call the file.

    Raises:
        PackFormatError: The file is larger than one of its kind may be.
        PackDamagedError: It is no tokenizer of its kind.
        SetupError: A library that this kind needs is not installed.
    """
    if spec.kind is TokenizerKind.HF_JSON:
        from edge_identify.edge_runtime.encoders.tokenizers.hf_json import make_hf_tokenizer

        return make_hf_tokenizer(data, spec, where=where)
    from edge_identify.edge_runtime.encoders.tokenizers.clip_bpe import make_clip_tokenizer

    return make_clip_tokenizer(data, spec, where=where)
