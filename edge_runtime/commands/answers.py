"""How an answer looks: one screen for a person, one documented object for a program.

The object, schema 1:

    {"schema": 1, "pack": {"name", "version"}, "encoder": variant, "answers": [
        {"photo" or "text": what was asked, "decision": null, "seconds": wall time,
         "matches": [{"rank", "id", "name", "score", "namespace", "labels", "location": {"lat", "lng"} or null,
                      "url", "licence", "attributes"}]},
        {"photo": ..., "error": reason}]}

`decision` is null while a pack has no calibration: its scores are similarities and nothing more. Fields may be
added; none changes its meaning within a schema number.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from typing import Any

from edge_identify.edge_runtime.commands.running import printable
from edge_identify.edge_runtime.errors import EdgeIdentifyError
from edge_identify.edge_runtime.identification import MAX_TOP_K, Identification, Match

SCHEMA = 1
_NAME_COLUMNS = 44  # leaves room for score, id and labels on a screen of 100 columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question and what came of it.

    Attributes:
        kind: `photo` or `text`.
        question: The photo's path as it was given, or the text.
        result: The identification, or the error that stopped it.
    """

    kind: str
    question: str
    result: Identification | EdgeIdentifyError


def answer_lines(answer: Answer) -> list[str]:
    """Return an answered question for a person: the question, then a line for each match."""
    assert isinstance(answer.result, Identification), "errors are reported on standard error, not as answers"
    return [printable(answer.question), *(_match_line(match) for match in answer.result.matches)]


def answers_as_json(answers: list[Answer], *, pack_name: str, pack_version: str, encoder: str) -> str:
    """Return the documented object for some questions."""
    document = {
        "schema": SCHEMA,
        "pack": {"name": pack_name, "version": pack_version},
        "encoder": encoder,
        "answers": [_as_json(answer) for answer in answers],
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)


def _match_line(match: Match) -> str:
    reference = match.reference
    name = reference.name if len(reference.name) <= _NAME_COLUMNS else reference.name[: _NAME_COLUMNS - 1] + "…"
    about = " · ".join(text for text in (reference.namespace, *reference.labels.values()) if text)
    identifier = reference.id if reference.id != reference.name else ""
    line = f"{match.rank:4d}  {match.score:5.2f}  {name:<{_NAME_COLUMNS}}  {identifier}  {about}".rstrip()
    return printable(line)


def _as_json(answer: Answer) -> dict[str, Any]:
    if not isinstance(answer.result, Identification):
        return {answer.kind: answer.question, "error": str(answer.result)}
    return {
        answer.kind: answer.question,
        "decision": None,
        "seconds": round(answer.result.seconds, 4),
        "matches": [_match_as_json(match) for match in answer.result.matches],
    }


def _match_as_json(match: Match) -> dict[str, Any]:
    reference = match.reference
    located = reference.latitude is not None and reference.longitude is not None
    return {
        "rank": match.rank,
        "id": reference.id,
        "name": reference.name,
        "score": round(match.score, 6),
        "namespace": reference.namespace,
        "labels": dict(reference.labels),
        "location": {"lat": reference.latitude, "lng": reference.longitude} if located else None,
        "url": reference.url,
        "licence": reference.licence,
        "attributes": dict(reference.attributes),
    }


def add_answer_options(parser: argparse.ArgumentParser) -> None:
    """Add `--top-k` and `--json`."""
    parser.add_argument("--top-k", type=_top_k, default=5, metavar="N", help="references to show (default 5)")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, as commands/answers.py documents it"
    )


def _top_k(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_TOP_K:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_TOP_K}")
    return int(text)


def print_answers(answers: list[Answer], pack_name: str, pack_version: str, *, as_json: bool) -> None:
    """Print answers for a person, or as the documented object; what is only good to know goes to standard error."""
    results = [answer.result for answer in answers if isinstance(answer.result, Identification)]
    encoder = results[0].variant_name if results else ""
    if as_json:
        print(answers_as_json(answers, pack_name=pack_name, pack_version=pack_version, encoder=encoder))
        return
    for answer in answers:
        if isinstance(answer.result, Identification):
            print("\n".join(answer_lines(answer)))
    if results:
        milliseconds = 1000 * sum(result.seconds for result in results) / len(results)
        print(
            f"{pack_name} {pack_version} · {encoder} · {milliseconds:.0f} ms each · "
            "scores are similarities (1 is identical), not probabilities",
            file=sys.stderr,
        )
