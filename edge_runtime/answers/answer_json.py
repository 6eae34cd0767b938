"""An answer as the documented JSON object; `answer.schema.json` beside this file is its JSON Schema.

`--json`, schema 2:

    {"schema": 2, "pack": {"name", "version"}, "encoder": variant, "answers": [
        {"photo" or "text": what was asked,
         "decision": "identified", "probably", "ambiguous", "unknown" or null,
         "photos": [...] of one thing that were answered together (of several alone, "photo" first),
         "known_probability": that the photo shows something in the pack, or null, "seconds": wall time,
         "stage_seconds": {"prepare", "encode", "search", "decide"},
         "position": {"lat", "lng", "accuracy_m" or null, "source": "photo" or "given", "used": whether it told any
                      reference from another} or null, "filters": {"namespaces": [...], "labels": {KEY: [...]}} or null,
         "look_alikes": {"ids": [...], "namespace": shared or "", "labels": shared} if ambiguous, else null,
         "likely_kind": {"label", "value", "probability"}: a label that the thing probably has, if it is not identified,
         "suggested_namespaces": [...] that a text names and that were not applied (of a text alone),
         "unknown_words": [...] that the text encoder does not know (of a text alone),
         "note": why nothing answers, or what similarities leave out, or null (of a text alone),
         "matches": [{"rank", "id", "name", "score", "confidence": that the photo shows it, or null,
                      "band": how well it fits a text, "strong", "fair", "weak" or null, "namespace", "labels",
                      "location": {"lat", "lng"} or null, "url", "licence", "attributes",
                      "place": {"distance_m" or null, "score", "vision_confidence"} or null,
                      "why": [{"found_in": "id", "name", "label", "namespace", "attribute" or "similarity", "key": of
                               the label or attribute, or null, "exact": whether it is the whole text, "corrected":
                               {typed: meant}}] (of a text alone), "why_in_words": the same for people,
                      "matched_points": that lie alike in its picture and the photo, or null,
                      "own": true if the person taught it on this device, and it is not of the pack (else left out),
                      "picture": {"type", "filename", "path", "extension", "licence", "provenance", each null if not
                                  known}, of the nearest picture; left out where the pack knows nothing of it}]},
        {"photo": ..., "error": reason}]}

`--jsonl` prints a line for each photo: one of these answers with `schema`, `pack` and `encoder` in it.

`identified` and `probably` both name the first match. When the pack was built, `identified` was measured right at least
95 % of the time, `probably` at least 75 %, and both together at least 90 %: a person should check what is `probably`.

If several packs were asked, `pack` and `encoder` are those that the answer is from. With `--json` each answer names its
own, and at the top they are null unless all answers are from one pack. A photo that could not be used has none.

`decision` null means uncalibrated: the pack has no calibration for this encoder, or a text was asked, and scores are
similarities and nothing more. Probabilities are 0 to 1, for a photo that shows something in the pack as often as not.
Where the decision is `unknown` the matches are only the nearest. A text that nothing answers has no match; one that is
answered by words alone has scores of 0. `encoder` is `words` for a text where the pack has no text encoder. Where a
position was used, `score` is still the similarity, `place.score` how much likelier the position is for a photo of this
reference than for one of any (1 says nothing), `vision_confidence` the confidence without it, and `confidence` what
both come to. Fields may be added; none changes its meaning within a schema number.

Schema 2 is schema 1 with the decision `probably`. A reader of schema 1 treats it as `unknown`: it then takes no answer
for certain that is not. In general, a reader treats a decision that it does not know as `unknown`.

Trap: JSON is not safe to print as it is. It allows characters that control a terminal (U+009B), that reverse the
direction of writing, and that end a line for some readers (U+2028). They are escaped here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.answers.identification import FailedPhoto
from edge_identify.edge_runtime.answers.text_reasons import reasons_in_words

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.answered_by import AnsweredBy
    from edge_identify.edge_runtime.answers.identification import Identification, Match, StageSeconds
    from edge_identify.edge_runtime.answers.text_reasons import TextReason
    from edge_identify.edge_runtime.decisions.likely_kind import LikelyKind
    from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes
    from edge_identify.edge_runtime.decisions.place_evidence import PlaceEvidence
    from edge_identify.edge_runtime.pack.filters import Filters
    from edge_identify.edge_runtime.pack.references import Reference, ReferenceImageFacts

SCHEMA = 2


def answers_as_json(answers: Sequence[Identification | FailedPhoto], answered_by: AnsweredBy | None) -> str:
    """Return the documented object for some questions.

    Args:
        answers: The answers.
        answered_by: The pack and the encoder of all answers; None if several packs were asked.
    """
    if answered_by is None:
        written = [_who(_of(answer)) | _as_json(answer) for answer in answers]
        document = {**_header(_common(answers)), "answers": written}
    else:
        document = {**_header(answered_by), "answers": [_as_json(answer) for answer in answers]}
    return _printable_json(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))


def answer_as_line(answer: Identification | FailedPhoto, answered_by: AnsweredBy | None) -> str:
    """Return the documented object of one question, on one line without its end."""
    return document_as_line(answer_as_document(answer, answered_by))


def answer_as_document(answer: Identification | FailedPhoto, answered_by: AnsweredBy | None) -> dict[str, Any]:
    """Return the documented object of one question; see `answers_as_json` for `answered_by`."""
    return {**_header(answered_by or _of(answer)), **_as_json(answer)}


def document_as_line(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return a document on one line without its end, safe to print."""
    return _printable_json(json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def reference_as_json(reference: Reference) -> dict[str, Any]:
    """Return a reference with the field names of a match."""
    located = reference.latitude is not None and reference.longitude is not None
    return {
        "id": reference.id,
        "name": reference.name,
        "namespace": reference.namespace,
        "labels": dict(reference.labels),
        "location": {"lat": reference.latitude, "lng": reference.longitude} if located else None,
        "url": reference.url,
        "licence": reference.licence,
        "attributes": dict(reference.attributes),
    }


def _header(answered_by: AnsweredBy | None) -> dict[str, Any]:
    return {"schema": SCHEMA, **_who(answered_by)}


def _who(answered_by: AnsweredBy | None) -> dict[str, Any]:
    if answered_by is None:
        return {"pack": None, "encoder": None}
    pack = {"name": answered_by.pack_name, "version": answered_by.pack_version}
    return {"pack": pack, "encoder": answered_by.variant_name}


def _of(answer: Identification | FailedPhoto) -> AnsweredBy | None:
    return None if isinstance(answer, FailedPhoto) else answer


def _common(answers: Sequence[Identification | FailedPhoto]) -> AnsweredBy | None:
    """Return one of the answers if all are from one pack, else None."""
    given = [answer for answer in answers if not isinstance(answer, FailedPhoto)]
    return given[0] if len({answer.pack_name for answer in given}) == 1 else None


def _printable_json(text: str) -> str:
    """Escape characters that are not printable. They occur only within strings, where an escape means the same."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\n" else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _as_json(answer: Identification | FailedPhoto) -> dict[str, Any]:
    if isinstance(answer, FailedPhoto):
        return {"photo": answer.question, "error": str(answer.error)}
    verdict, alike = answer.verdict, answer.look_alikes
    of_text = _text_as_json(answer) if answer.kind == "text" else {}
    together = {"photos": list(answer.questions)} if answer.further_photos else {}
    return {
        answer.kind: answer.question,
        **together,
        **of_text,
        "decision": verdict.decision.value if verdict else None,
        "known_probability": round(verdict.known_probability, 4) if verdict else None,
        "look_alikes": _look_alikes_as_json(alike) if alike else None,
        **({"likely_kind": _likely_kind_as_json(answer.likely_kind)} if answer.likely_kind else {}),
        "seconds": round(answer.seconds, 4),
        "stage_seconds": _times_as_json(answer.times),
        "position": _position_as_json(answer),
        "filters": _filters_as_json(answer.filters),
        "matches": [_match_as_json(match) for match in answer.matches],
    }


def _text_as_json(answer: Identification) -> dict[str, Any]:
    return {
        "suggested_namespaces": list(answer.suggested_namespaces),
        "unknown_words": list(answer.unknown_words),
        "note": answer.note or None,
    }


def _times_as_json(times: StageSeconds) -> dict[str, float]:
    return {
        "prepare": round(times.prepare, 6),
        "encode": round(times.encode, 6),
        "search": round(times.search, 6),
        "decide": round(times.decide, 6),
    }


def _position_as_json(found: Identification) -> dict[str, Any] | None:
    position = found.position
    if position is None:
        return None
    return {
        "lat": position.latitude,
        "lng": position.longitude,
        "accuracy_m": position.accuracy_m,
        "source": position.source,
        "used": any(match.place is not None for match in found.matches),
    }


def _filters_as_json(filters: Filters) -> dict[str, Any] | None:
    if not filters:
        return None
    labels = {kind: list(values) for kind, values in filters.labels.items()}
    return {"namespaces": list(filters.namespaces), "labels": labels}


def _place_as_json(place: PlaceEvidence) -> dict[str, Any]:
    return {
        "distance_m": None if place.distance_m is None else round(place.distance_m, 1),
        "score": float(f"{place.score:.4g}"),
        "vision_confidence": round(place.vision_confidence, 4),
    }


def _likely_kind_as_json(kind: LikelyKind) -> dict[str, Any]:
    return {"label": kind.label, "value": kind.value, "probability": round(kind.probability, 4)}


def _look_alikes_as_json(look_alikes: LookAlikes) -> dict[str, Any]:
    return {
        "ids": [reference.id for reference in look_alikes.references],
        "namespace": look_alikes.namespace,
        "labels": dict(look_alikes.labels),
    }


def _match_as_json(match: Match) -> dict[str, Any]:
    known = reference_as_json(match.reference)
    return {
        "rank": match.rank,
        "id": known["id"],
        "name": known["name"],
        "score": round(match.score, 6),
        "confidence": None if match.confidence is None else round(match.confidence, 4),
        "band": None if match.band is None else match.band.value,
        **known,  # `id` and `name` stay where they are
        "place": None if match.place is None else _place_as_json(match.place),
        "matched_points": match.matched_points,
        **(_why_as_json(match.reasons) if match.reasons else {}),
        **({"picture": picture_as_json(match.picture)} if match.picture else {}),
        **({"own": True} if match.is_own else {}),
    }


def _why_as_json(reasons: Sequence[TextReason]) -> dict[str, Any]:
    why = [
        {
            "found_in": reason.found_in.value,
            "key": reason.key or None,
            "exact": reason.is_exact,
            "corrected": dict(reason.corrected),
        }
        for reason in reasons
    ]
    return {"why": why, "why_in_words": reasons_in_words(reasons)}


def picture_as_json(picture: ReferenceImageFacts) -> dict[str, str | None]:
    """Return the facts of a reference image, for credits."""
    path = None if picture.path is None else PurePosixPath(picture.path)
    return {
        "type": picture.type,
        "filename": path.name if path else None,
        "path": picture.path,
        "extension": path.suffix if path else None,
        "licence": picture.licence,
        "provenance": picture.provenance,
    }
