"""CLIP's byte-pair encoding, from the merges in a pack to token ids, without torch or open_clip.

The scheme is that of OpenAI's CLIP (github.com/openai/CLIP, `simple_tokenizer.py`) as open_clip uses it: text is
cleaned (see `cleaning`; CLIP's own models lower the case), then split by a pattern of contractions, runs of letters,
single digits and runs of other signs; each piece's UTF-8 bytes are written as printable characters and merged by
rank. Ids: 256 byte characters, the same with an end-of-word mark, one per merge, start, end.

A newcomer would split on white space, or forget that a piece is merged by the lowest rank, not from the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerSpec
from edge_identify.edge_runtime.tokenizers.cleaning import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

START, END, END_OF_WORD = "<start_of_text>", "<end_of_text>", "</w>"
MAX_MERGES_BYTES = 16 * 2**20  # CLIP's 48,894 merges take half a megabyte

_PATTERN = r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTokenizer:
    """Turns text into the token ids of a CLIP text tower.

    Threads may share it: it is never changed, and the compiled pattern that `regex` keeps holds no state of a search.

    Attributes:
        ranks: Each merge's rank, lowest first.
        ids: Each token's id.
        context_length: Tokens in the tower's input.
        cleaning: What is done to a text first.
    """

    ranks: dict[tuple[str, str], int]
    ids: dict[str, int]
    context_length: int
    cleaning: Cleaning

    def encode(self, texts: list[str]) -> NDArray[np.int64]:
        """Return the token ids of some texts.

        A text longer than the context is cut, and its last token is the end mark. Unused places are 0.

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
    """Make a tokenizer from merges: UTF-8 text, one pair a line with a space between, in order of rank.

    Args:
        data: The merges.
        spec: What the manifest says of them.
        where: What messages call the file.

    Raises:
        PackFormatError: The file is too large.
        PackDamagedError: A line is not a pair.
    """
    if len(data) > MAX_MERGES_BYTES:
        raise PackFormatError(f"{where}: {len(data)} bytes, more than a list of merges may have ({MAX_MERGES_BYTES})")
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


@lru_cache(maxsize=1)
def _byte_characters() -> dict[int, str]:
    """Return the printable character that stands for each byte.

    Printable Latin-1 bytes stand for themselves; the rest take the characters from U+0100 on, in order.
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
