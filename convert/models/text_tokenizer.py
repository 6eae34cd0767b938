"""Finds the tokenizer of a model's text tower, by the rules of open_clip.

open_clip uses CLIP's byte-pair encoding unless the model's configuration names a tokenizer on the Hugging Face hub.
That one is a file, `tokenizer.json`: given with `--tokenizer`, or found in the hub's cache. Without the file, the pack
gets no text tower. This is reported and not an error, because images can still be identified.

Trap: not all texts are padded with 0. SigLIP's T5 tokenizer pads with 1, the end token. open_clip reads the pad token
from `tokenizer_config.json` beside the tokenizer, and so does this module.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.caching.build_cache import cache_key
from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import Tokenizer, make_tokenizer
from edge_identify.edge_runtime.errors import PackError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerKind, TokenizerSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MERGES_FILE = "encoders/text/tokenizer/merges.txt"
HF_FILE = "encoders/text/tokenizer/tokenizer.json"

_SETTINGS_NAME = "tokenizer_config.json"
_SIGLIP_PAD_ID = 1  # default of open_clip's SigLipTokenizer for T5's vocabulary
_SIGLIP2_PAD_ID = 0  # and for Gemma's


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTokenizer:
    """A tokenizer as a pack holds it.

    Attributes:
        spec: The manifest's entry; its `file` is the path in the pack.
        data: The content of that file.
    """

    spec: TokenizerSpec
    data: bytes

    @property
    def key(self) -> str:
        """A hash of the tokenizer, for keys of the cache."""
        return cache_key(repr(self.spec), sha256_of_bytes(self.data))

    def encode(self, texts: list[str]) -> NDArray[np.int64]:
        """Return the token ids, int64 [len(texts), context_length], computed with the devices' code."""
        return _made(self.data, self.spec).encode(texts)


@lru_cache(maxsize=2)
def _made(data: bytes, spec: TokenizerSpec) -> Tokenizer:
    return make_tokenizer(data, spec, where=spec.file)  # takes .2 s with CLIP's merges


def find_tokenizer(name: str, text: dict[str, Any], file: Path | None) -> TextTokenizer | None:
    """Return a model's tokenizer, or None if devices cannot tokenise its texts.

    Args:
        name: open_clip's name of the model.
        text: `text_cfg` of its configuration.
        file: A `tokenizer.json`, for models that use one; None to look into the hub's cache.

    Returns:
        The tokenizer; None if its file is neither given nor in the hub's cache, or if open_clip processes the text in a
        way that devices do not support.

    Raises:
        SetupError: The given file is missing, damaged or of another model, or the model takes none.
    """
    options = dict(text.get("tokenizer_kwargs") or {})
    source = text.get("hf_tokenizer_name") or ""
    takes_file = takes_tokenizer_file(name, text)
    cleaning = _cleaning(str(options.pop("clean", "whitespace" if takes_file else "lower")))
    if cleaning is None or options or text.get("tokenizer_mode"):
        if file is not None:
            raise SetupError(f"--tokenizer {file}: devices cannot split the text of {name}; leave --tokenizer out")
        return None
    context_length = read_context_length(text)
    if not takes_file:
        if file is not None:
            raise SetupError(f"--tokenizer {file}: {name} brings CLIP's own tokenizer; leave --tokenizer out")
        spec = TokenizerSpec(
            kind=TokenizerKind.CLIP_BPE, file=MERGES_FILE, context_length=context_length, cleaning=cleaning
        )
        return TextTokenizer(spec=spec, data=clip_merges())
    path = file or _cached(source, "tokenizer.json")
    if path is None:
        return None
    return _read_file(name, path, _settings(path, source), context_length, cleaning, text)


def takes_tokenizer_file(name: str, text: dict[str, Any]) -> bool:
    """Return whether a model's tokenizer is a `tokenizer.json` rather than CLIP's byte-pair encoding."""
    # open_clip goes by the model's name if the configuration names no tokenizer.
    return bool(text.get("hf_tokenizer_name")) or "siglip" in name.lower()


def read_context_length(text: dict[str, Any]) -> int:
    """Return the number of token ids in a text tower's input, from its `text_cfg`."""
    import open_clip

    return int(text.get("context_length") or open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)


def clip_merges() -> bytes:
    """Return the merges of CLIP's tokenizer in the format that devices read: one pair per line, UTF-8."""
    import open_clip

    ranks: dict[tuple[str, str], int] = open_clip.SimpleTokenizer().bpe_ranks
    return "".join(f"{first} {second}\n" for first, second in sorted(ranks, key=ranks.__getitem__)).encode()


def _cleaning(name: str) -> Cleaning | None:
    return Cleaning(name) if name in set(Cleaning) else None


def _cached(source: str, file_name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source, file_name) if source.count("/") <= 1 and source else None
    return Path(found) if isinstance(found, str) else None


def _settings(path: Path, source: str) -> dict[str, Any]:
    """Return the content of the `tokenizer_config.json` of a tokenizer; empty if there is none."""
    beside = path.with_name(_SETTINGS_NAME)
    settings = beside if beside.is_file() else _cached(source, _SETTINGS_NAME)
    if settings is None:
        return {}
    try:
        values = json.loads(settings.read_bytes())
    except (OSError, ValueError) as error:
        raise SetupError(f"{settings}: cannot be read as JSON ({error}); fetch it again with the tokenizer") from error
    return values if isinstance(values, dict) else {}


def _read_file(
    name: str, path: Path, settings: dict[str, Any], context_length: int, cleaning: Cleaning, text: dict[str, Any]
) -> TextTokenizer:
    if not path.is_file():
        raise SetupError(f"--tokenizer {path}: no such file; give the path of the model's tokenizer.json")
    data = path.read_bytes()
    try:
        document = json.loads(data)
        vocabulary = _vocabulary(data, path)
    except ValueError as error:
        raise SetupError(f"{path}: is not a tokenizer.json ({error}); fetch it again") from error
    largest = max(vocabulary.values(), default=-1)
    if largest >= text["vocab_size"]:
        raise SetupError(
            f"{path}: is not the tokenizer of {name}: its largest token id is {largest}, and the model has "
            f"{text['vocab_size']} tokens"
        )
    spec = TokenizerSpec(
        kind=TokenizerKind.HF_JSON,
        file=HF_FILE,
        context_length=context_length,
        cleaning=cleaning,
        pad_id=_pad_id(name, path, document, settings, vocabulary),
    )
    try:
        make_tokenizer(data, spec, where=str(path))
    except PackError as error:
        raise SetupError(str(error)) from error
    return TextTokenizer(spec=spec, data=data)


def _vocabulary(data: bytes, path: Path) -> dict[str, int]:
    from tokenizers import Tokenizer

    try:
        vocabulary: dict[str, int] = Tokenizer.from_str(data.decode("utf-8")).get_vocab()
    except Exception as error:  # the library raises no narrower class
        raise SetupError(f"{path}: is not a tokenizer.json ({error}); fetch it again") from error
    return vocabulary


def _pad_id(
    name: str, path: Path, document: dict[str, Any], settings: dict[str, Any], vocabulary: dict[str, int]
) -> int:
    """Return the id that open_clip pads with: from the settings, the tokenizer file, or the family's default."""
    token = settings.get("pad_token")
    token = token.get("content") if isinstance(token, dict) else token
    if token in vocabulary:
        return vocabulary[token]
    padding = document.get("padding")
    if isinstance(padding, dict) and isinstance(padding.get("pad_id"), int):
        return int(padding["pad_id"])
    if "siglip2" in name.lower():
        return _SIGLIP2_PAD_ID
    if "siglip" in name.lower():
        return _SIGLIP_PAD_ID
    raise SetupError(f"{path}: names no pad token; put its {_SETTINGS_NAME} beside it")
