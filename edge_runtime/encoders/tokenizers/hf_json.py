"""Tokenizers in the format of Hugging Face's `tokenizer.json`, such as SigLIP's SentencePiece.

They run in the `tokenizers` library (extra `siglip`); only packs of such models need it. open_clip uses transformers,
which takes hundreds of megabytes. For a fast tokenizer, transformers calls the same library and adds truncation and
padding, which are done here.

The library is native code. It gets only files whose hash has been checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.encoders.tokenizers.text_cleaning import clean
from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, SetupError
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerSpec

if TYPE_CHECKING:
    import numpy as np
    import tokenizers
    from numpy.typing import NDArray

MAX_TOKENIZER_BYTES = 64 * 2**20  # SigLIP 2's 256,000 pieces take 34 MB; the file is read whole


@dataclass(frozen=True, slots=True, kw_only=True)
class HfTokenizer:
    """Turns text into the same token ids as open_clip's `HFTokenizer`.

    Threads may share it: encoding only reads the library's tokenizer. Truncation and padding are set once, before it is
    shared; the library refuses to change them while another thread encodes.

    Attributes:
        splitter: The library's tokenizer, with truncation and padding enabled.
        cleaning: How a text is cleaned first.
        context_length: Number of tokens in the tower's input.
    """

    splitter: tokenizers.Tokenizer
    cleaning: Cleaning
    context_length: int

    def encode(self, texts: list[str]) -> NDArray[np.int64]:
        """Return the token ids of texts; see `Tokenizer.encode`."""
        import numpy as np

        # One by one: the library's batch method starts threads, which is slower for one or two texts.
        rows = [self.splitter.encode(clean(text, self.cleaning)).ids for text in texts]
        return np.array(rows, dtype=np.int64).reshape(len(texts), self.context_length)


def make_hf_tokenizer(data: bytes, spec: TokenizerSpec, *, where: str) -> HfTokenizer:
    """Make a tokenizer from the content of a `tokenizer.json`; see `make_tokenizer` for arguments and errors."""
    if len(data) > MAX_TOKENIZER_BYTES:
        raise PackFormatError(f"{where}: {len(data)} bytes, more than the limit of {MAX_TOKENIZER_BYTES}")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise SetupError(
            "this pack's text encoder needs the `tokenizers` library, which is not installed; "
            "run `pip install 'edge-identify[siglip]'`"
        ) from error
    try:
        splitter = Tokenizer.from_str(data.decode("utf-8"))
    except Exception as error:  # the library raises no narrower class
        raise PackDamagedError(f"{where}: is not a tokenizer ({error}); build or fetch the pack again") from error
    padding = splitter.id_to_token(spec.pad_id)
    if padding is None:
        raise PackDamagedError(f"{where}: has no token {spec.pad_id} to pad with; build or fetch the pack again")
    splitter.enable_truncation(max_length=spec.context_length)
    splitter.enable_padding(length=spec.context_length, pad_id=spec.pad_id, pad_token=padding)
    return HfTokenizer(splitter=splitter, cleaning=spec.cleaning, context_length=spec.context_length)
