"""Naming what a photo shows: the whole way from picture to matches, from a pack alone.

A score is a similarity, not a certainty. A pack's calibration makes a decision of it; packs without one, and answers
to texts, say so: their verdict is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.deciding.calibration import Calibration, read_calibrations
from edge_identify.edge_runtime.deciding.decision import Decision, Verdict, decide
from edge_identify.edge_runtime.deciding.look_alikes import LookAlikes, compare_look_alikes
from edge_identify.edge_runtime.encoders import Encoder, image_encoder, text_encoder
from edge_identify.edge_runtime.pack.reader import Pack
from edge_identify.edge_runtime.pack.references import Reference, ReferenceTable
from edge_identify.edge_runtime.prepared_photos import PreparedPhoto, prepare_photo
from edge_identify.edge_runtime.preprocessing import preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.edge_runtime.search import Neighbours, VectorSearch

DEFAULT_TOP_K = 5
MAX_TOP_K = 1000  # an answer for a person or a screen; whoever wants all vectors reads the index


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One reference that resembles the photo or the text.

    Attributes:
        reference: The known thing.
        score: Cosine similarity, -1 to 1, of its nearest picture.
        rank: Position in the answer, starting at 1.
        confidence: Probability that the photo shows it; None where the pack is not calibrated.
        index_id: The index's id of that nearest picture; None where the match comes from no index.
    """

    reference: Reference
    score: float
    rank: int
    confidence: float | None = None
    index_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSeconds:
    """Wall time of each stage of an answer, in seconds. Photos of one batch share the batch's time evenly.

    Attributes:
        prepare: Reading, decoding and resizing the photo; making tokens of a text.
        encode: The encoder.
        search: The index.
        decide: Looking up the references, and the decision.
    """

    prepare: float
    encode: float
    search: float
    decide: float

    @property
    def total(self) -> float:
        """All stages together."""
        return self.prepare + self.encode + self.search + self.decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a pack makes of one embedding.

    Attributes:
        matches: Best first; at least one.
        verdict: What can be said of it; None where the pack is not calibrated for the variant in use.
        look_alikes: All that an ambiguous photo may show, shown among the matches or not; None otherwise.
    """

    matches: tuple[Match, ...]
    verdict: Verdict | None = None
    look_alikes: LookAlikes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """The answer to one photo or text.

    Attributes:
        matches: Best first; at least one.
        pack_name: The pack that answered.
        pack_version: Its version.
        variant_name: The encoder variant that was used.
        times: Wall time of each stage, without start-up.
        verdict: What can be said of it; None for texts, and where the pack is not calibrated for the variant in use.
        look_alikes: All that an ambiguous photo may show; None otherwise.
    """

    matches: tuple[Match, ...]
    pack_name: str
    pack_version: str
    variant_name: str
    times: StageSeconds
    verdict: Verdict | None = None
    look_alikes: LookAlikes | None = None

    @property
    def seconds(self) -> float:
        """Wall time of the answer, without start-up."""
        return self.times.total

    @property
    def decision(self) -> Decision | None:
        """Identified, ambiguous or unknown; None where there is no verdict."""
        return None if self.verdict is None else self.verdict.decision


class Identifier:
    """Answers photos from one pack. Use it as a context manager, or call `close`."""

    def __init__(self, pack: Pack, *, many: bool = False) -> None:
        """Load what identifying needs: the image encoder, the index, the references.

        Args:
            pack: An open pack.
            many: Prepare for many photos (FAISS, all cores) rather than for a fast single answer.

        Raises:
            PackError: A file is damaged, or no encoder of the pack runs here.
        """
        self._pack = pack
        self._encoder = image_encoder(pack, many=many)
        self._finder = ReferenceFinder(pack, many=many, calibration=_calibration(pack, self._encoder.variant_name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pack's files."""
        self._finder.close()

    def identify(self, photo: Path, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Name what a photo shows.

        Args:
            photo: The picture's file.
            top_k: How many references to return at most.

        Raises:
            PhotoError: The picture cannot be used.
        """
        return self.identify_prepared(prepare_photo(photo, self._pack.manifest.preprocessing), top_k=top_k)

    def identify_prepared(self, photo: PreparedPhoto, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Name what a photo shows that was made ready by the pack's recipe; the time that took counts."""
        return self.identify_batch([photo], top_k=top_k)[0]

    def identify_batch(self, photos: Sequence[PreparedPhoto], *, top_k: int = DEFAULT_TOP_K) -> list[Identification]:
        """Name what each of some photos shows, at least one, made ready by the pack's recipe; all in one batch."""
        import numpy as np

        started = perf_counter()
        embeddings = self._encoder.embed(np.stack([photo.pixels for photo in photos]))
        encode = (perf_counter() - started) / len(photos)
        spent = [StageSeconds(prepare=photo.seconds, encode=encode, search=0.0, decide=0.0) for photo in photos]
        return self._finder.answers(embeddings, top_k, self._encoder.variant_name, spent)

    def photo_pixels(self, photo: Path) -> NDArray[np.uint8]:
        """Return the encoder's pixels of a photo's file, uint8 [size, size, 3]; a JPEG may be decoded smaller.

        Raises:
            PhotoError: The picture cannot be used.
        """
        return prepare_photo(photo, self._pack.manifest.preprocessing).pixels

    def pixels(self, image: Image) -> NDArray[np.uint8]:
        """Return the encoder's exact pixels of an upright RGB picture, as references have, uint8 [size, size, 3]."""
        return preprocess(image, self._pack.manifest.preprocessing)

    def identify_pixels(self, pixels: NDArray[np.uint8], *, top_k: int = DEFAULT_TOP_K) -> list[Finding]:
        """Return what is found for each of some prepared pictures, uint8 [n, size, size, 3]."""
        return self._finder.find(self._encoder.embed(pixels), top_k)

    def embed_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the unit vectors, float32 [n, dim], of prepared pictures, uint8 [n, size, size, 3]."""
        return self._encoder.embed(pixels)


class TextSearcher:
    """Answers texts from one pack. Use it as a context manager, or call `close`."""

    def __init__(self, pack: Pack) -> None:
        """Load the text encoder, its tokenizer, the index and the references.

        Raises:
            PackError: The pack has no text encoder, or a file is damaged.
        """
        from edge_identify.edge_runtime.tokenizers import read_tokenizer

        self._encoder: Encoder = text_encoder(pack)
        spec = pack.manifest.tokenizer
        assert spec is not None, "a manifest with a text encoder and no tokenizer is refused when it is read"
        self._tokenizer = read_tokenizer(pack.file(spec.file), spec)
        self._finder = ReferenceFinder(
            pack, many=False
        )  # uncalibrated: a calibration is made with photos and says nothing of texts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._finder.close()

    def search(self, text: str, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Return the references whose pictures are nearest to a description."""
        started = perf_counter()
        tokens = self._tokenizer.encode([text])
        tokenised = perf_counter()
        embedding = self._encoder.embed(tokens)
        encode = perf_counter() - tokenised
        spent = StageSeconds(prepare=tokenised - started, encode=encode, search=0.0, decide=0.0)
        return self._finder.answers(embedding, top_k, self._encoder.variant_name, [spent])[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nearest:
    """A reference that was found, the similarity of its nearest picture, and the index's id of that."""

    reference_id: str
    score: float
    index_id: int


class ReferenceFinder:
    """From embeddings to references: the index, and the table that says whose picture a vector is."""

    def __init__(self, pack: Pack, *, many: bool, calibration: Calibration | None = None) -> None:
        """Open the index and the references, hashes checked first.

        Args:
            pack: An open pack.
            many: Whether many questions will come.
            calibration: Of what will make the embeddings; None decides nothing.
        """
        from edge_identify.edge_runtime.sign_search import open_search

        self._manifest = pack.manifest
        self._calibration = calibration
        self._search: VectorSearch = open_search(pack, many=many)
        self._references = ReferenceTable(pack.file(pack.manifest.references_file))

    def close(self) -> None:
        """Close the references file."""
        self._references.close()

    def answers(
        self, embeddings: NDArray[np.float32], top_k: int, variant_name: str, spent: Sequence[StageSeconds]
    ) -> list[Identification]:
        """Return the answers to some embeddings, float32 [n, dim]; `spent` is what each has taken until now."""
        started = perf_counter()
        nearest = self._nearest(embeddings, top_k)
        searched = perf_counter()
        findings = [self._finding(ranked, top_k) for ranked in nearest]
        search, deciding = (searched - started) / len(spent), (perf_counter() - searched) / len(spent)
        return [
            Identification(
                matches=finding.matches,
                verdict=finding.verdict,
                look_alikes=finding.look_alikes,
                pack_name=self._manifest.name,
                pack_version=str(self._manifest.version),
                variant_name=variant_name,
                times=replace(times, search=search, decide=deciding),
            )
            for finding, times in zip(findings, spent, strict=True)
        ]

    def find(self, embeddings: NDArray[np.float32], top_k: int) -> list[Finding]:
        """Return the best `top_k` references of each embedding, float32 [n, dim], and what can be said of them."""
        return [self._finding(ranked, top_k) for ranked in self._nearest(embeddings, top_k)]

    def _nearest(self, embeddings: NDArray[np.float32], top_k: int) -> list[list[_Nearest]]:
        """Return for each embedding as many references, best first, as are to be shown or decided from."""
        wanted = top_k if self._calibration is None else max(top_k, self._calibration.neighbours)
        # A reference may hold several of the nearest rows; this many rows hold the wanted references for certain.
        rows = wanted * self._manifest.index.most_images_per_reference
        found = self._search.nearest(embeddings, rows)
        return [list(islice(self._distinct(best), wanted)) for best in _scores_by_row(found)]

    def _finding(self, ranked: list[_Nearest], top_k: int) -> Finding:
        if self._calibration is None:
            return Finding(matches=tuple(self._matches(ranked, [None] * len(ranked))))
        verdict = decide([nearest.score for nearest in ranked], self._calibration)
        alike = [self._references.reference(nearest.reference_id) for nearest in ranked[: verdict.look_alike_count]]
        return Finding(
            matches=tuple(self._matches(ranked[:top_k], verdict.confidences[:top_k])),
            verdict=verdict,
            look_alikes=compare_look_alikes(alike) if alike else None,
        )

    def _distinct(self, best: Iterable[tuple[int, float]]) -> Iterator[_Nearest]:
        """Yield references, best first, each with its best picture."""
        seen: set[str] = set()
        for index_id, score in best:
            reference_id = self._references.reference_id_of(index_id)
            if reference_id not in seen:
                seen.add(reference_id)
                yield _Nearest(reference_id=reference_id, score=score, index_id=index_id)

    def _matches(self, ranked: Sequence[_Nearest], confidences: Sequence[float | None]) -> Iterator[Match]:
        for rank, (nearest, confidence) in enumerate(zip(ranked, confidences, strict=True), start=1):
            yield Match(
                reference=self._references.reference(nearest.reference_id),
                score=nearest.score,
                rank=rank,
                confidence=confidence,
                index_id=nearest.index_id,
            )


def _calibration(pack: Pack, variant_name: str) -> Calibration | None:
    """Return the calibration of the variant in use; None where there is none: another variant's does not fit."""
    path = pack.manifest.calibration_file
    return None if path is None else read_calibrations(pack.file(path)).get(variant_name)


def _scores_by_row(found: Neighbours) -> Iterator[list[tuple[int, float]]]:
    for ids, scores in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
        yield list(zip(ids, scores, strict=True))
