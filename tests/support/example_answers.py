"""Hand-written answers: each decision as text for people and as JSON."""

from dataclasses import replace

from edge_identify.edge_runtime.answers.answer import Answer, Answerer
from edge_identify.edge_runtime.answers.identification import Identification, Match, StageSeconds
from edge_identify.edge_runtime.decisions.decision import Decision, Verdict
from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes
from edge_identify.edge_runtime.decisions.place_evidence import PlaceEvidence
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.photos.position import Position

ANSWERER = Answerer(pack_name="museum", pack_version="1.0.0", variant_name="onnx-int8")
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


def uncalibrated(*references: Reference) -> Answer:
    """A photo's answer without a decision. The similarities are .91, .88, .85 and so on."""
    matches = tuple(
        Match(reference=reference, score=0.912345678 - 0.03 * position, rank=position + 1, index_id=position + 1)
        for position, reference in enumerate(references or (CAT, DOG))
    )
    result = Identification(
        matches=matches, pack_name="museum", pack_version="1.0.0", variant_name="onnx-int8", times=TIMES
    )
    return Answer(kind="photo", question="p.jpg", result=result)


def decided(decision: Decision, *references: Reference, shown: int | None = None) -> Answer:
    """A photo's answer with a decision. The probabilities are 92 %, 46 % and so on.

    Args:
        decision: The decision. `ambiguous` names all references.
        references: At least two, nearest first.
        shown: `top_k` of the answer; None for all references.
    """
    references = references or (CAT, DOG)
    plain = uncalibrated(*references)
    assert isinstance(plain.result, Identification)
    ambiguous = decision is Decision.AMBIGUOUS
    confidences = tuple(0.92 / 2**position for position in range(len(references)))
    verdict = Verdict(
        decision=decision,
        evidence=1.0,
        known_probability=0.95,
        confidences=confidences,
        look_alike_count=len(references) if ambiguous else 0,
    )
    matches = tuple(
        replace(match, confidence=confidence)
        for match, confidence in zip(plain.result.matches, confidences, strict=True)
    )
    alike = LookAlikes(references=references, namespace="museum", labels={"label": "cat"}) if ambiguous else None
    result = replace(plain.result, verdict=verdict, look_alikes=alike, matches=matches[:shown])
    return replace(plain, result=result)


def placed(answer: Answer, *, accuracy_m: float | None = None, is_used: bool = True) -> Answer:
    """The same answer for a photo with a position, 68 m from the first reference.

    Args:
        answer: An answer to a photo.
        accuracy_m: Accuracy of the position, in metres.
        is_used: Whether the position affected the decision; never without a decision.
    """
    assert isinstance(answer.result, Identification)
    position = Position(latitude=12.34567, longitude=-76.54321, accuracy_m=accuracy_m, source="photo")
    first = PlaceEvidence(distance_m=68.4, score=12.5, vision_confidence=0.6)
    other = PlaceEvidence(distance_m=None, score=1.0, vision_confidence=0.35)
    matches = tuple(replace(match, place=other if match.rank > 1 else first) for match in answer.result.matches)
    result = replace(answer.result, position=position, matches=matches if is_used else answer.result.matches)
    return replace(answer, result=result)
