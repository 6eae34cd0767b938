"""A pack's text tower with its tokenizer and bands: from a text to the references whose images are nearest."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.answers.identification import StageSeconds
from edge_identify.edge_runtime.encoders.encoder_choice import Encoder, runs_text_encoder, text_encoder
from edge_identify.edge_runtime.encoders.known_words import KnownWords
from edge_identify.edge_runtime.search.reference_finder import ReferenceFinder

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.answers.identification import Match
    from edge_identify.edge_runtime.pack.filters import Filters
    from edge_identify.edge_runtime.pack.pack_reader import Pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What the tower says of a text. Matches have bands where the pack has them; their ranks mean nothing.

    Attributes:
        nearest: The references with the nearest images, best first.
        further: Others whose similarities were wanted.
        times: Wall time of each stage.
    """

    nearest: tuple[Match, ...]
    further: tuple[Match, ...]
    times: StageSeconds


#: The tower was not asked.
NO_LIKENESS = Likeness(nearest=(), further=(), times=StageSeconds(prepare=0.0, encode=0.0, search=0.0, decide=0.0))


class TextTower:
    """Embeds texts and finds the nearest references. Call `close`."""

    def __init__(self, pack: Pack, *, many: bool, filters: Filters, encoder: Encoder | None = None) -> None:
        """Load the text encoder, its tokenizer and the index; see `TextSearcher`."""
        from edge_identify.edge_runtime.decisions.text_bands import read_text_calibrations
        from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import read_tokenizer

        self._encoder: Encoder = text_encoder(pack, many=many) if encoder is None else encoder
        spec = pack.manifest.tokenizer
        assert spec is not None, "a manifest with a text encoder and no tokenizer is refused when it is read"
        self._tokenizer = read_tokenizer(pack.file(spec.file), spec)
        self._known_words = KnownWords(self._encoder, self._tokenizer)
        # The calibration of photos does not fit texts.
        self._finder = ReferenceFinder(pack, many=many, variant_name=self.variant_name, filters=filters)
        path = pack.manifest.calibration_file
        known = {} if path is None else read_text_calibrations(pack.file(path))
        self._calibration = known.get(self._encoder.variant_name)

    @property
    def variant_name(self) -> str:
        """The encoder variant in use."""
        return self._encoder.variant_name

    @property
    def knows_any_word(self) -> bool:
        """Whether the tower was trained on texts of all kinds."""
        return self._known_words.are_all

    def close(self) -> None:
        """Close the pack's files."""
        self._finder.close()

    def narrowed(self, filters: Filters) -> Self:
        """Return a new tower with other filters and the same encoder. The caller closes it."""
        other = copy(self)
        other._finder = self._finder.narrowed(filters)
        return other

    def embed(self, text: str) -> NDArray[np.float32]:
        """Return a text's unit vector, float32 [dim]."""
        embedding: NDArray[np.float32] = self._encoder.embed(self._tokenizer.encode([text]))[0]
        return embedding

    def known_and_unknown(self, words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the words that the tower knows, and those that it does not; see `KnownWords`."""
        return self._known_words.known_and_unknown(words)

    def nearest(self, text: str, *, most: int, also: Collection[str] = ()) -> Likeness:
        """Return the references whose images are nearest to a text.

        Args:
            text: The text.
            most: Maximum number of references.
            also: Ids of further references that pass the filters, whose similarities are wanted too.
        """
        started = perf_counter()
        tokens = self._tokenizer.encode([text])
        tokenised = perf_counter()
        embedding = self._encoder.embed(tokens)
        encode = perf_counter() - tokenised
        spent = StageSeconds(prepare=tokenised - started, encode=encode, search=0.0, decide=0.0)
        (answer,) = self._finder.answers(embedding[None], most, [spent])
        further = set(also) - {match.reference.id for match in answer.matches}
        return Likeness(
            nearest=tuple(map(self._with_band, answer.matches)),
            further=tuple(map(self._with_band, self._finder.matches_of(embedding[0], sorted(further)))),
            times=answer.times,
        )

    def _with_band(self, match: Match) -> Match:
        from edge_identify.edge_runtime.decisions.text_bands import band_of

        return match if self._calibration is None else replace(match, band=band_of(match.score, self._calibration))


def open_text_tower(pack: Pack, *, many: bool, filters: Filters, encoder: Encoder | None = None) -> TextTower | None:
    """Return a pack's text tower; None if it has none that runs here. The arguments are those of `TextSearcher`.

    Raises:
        PackError: A file is damaged.
    """
    if encoder is None and not runs_text_encoder(pack):
        return None
    return TextTower(pack, many=many, filters=filters, encoder=encoder)
