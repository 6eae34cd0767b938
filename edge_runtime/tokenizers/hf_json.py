"""Tokenizers that come as Hugging Face's `tokenizer.json`: SigLIP's sentencepieces, and others.

They are run by the `tokenizers` library, which only packs of such models need (extra `siglip`). A newcomer would use
transformers, which open_clip does and which brings hundreds of megabytes; for a fast tokenizer it calls this same
library and adds what is done here: length, padding, and nothing else.

The library is native code. It is only given files whose hash has been checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, SetupError
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerSpec
from edge_identify.edge_runtime.tokenizers.cleaning import clean

if TYPE_CHECKING:
    import numpy as np
    import tokenizers
    from numpy.typing import NDArray

MAX_TOKENIZER_BYTES = 64 * 2**20  # SigLIP 2's 256,000 pieces take 34 MB; it is read whole


@dataclass(frozen=True, slots=True, kw_only=True)
class HfTokenizer:
    """Turns text into the token ids that open_clip's `HFTokenizer` gives.

    Threads may share it: encoding only reads the library's tokenizer. Cutting and padding are set once, before it is
    shared; the library refuses to change them while another thread encodes.

    Attributes:
        splitter: The library's tokenizer, set to cut and to pad.
        cleaning: What is done to a text first.
        context_length: Tokens in the tower's input.
    """

    splitter: tokenizers.Tokenizer
    cleaning: Cleaning
    context_length: int

    def encode(self, texts: list[str]) -> NDArray[np.int64]:
        """Return the token ids of some texts; see `Tokenizer.encode`."""
        import numpy as np

        # One by one: the library's batches start threads of their own, for a text or two.
        rows = [self.splitter.encode(clean(text, self.cleaning)).ids for text in texts]
        return np.array(rows, dtype=np.int64).reshape(len(texts), self.context_length)


def make_hf_tokenizer(data: bytes, spec: TokenizerSpec, *, where: str) -> HfTokenizer:
    """Make a tokenizer from the content of a `tokenizer.json`; see `make_tokenizer`."""
    if len(data) > MAX_TOKENIZER_BYTES:
        raise PackFormatError(f"{where}: {len(data)} bytes, more than a tokenizer may have ({MAX_TOKENIZER_BYTES})")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise SetupError(
            "this model's text is split by the `tokenizers` library, which is not installed; "
            "run `pip install 'edge-identify[siglip]'`"
        ) from error
    try:
        splitter = Tokenizer.from_str(data.decode("utf-8"))
    except Exception as error:  # the library raises nothing narrower
        raise PackDamagedError(f"{where}: is not a tokenizer ({error}); build or fetch the pack again") from error
    padding = splitter.id_to_token(spec.pad_id)
    if padding is None:
        raise PackDamagedError(f"{where}: has no token {spec.pad_id} to pad with; build or fetch the pack again")
    splitter.enable_truncation(max_length=spec.context_length)
    splitter.enable_padding(length=spec.context_length, pad_id=spec.pad_id, pad_token=padding)
    return HfTokenizer(splitter=splitter, cleaning=spec.cleaning, context_length=spec.context_length)
