"""The answer to one photo or text, as values: `Identification`, its matches, and the time it took.

`FailedPhoto` stands in the place of an answer where a photo cannot be used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from edge_identify.edge_runtime.decisions.decision import Decision, Verdict
from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.pack.references import NOTHING_KNOWN, Reference, ReferenceImageFacts

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.text_reasons import TextReason
    from edge_identify.edge_runtime.decisions.likely_kind import LikelyKind
    from edge_identify.edge_runtime.decisions.place_evidence import PlaceEvidence
    from edge_identify.edge_runtime.decisions.text_bands import TextBand
    from edge_identify.edge_runtime.errors import PhotoError
    from edge_identify.edge_runtime.photos.position import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One reference that resembles the photo or the text.

    Attributes:
        reference: The known thing.
        score: Cosine similarity, -1 to 1, of its nearest picture; the mean of several photos of one thing; 0 where no
            embedding was compared, because a text was answered by words alone.
        rank: Position in the answer, starting at 1.
        confidence: Probability that the photo shows it; None where the pack is not calibrated.
        index_id: The index's id of that nearest picture; None where the match comes from no index.
        place: What the photo's position says of it; None where no position was used.
        matched_points: How many points of that picture lie alike in the photo; None where nobody compared them.
        band: How well it fits a text; None for photos, and where the pack's maker could not measure that.
        picture: What the pack knows of that nearest picture, to credit it.
        reasons: Why it answers a text, the best reason first; empty for photos.
        is_own: Whether the person taught it on this device, and it is not of the pack.
    """

    reference: Reference
    score: float
    rank: int
    confidence: float | None = None
    index_id: int | None = None
    place: PlaceEvidence | None = None
    matched_points: int | None = None
    band: TextBand | None = None
    picture: ReferenceImageFacts = NOTHING_KNOWN
    reasons: tuple[TextReason, ...] = ()
    is_own: bool = False

    @property
    def has_similarity(self) -> bool:
        """Whether `score` was measured; False where a text was answered by words alone."""
        return self.score != 0 or not self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSeconds:
    """Wall time of each stage of an answer, in seconds. Photos of one batch share `encode` and `search` evenly.

    Attributes:
        prepare: Reading, decoding and resizing the photo; making tokens of a text.
        encode: The encoder.
        search: The index.
        decide: Looking up the references, comparing their pictures where that was asked for, and the decision.
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
class Identification:
    """The answer to one photo or text.

    Attributes:
        matches: Best first; at least one, but for a text that nothing answers.
        pack_name: The pack that answered.
        pack_version: Its version.
        variant_name: The encoder variant that was used.
        times: Wall time of each stage, without start-up.
        verdict: Decision and probabilities; None for texts and for packs that are not calibrated for this variant.
        look_alikes: All references that an ambiguous photo may show; None otherwise.
        likely_kind: A label that the photo's thing probably has, if the thing itself is not identified; None otherwise.
        position: Where the photo was taken, used or not; None if unknown.
        filters: Only references that pass these filters could match.
        kind: The kind of question: `photo`, `text`, or `embedding_space` for a vector.
        question: The photo's path or name, the text, or the vector's embedding space.
        further_photos: Paths or names of more photos of the same thing that this answer was made from.
        suggested_namespaces: Namespaces that the text names and that were not applied as a filter.
        unknown_words: Words of the text that the text encoder does not know.
        note: What a person must know of the answer to a text, such as why there is no match; empty if nothing.
        thumbnails: Each photo as a small JPEG, in the order of `questions`; empty if no output shows them.
        error: Always None. `FailedPhoto` has an error here.
    """

    error: ClassVar[None] = None

    matches: tuple[Match, ...]
    pack_name: str
    pack_version: str
    variant_name: str
    times: StageSeconds
    verdict: Verdict | None = None
    look_alikes: LookAlikes | None = None
    likely_kind: LikelyKind | None = None
    position: Position | None = None
    filters: Filters = NO_FILTERS
    kind: str = "photo"
    question: str = ""
    further_photos: tuple[str, ...] = ()
    suggested_namespaces: tuple[str, ...] = ()
    unknown_words: tuple[str, ...] = ()
    note: str = ""
    thumbnails: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def best(self) -> Match:
        """The first match; an `IndexError` for a text that nothing answers."""
        return self.matches[0]

    @property
    def questions(self) -> tuple[str, ...]:
        """The paths or names of all photos that this answer was made from, or the text."""
        return self.question, *self.further_photos

    @property
    def seconds(self) -> float:
        """Wall time of the answer, without start-up."""
        return self.times.total

    @property
    def decision(self) -> Decision | None:
        """Identified, probably, ambiguous or unknown; None where there is no verdict."""
        return None if self.verdict is None else self.verdict.decision

    @property
    def is_named(self) -> bool:
        """Whether the answer names its first match: the decision is identified or probably."""
        return self.decision in (Decision.IDENTIFIED, Decision.PROBABLY)

    def to_json(self) -> str:
        """Return the documented JSON object, the same as `edge-identify --json` prints for one photo."""
        from edge_identify.edge_runtime.answers.answer_json import answers_as_json

        return answers_as_json([self], self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPhoto:
    """A photo that cannot be used, in the place of its answer.

    Attributes:
        question: The photo's path or name.
        error: The reason.
    """

    question: str
    error: PhotoError
