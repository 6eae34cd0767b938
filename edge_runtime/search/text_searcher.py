"""Searching a pack by text: its own words and its text tower, joined by rank.

An exact id or name is first. A tower that knows none of the words does not answer: its nearest pictures are chance.
What a person taught beside the pack is found by its name and note. With filters it takes no part, as for photos.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.answers.identification import Identification, Match
from edge_identify.edge_runtime.answers.text_reasons import LOOKS_LIKE_IT
from edge_identify.edge_runtime.decisions.text_bands import TextBand
from edge_identify.edge_runtime.errors import PackError, SetupError
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.pack.references import NOTHING_KNOWN, ReferenceTable
from edge_identify.edge_runtime.search.filtering import passing_reference_ids
from edge_identify.edge_runtime.search.identifier import DEFAULT_TOP_K
from edge_identify.edge_runtime.search.rank_fusion import fused_ranks
from edge_identify.edge_runtime.search.text_notes import WORDS_ALONE, Knowledge, note_of
from edge_identify.edge_runtime.search.text_tower import NO_LIKENESS, open_text_tower
from edge_identify.edge_runtime.search.words.folding import telling_words
from edge_identify.edge_runtime.search.words.pack_words import PackWords

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.answers.text_reasons import TextReason
    from edge_identify.edge_runtime.encoders.encoder_choice import Encoder
    from edge_identify.edge_runtime.pack.references import Reference
    from edge_identify.edge_runtime.search.text_tower import Likeness
    from edge_identify.edge_runtime.search.words.word_index import WordHit

_LEAST_RANKED = 50  # of each ranking before they are joined: a reference that both have counts twice


def check_text(text: str) -> None:
    """Raise `SetupError` for a text without letters."""
    if not text.strip():
        raise SetupError('the text is empty; give a name, a part of one, or a description such as "a red mosaic"')


class TextSearcher:
    """Searches one pack by text. Use it as a context manager, or call `close`."""

    def __init__(
        self, pack: Pack, *, many: bool = False, filters: Filters = NO_FILTERS, encoder: Encoder | None = None
    ) -> None:
        """Load the references and, if there is one that runs here, the text tower.

        Args:
            pack: An open pack.
            many: Prepare for many texts, not for a fast first answer.
            filters: Only references that pass these filters can match.
            encoder: The pack's text encoder, if it is loaded already; see `SharedEncoders`.

        Raises:
            PackError: A file is damaged.
            SetupError: The pack does not have a filter's value, or no reference passes all filters.
        """
        self._pack = pack
        self._tower = open_text_tower(pack, many=many, filters=filters, encoder=encoder)
        self._words = PackWords(pack)
        self._open_references(filters)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pack(self) -> Pack:
        """The pack."""
        return self._pack

    @property
    def has_encoder(self) -> bool:
        """Whether the pack has a text encoder that runs here."""
        return self._tower is not None

    @property
    def variant_name(self) -> str:
        """The encoder variant in use; `words` without one."""
        return WORDS_ALONE if self._tower is None else self._tower.variant_name

    def close(self) -> None:
        """Close the pack's files."""
        self._references.close()
        if self._tower is not None:
            self._tower.close()

    def narrowed(self, filters: Filters) -> Self:
        """Return a new searcher with other filters and the same encoder. The caller closes it."""
        other = copy(self)
        other._tower = None if self._tower is None else self._tower.narrowed(filters)
        other._open_references(filters)
        return other

    def embed(self, text: str) -> NDArray[np.float32]:
        """Return a text's unit vector, float32 [dim].

        Raises:
            PackError: The pack has no text encoder that runs here.
        """
        if self._tower is None:
            raise PackError(f"pack {self._pack.manifest.name}: has no text encoder that runs here")
        return self._tower.embed(text)

    def search(self, text: str, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Return the references that a text names or describes, best first. The answer has no verdict.

        If there is none, the answer's `note` says what was looked for and what to do.

        Raises:
            PackError: A file of the pack, or of what was taught, is damaged.
        """
        started = perf_counter()
        wanted = max(top_k, _LEAST_RANKED)
        own = {reference.id: reference for reference in self._own_references()}
        found_words = self._words.find(text, most=wanted, among=self._passing, own=tuple(own.values()))
        hits = {hit.reference_id: hit for hit in found_words}
        knowledge = self._knowledge(text)
        looked_up = perf_counter() - started
        likeness = NO_LIKENESS
        if self._tower is not None and knowledge.is_enough:
            likeness = self._tower.nearest(text, most=wanted, also=hits.keys() - own.keys())
        found = Identification(
            matches=tuple(self._joined(hits, likeness, own, top_k)),
            filters=self._filters,
            pack_name=self._pack.manifest.name,
            pack_version=str(self._pack.manifest.version),
            variant_name=self.variant_name,
            times=replace(likeness.times, search=likeness.times.search + looked_up),
            kind="text",
            question=text,
            unknown_words=knowledge.unknown,
        )
        return replace(found, note=note_of(found, knowledge, are_too_many=self._words.are_too_many))

    def _open_references(self, filters: Filters) -> None:
        self._filters = filters
        self._references = ReferenceTable(self._pack.file(self._pack.manifest.references_file))
        try:
            self._passing = frozenset(passing_reference_ids(filters, self._references)) if filters else None
        except BaseException:
            self.close()
            raise

    def _own_references(self) -> tuple[Reference, ...]:
        """Return what a person taught, read again for each text: another process may have taught something."""
        if self._filters or self._pack.taught_folder is None:
            return ()
        from edge_identify.edge_runtime.taught.overlay import Overlay

        return tuple(thing.reference for thing in Overlay(self._pack.taught_folder).things())

    def _knowledge(self, text: str) -> Knowledge:
        if self._tower is None:
            return Knowledge(has_encoder=False, is_enough=False)
        if self._tower.knows_any_word:
            return Knowledge(is_enough=True)
        known, unknown = self._tower.known_and_unknown(telling_words(text))
        # Of "a picture" nothing is unknown: every picture is one.
        return Knowledge(is_enough=bool(known) or not unknown, unknown=unknown)

    def _joined(
        self, hits: Mapping[str, WordHit], likeness: Likeness, own: Mapping[str, Reference], top_k: int
    ) -> Iterator[Match]:
        """Yield the best matches of both kinds, each with its reasons."""
        near = {match.reference.id: match for match in (*likeness.nearest, *likeness.further)}
        exact = [name for name, hit in hits.items() if hit.is_exact]
        telling = {match.reference.id: match.rank for match in likeness.nearest if match.band is not TextBand.WEAK}
        fused = fused_ranks({name: hit.rank for name, hit in hits.items()}, telling)
        order = dict.fromkeys([*exact, *fused, *(match.reference.id for match in likeness.nearest)])
        for rank, name in enumerate(islice(order, top_k), start=1):
            match = near.get(name) or (_own_match(own[name]) if name in own else self._match_by_words(name))
            yield replace(match, rank=rank, reasons=_reasons(match, hits.get(name)))

    def _match_by_words(self, name: str) -> Match:
        images = self._references.images_of(name)
        index_id = images[0].index_id if images else None
        return Match(
            reference=self._references.reference(name),
            score=0.0,
            rank=1,
            index_id=index_id,
            picture=NOTHING_KNOWN if index_id is None else self._references.image_facts(index_id),
        )


def _own_match(reference: Reference) -> Match:
    return Match(reference=reference, score=0.0, rank=1, picture=NOTHING_KNOWN, is_own=True)


def _reasons(match: Match, hit: WordHit | None) -> tuple[TextReason, ...]:
    if hit is None:
        return (LOOKS_LIKE_IT,)
    # Every reference of a small pack is among the nearest, so being there is no reason beside a word.
    looks_like_it = match.band in (TextBand.STRONG, TextBand.FAIR)
    return (*hit.reasons, LOOKS_LIKE_IT) if looks_like_it else hit.reasons
