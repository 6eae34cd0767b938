"""Searching a pack by text: from a description to the references whose images are nearest."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.answers.identification import Identification, StageSeconds
from edge_identify.edge_runtime.encoders.encoder_choice import Encoder, text_encoder
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.search.reference_finder import ReferenceFinder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from edge_identify.edge_runtime.search.identifier import DEFAULT_TOP_K


def check_text(text: str) -> None:
    """Raise `SetupError` for a text without letters."""
    if not text.strip():
        raise SetupError('the text is empty; describe what you look for, such as "a red mosaic"')


class TextSearcher:
    """Searches one pack by text. Use it as a context manager, or call `close`."""

    def __init__(
        self, pack: Pack, *, many: bool = False, filters: Filters = NO_FILTERS, encoder: Encoder | None = None
    ) -> None:
        """Load the text encoder, its tokenizer, the index and the references.

        Args:
            pack: An open pack.
            many: Prepare for many texts, not for a fast first answer.
            filters: Only references that pass these filters can match.
            encoder: The pack's text encoder, if it is loaded already; see `SharedEncoders`.

        Raises:
            PackError: The pack has no text encoder, or a file is damaged.
            SetupError: The pack does not have a filter's value, or no reference passes all filters.
        """
        from edge_identify.edge_runtime.decisions.text_bands import read_text_calibrations
        from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import read_tokenizer

        self._pack = pack
        self._encoder: Encoder = text_encoder(pack, many=many) if encoder is None else encoder
        spec = pack.manifest.tokenizer
        assert spec is not None, "a manifest with a text encoder and no tokenizer is refused when it is read"
        self._tokenizer = read_tokenizer(pack.file(spec.file), spec)
        # The calibration of photos does not fit texts.
        self._finder = ReferenceFinder(pack, many=many, variant_name=self.variant_name, filters=filters)
        path = pack.manifest.calibration_file
        known = {} if path is None else read_text_calibrations(pack.file(path))
        self._calibration = known.get(self._encoder.variant_name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pack(self) -> Pack:
        """The pack."""
        return self._pack

    @property
    def variant_name(self) -> str:
        """The encoder variant in use."""
        return self._encoder.variant_name

    def close(self) -> None:
        """Close the pack's files."""
        self._finder.close()

    def narrowed(self, filters: Filters) -> Self:
        """Return a new searcher with other filters and the same encoder. The caller closes it."""
        other = copy(self)
        other._finder = self._finder.narrowed(filters)
        return other

    def embed(self, text: str) -> NDArray[np.float32]:
        """Return a text's unit vector, float32 [dim]."""
        embedding: NDArray[np.float32] = self._encoder.embed(self._tokenizer.encode([text]))[0]
        return embedding

    def search(self, text: str, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Return the references whose images are nearest to a description. The answer has no verdict."""
        from edge_identify.edge_runtime.decisions.text_bands import band_of

        started = perf_counter()
        tokens = self._tokenizer.encode([text])
        tokenised = perf_counter()
        embedding = self._encoder.embed(tokens)
        encode = perf_counter() - tokenised
        spent = StageSeconds(prepare=tokenised - started, encode=encode, search=0.0, decide=0.0)
        (answer,) = self._finder.answers(embedding[None], top_k, [spent])
        found = replace(answer, kind="text", question=text)
        if self._calibration is None:
            return found
        bands = [band_of(match.score, self._calibration) for match in found.matches]
        matches = (replace(match, band=band) for match, band in zip(found.matches, bands, strict=True))
        return replace(found, matches=tuple(matches))
