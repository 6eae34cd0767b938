"""Hand-written answers: each decision as text for people and as JSON."""

from dataclasses import replace

from edge_identify.edge_runtime.answers.answered_by import AnsweredBy
from edge_identify.edge_runtime.answers.identification import Identification, Match, StageSeconds
from edge_identify.edge_runtime.decisions.decision import Decision, Verdict
from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes
from edge_identify.edge_runtime.decisions.place_evidence import PlaceEvidence
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.photos.position import Position

TIMES = StageSeconds(prepare=0.0023456, encode=0.007, search=0.002, decide=0.001)

CAT = Reference(
    id="cat-1",
    name="Seated cat, bronze",
    namespace="museum",
    labels={"label": "cat"},
    latitude=1.5,
    longitude=-2.5,
    url="https://example.org/cat",
    licence="CC0-1.0",
    attributes={"hall": "7"},
)
DOG = Reference(id="dog", name="dog")
WIDE = Reference(id="wide", name="坐着的猫，青铜", namespace="博物馆")


def uncalibrated(*references: Reference) -> Identification:
    """A photo's answer without a decision; the references' similarities are .91, .88, .85 and so on."""
    matches = tuple(
        Match(reference=reference, score=0.912345678 - 0.03 * position, rank=position + 1, index_id=position + 1)
        for position, reference in enumerate(references or (CAT, DOG))
    )
    return Identification(
        matches=matches,
        pack_name="museum",
        pack_version="1.0.0",
        variant_name="onnx-int8",
        times=TIMES,
        question="p.jpg",
    )


def decided(decision: Decision, *references: Reference, shown: int | None = None) -> Identification:
    """A photo's answer with a decision; the references' probabilities are 92 % (probably: 82 %), half of it and so on.

    Args:
        decision: The decision. `ambiguous` names all references.
        references: At least two, nearest first.
        shown: `top_k` of the answer; None for all references.
    """
    references = references or (CAT, DOG)
    plain = uncalibrated(*references)
    ambiguous = decision is Decision.AMBIGUOUS
    first = 0.82 if decision is Decision.PROBABLY else 0.92
    confidences = tuple(first / 2**position for position in range(len(references)))
    verdict = Verdict(
        decision=decision,
        evidence=1.0,
        known_probability=0.95,
        confidences=confidences,
        look_alike_count=len(references) if ambiguous else 0,
    )
    matches = tuple(
        replace(match, confidence=confidence) for match, confidence in zip(plain.matches, confidences, strict=True)
    )
    alike = LookAlikes(references=references, namespace="museum", labels={"label": "cat"}) if ambiguous else None
    return replace(plain, verdict=verdict, look_alikes=alike, matches=matches[:shown])


def placed(answer: Identification, *, accuracy_m: float | None = None, is_used: bool = True) -> Identification:
    """The same answer to a photo that says where it was taken, 68 m from the first reference.

    Args:
        answer: An answer to a photo.
        accuracy_m: Accuracy of the position, in metres.
        is_used: Whether the position affected the decision; never without a decision.
    """
    position = Position(latitude=12.34567, longitude=-76.54321, accuracy_m=accuracy_m, source="photo")
    first = PlaceEvidence(distance_m=68.4, score=12.5, vision_confidence=0.6)
    other = PlaceEvidence(distance_m=None, score=1.0, vision_confidence=0.35)
    matches = tuple(replace(match, place=other if match.rank > 1 else first) for match in answer.matches)
    return replace(answer, position=position, matches=matches if is_used else answer.matches)


ANSWERED_BY: AnsweredBy = uncalibrated()
