"""CLIP's byte-pair encoding, from the merges in a pack to token ids.

Source: OpenAI's CLIP (github.com/openai/CLIP, `simple_tokenizer.py`), as open_clip uses it:
1. The text is cleaned (see `text_cleaning`; CLIP's own models lower the case).
2. A pattern splits it into contractions, runs of letters, single digits and runs of other characters.
3. The UTF-8 bytes of each piece are mapped to printable characters.
4. Neighbouring parts of a piece are merged, always the pair with the lowest rank first, not from the left.
Token ids in order: 256 byte characters, the same with an end-of-word mark, one for each merge, start, end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.encoders.tokenizers.text_cleaning import clean
from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

START, END, END_OF_WORD = "<start_of_text>", "<end_of_text>", "</w>"
MAX_MERGES_BYTES = 16 * 2**20  # CLIP's 48,894 merges take half a megabyte

_PATTERN = r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTokenizer:
    """Turns text into the token ids of a CLIP text tower.

    Threads may share it: it never changes, and the compiled pattern that `regex` caches holds no search state.

    Attributes:
        ranks: Rank of each merge; the lowest is merged first.
        ids: Id of each token.
        context_length: Number of tokens in the tower's input.
        cleaning: How a text is cleaned first.
    """

    ranks: dict[tuple[str, str], int]
    ids: dict[str, int]
    context_length: int
    cleaning: Cleaning

    def encode(self, texts: list[str]) -> NDArray[np.int64]:
        """Return the token ids of texts.

        A longer text is truncated to the context, with the end mark as its last token. Unused positions are 0.

        Returns:
            int64 [texts, context_length].
        """
        import numpy as np

        rows = np.zeros((len(texts), self.context_length), dtype=np.int64)
        for row, text in zip(rows, texts, strict=True):
            tokens = [self.ids[START], *self._tokens(text), self.ids[END]]
            kept = tokens[: self.context_length]
            kept[-1] = self.ids[END]
            row[: len(kept)] = kept
        return rows

    def _tokens(self, text: str) -> list[int]:
        import regex

        byte_characters = _byte_characters()
        tokens: list[int] = []
        for piece in regex.findall(_PATTERN, clean(text, self.cleaning), flags=regex.IGNORECASE):
            if piece in (START, END):
                tokens.append(self.ids[piece])
                continue
            written = "".join(byte_characters[byte] for byte in piece.encode("utf-8"))
            tokens.extend(self.ids[part] for part in self._merge(written))
        return tokens

    def _merge(self, written: str) -> list[str]:
        parts = [*written[:-1], written[-1] + END_OF_WORD]
        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            parts = _join_pair(parts, best)
        return parts


def make_clip_tokenizer(data: bytes, spec: TokenizerSpec, *, where: str) -> ClipTokenizer:
    """Make a tokenizer from merges: UTF-8 text in order of rank, one pair per line, separated by a space.

    Args:
        data: The file's content.
        spec: The tokenizer's entry in the manifest.
        where: The file's name in messages.

    Raises:
        PackFormatError: The file is longer than `MAX_MERGES_BYTES`.
        PackDamagedError: A line is not a pair.
    """
    if len(data) > MAX_MERGES_BYTES:
        raise PackFormatError(f"{where}: {len(data)} bytes, more than the limit of {MAX_MERGES_BYTES}")
    try:
        pairs = [_pair(line) for line in data.decode("utf-8").split("\n") if line]
    except ValueError as error:
        raise PackDamagedError(f"{where}: is not a list of merges ({error}); build or fetch the pack again") from error
    characters = list(_byte_characters_in_id_order())
    tokens = [*characters, *(character + END_OF_WORD for character in characters)]
    tokens += ["".join(pair) for pair in pairs] + [START, END]
    return ClipTokenizer(
        ranks={pair: rank for rank, pair in enumerate(pairs)},
        ids={token: identifier for identifier, token in enumerate(tokens)},
        context_length=spec.context_length,
        cleaning=spec.cleaning,
    )


def _pair(line: str) -> tuple[str, str]:
    first, second = line.split(" ")
    return first, second


def _join_pair(parts: list[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    position = 0
    while position < len(parts):
        if tuple(parts[position : position + 2]) == pair:
            joined.append("".join(pair))
            position += 2
        else:
            joined.append(parts[position])
            position += 1
    return joined


def byte_character(byte: int) -> str:
    """Return the printable character that stands for a byte within a word."""
    return _byte_characters()[byte]


@lru_cache(maxsize=1)
def _byte_characters() -> dict[int, str]:
    """Return the printable character that stands for each byte.

    Printable Latin-1 bytes stand for themselves. The others are mapped to the characters from U+0100 on, in order.
    """
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + position) for position, byte in enumerate(others)}


def _byte_characters_in_id_order() -> list[str]:
    return list(_byte_characters().values())
