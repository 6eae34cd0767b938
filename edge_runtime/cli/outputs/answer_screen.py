"""How an answer looks to a person: one screen for a photo, one line for each of many.

The screen of a photo has the decision, then the reason, then other references. Names come from outside, so all text
passes `printable` before styles are added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.wording import (
    decision_in_words,
    facts,
    filters_in_words,
    kind_in_words,
    own_in_words,
    pack_in_words,
    places_in_words,
    points_in_words,
    reason,
    text_answer_in_words,
    together_in_words,
    what_it_is,
)
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.terminal_text import Screen, Style, display_width, padded, shortened, wrapped

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification, Match
    from edge_identify.edge_runtime.decisions.decision import Verdict
    from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes

_INDENT = "  "
_NAME_COLUMNS = 44  # leaves room for the figures, an id and labels on a screen of 100 columns
_ID_COLUMNS = 24
_LEAST_NAME_COLUMNS = 8  # of a name that is cut: less says nothing
_ROOM_FOR_LABELS = 72  # columns of a screen from which on labels fit beside names
_ROOM_FOR_IDS = 48  # and ids
_DECISION_COLUMNS = 10  # the longest, "identified"
_MOST_TEXT_COLUMNS = 200  # of a question: two lines of a wide screen
_OWN = "your own"
_BAND_COLUMNS = 6  # the longest, "strong"
_STYLES = {
    Decision.IDENTIFIED: Style.GREEN,
    Decision.PROBABLY: Style.CYAN,
    Decision.AMBIGUOUS: Style.YELLOW,
    Decision.UNKNOWN: Style.RED,
    None: Style.BOLD,
}


def answer_lines(found: Identification, screen: Screen, *, names_pack: bool = False) -> list[str]:
    """Return an answer as a person reads it, in lines of at most the screen's width where words allow.

    Args:
        found: The answer.
        screen: The screen.
        names_pack: Whether to say which pack the answer is from.
    """
    return [
        *_headline(found, screen),
        *_indented(together_in_words(found.questions), screen, Style.FAINT),
        *_winner(found, screen),
        *_indented(pack_in_words(found) if names_pack else "", screen, Style.FAINT),
        *_indented(f"why: {reason(found)}" if found.kind == "photo" else "", screen, Style.FAINT),
        *_indented(kind_in_words(found), screen),
        *_indented(points_in_words(found), screen, Style.FAINT),
        *(
            line
            for words in places_in_words(found, with_coordinates=True)
            for line in _indented(words, screen, Style.FAINT)
        ),
        *_indented(filters_in_words(found), screen, Style.FAINT),
        *_indented(found.note, screen, Style.FAINT),
        *_tables(found, screen),
    ]


def _headline(found: Identification, screen: Screen) -> Iterator[str]:
    """Yield the question and the decision, on two lines if one is too narrow."""
    said = decision_in_words(found) if found.kind == "photo" else text_answer_in_words(found)
    others = len(found.further_photos)
    asked = found.question if found.kind == "photo" else shortened(found.question, _MOST_TEXT_COLUMNS)
    question = printable(asked) + (f" and {others} more" if others else "")
    styled = screen.styled(printable(said), Style.BOLD, _STYLES[found.decision])
    if display_width(f"{question}: {said}") <= screen.width:
        yield f"{question}: {styled}"
    else:
        yield f"{question}:"
        yield from (screen.styled(line, Style.BOLD, _STYLES[found.decision]) for line in _wrapped(said, screen))


def _winner(found: Identification, screen: Screen) -> Iterator[str]:
    """Yield the name and the facts of the reference that the answer names, if it names one."""
    if not found.is_named:
        return
    reference = found.matches[0].reference
    yield from _indented(reference.name, screen, Style.BOLD)
    for fact in filter(None, (own_in_words(found.matches[0]), *facts(reference))):
        yield from _indented(fact, screen)


def _indented(text: str, screen: Screen, *styles: Style) -> Iterator[str]:
    if text:
        yield from (screen.styled(line, *styles) for line in _wrapped(text, screen))


def _wrapped(text: str, screen: Screen) -> Iterator[str]:
    return (_INDENT + line for line in wrapped(printable(text), screen.width - len(_INDENT)))


def _tables(found: Identification, screen: Screen) -> Iterator[str]:
    matches = found.matches
    if found.is_named:
        yield from _table("runners-up", matches[1:], screen)
    elif found.look_alikes is not None:
        assert found.verdict is not None, "look-alikes are what a verdict names"
        count = len(found.look_alikes.references)
        yield from _table("look-alikes", matches[:count], screen)
        yield from _unseen(found.look_alikes, found.verdict, len(matches), screen)
        yield from _table("others", matches[count:], screen)
    elif found.decision is Decision.UNKNOWN:
        yield from _table("the nearest, none of them an answer", matches, screen)
    else:
        yield from _table("", matches, screen)


def _table(title: str, matches: Sequence[Match], screen: Screen) -> Iterator[str]:
    if not matches:
        return
    yield from _indented(title, screen, Style.FAINT)
    columns = _columns(matches, screen)
    for match in matches:
        yield _row(match, columns, screen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """How wide a table's columns are; 0 leaves one out.

    Attributes:
        names: Of names.
        ids: Of ids that say more than the names.
    """

    names: int
    ids: int


def _columns(matches: Sequence[Match], screen: Screen) -> _Columns:
    figures = 13 if matches[0].confidence is None else 19  # columns of what stands before a name
    figures += 0 if matches[0].band is None else _BAND_COLUMNS + len(_INDENT)
    ids = 0
    if screen.width >= _ROOM_FOR_IDS:
        ids = min(_ID_COLUMNS, screen.width // 4, max(display_width(_id_beside_name(match)) for match in matches))
    room = screen.width - figures - (ids + len(_INDENT) if ids else 0)
    longest = max(display_width(printable(match.reference.name)) for match in matches)
    return _Columns(names=min(_NAME_COLUMNS, max(_LEAST_NAME_COLUMNS, room), longest), ids=ids)


def _id_beside_name(match: Match) -> str:
    return "" if match.reference.id == match.reference.name else printable(match.reference.id)


def _row(match: Match, columns: _Columns, screen: Screen) -> str:
    """Return rank, probability, similarity, name, and, where there is room, id, reasons and labels."""
    name = padded(shortened(printable(match.reference.name), columns.names), columns.names)
    probability = "" if match.confidence is None else f"{match.confidence:4.0%}  "
    band = "" if match.band is None else padded(match.band.value, _BAND_COLUMNS) + _INDENT
    score = f"{match.score:5.2f}" if match.has_similarity else "    -"
    line = f"{match.rank:4d}  {probability}{band}{score}  {name}"
    if columns.ids:
        line += _INDENT + padded(shortened(_id_beside_name(match), columns.ids), columns.ids)
    room = screen.width - display_width(line) - len(_INDENT)
    labels = what_it_is(match.reference) if screen.width >= _ROOM_FOR_LABELS else ""
    told = " · ".join(filter(None, (_reasons(match), _OWN if match.is_own else "", labels)))
    if room >= _LEAST_NAME_COLUMNS:
        line += _INDENT + shortened(printable(told), room)
    return line.rstrip()


def _reasons(match: Match) -> str:
    if not match.reasons:
        return ""
    from edge_identify.edge_runtime.answers.text_reasons import reasons_in_words  # matches of photos have none

    return reasons_in_words(match.reasons)


def _unseen(alike: LookAlikes, verdict: Verdict, shown: int, screen: Screen) -> Iterator[str]:
    """Yield the look-alikes past the matches that were asked for: their similarity was not kept."""
    for position in range(shown, len(alike.references)):
        reference, confidence = alike.references[position], verdict.confidences[position]
        line = f"{position + 1:4d}  {confidence:4.0%}         {printable(reference.name)}"
        yield shortened(line, screen.width)


def answer_row(found: Identification, screen: Screen, *, names_pack: bool = False) -> str:
    """Return a photo's answer on one line, the photo last: a path may be long, and is never cut.

    Args:
        found: The answer.
        screen: The screen.
        names_pack: Whether to say which pack the answer is from.
    """
    best, decision = found.best, found.decision
    word = screen.styled(padded(decision.value if decision else "nearest", _DECISION_COLUMNS), _STYLES[decision])
    figure = f"{best.score:4.2f}" if best.confidence is None else f"{best.confidence:4.0%}"
    names = max(_LEAST_NAME_COLUMNS, min(_NAME_COLUMNS, screen.width // 2 - _DECISION_COLUMNS))
    name = padded(shortened(_name_in_row(found), names), names)
    pack = f"{found.pack_name}: " if names_pack else ""
    return f"{word}  {figure}  {name}  {pack}{printable(found.question)}"


def _name_in_row(found: Identification) -> str:
    name = printable(found.matches[0].reference.name) + (f" ({_OWN})" if found.matches[0].is_own else "")
    if found.decision is Decision.UNKNOWN:
        return f"(nearest: {name})"
    return name if found.look_alikes is None else f"{name} (one of {len(found.look_alikes.references)})"
