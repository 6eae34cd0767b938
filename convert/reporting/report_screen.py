"""An evaluation on the screen: what was asked, the few figures that matter, the groups, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edge_identify.convert.reporting.report_wording import accepted, percent, words_kept
from edge_identify.edge_runtime.terminal.terminal_text import display_width, padded, shortened, wrapped

Figures = Mapping[str, Any]

_MOST_NAME_COLUMNS = 28
_NONE = "-"


def report_lines(figures: Figures, todo: Sequence[str], *, width: int) -> Iterator[str]:
    """Yield the lines.

    Args:
        figures: The object of `evaluation_figures`.
        todo: What to do next, one sentence or two each.
        width: Columns of the screen. Sentences are wrapped; the columns of tables are not.
    """
    whole = figures["all"]
    yield f"{whole['queries'] + whole['not_in_pack']} photos: {_kinds(whole)}"
    for line in (*_known(whole), *_others(whole), *_trust(whole)):
        yield from _indented(line, "  ", width)
    for column, groups in figures["by_column"].items():
        yield ""
        yield from _table(column, groups)
    if figures["by_column"] and "decisions" in whole:
        yield "identified, probably: rightly/wrongly"
    if figures["choices"]:
        yield ""
        yield from _choices(figures["choices"])
    yield ""
    yield "what to do next:"
    for sentence in todo:
        yield from _indented(sentence, "- ", width)


def _kinds(whole: Figures) -> str:
    return f"{whole['queries']} of things in the pack, {whole['not_in_pack']} of other things"


def _known(whole: Figures) -> Iterator[str]:
    if not whole["queries"]:
        return
    decisions = whole.get("decisions")
    if decisions is not None:
        known = decisions["known"]
        yield (
            f"things in the pack: {known['identified_right']} identified rightly, {known['identified_wrong']} "
            f"wrongly; {known['probably_right']} probably rightly, {known['probably_wrong']} wrongly; "
            f"{known['ambiguous']} ambiguous ({known['ambiguous_with_right']} with the right one), "
            f"{known['unknown']} unknown"
        )
    yield (
        f"right reference first (recall@1): {percent(whole['recall@1'])}; among the first five (recall@5): "
        f"{percent(whole['recall@5'])}"
    )
    if decisions is not None and decisions["right_named"] is not None:
        yield (
            f"of those with the right reference first: {percent(decisions['right_identified'])} identified, "
            f"{percent(decisions['right_named'])} identified or probably, "
            f"{percent(decisions['right_accepted'])} accepted"
        )


def _others(whole: Figures) -> Iterator[str]:
    decisions = whole.get("decisions")
    if decisions is not None and whole["not_in_pack"]:
        others = decisions["not_in_pack"]
        yield (
            f"other things: {accepted(others)} of {others['photos']} accepted "
            f"({percent(decisions['false_accept_rate'])}): {others['identified']} identified, {others['probably']} "
            f"probably, {others['ambiguous']} ambiguous; {others['unknown']} rightly called unknown"
        )


def _trust(whole: Figures) -> Iterator[str]:
    decisions = whole.get("decisions")
    if decisions is None:
        return
    yield from words_kept(decisions)
    if decisions["ece"] is not None:
        yield f"confidence: wrong by {100 * decisions['ece']:.1f} percentage points on average (ECE)"
    if decisions["auroc_evidence"] is not None:
        yield (
            f"known against other things: told apart in {100 * decisions['auroc_evidence']:.1f} of 100 pairs (AUROC)"
        )


def _table(column: str, groups: Mapping[str, Figures]) -> Iterator[str]:
    is_calibrated = any("decisions" in figures for figures in groups.values())
    decided = ["identified", "probably", "ambiguous", "unknown"] if is_calibrated else []
    headings = ["in the pack", "recall@1", *decided, "other things", *(["accepted"] if is_calibrated else [])]
    rows = [[value or "(empty)", *_cells(figures, is_calibrated)] for value, figures in groups.items()]
    name_width = min(_MOST_NAME_COLUMNS, max(display_width(row[0]) for row in [[f"by {column}"], *rows]))
    for name, *cells in ([f"by {column}", *headings], *rows):
        figures = "  ".join(cell.rjust(len(heading)) for heading, cell in zip(headings, cells, strict=True))
        yield f"{padded(shortened(name, name_width), name_width)}  {figures}"


def _choices(choices: Sequence[Figures]) -> Iterator[str]:
    yield "if an app names the first match from a least confidence on:"
    headings = ("confidence", "  named", "of these right", "rightly named", "other things named")
    yield "  ".join(headings)
    for choice in choices:
        strangers = _NONE if choice["strangers"] is None else percent(choice["strangers"])
        shares = (percent(choice[key]) for key in ("named", "right", "right_names"))
        cells = (f"{choice['least_confidence']:.2f}", *shares, strangers)
        yield "  ".join(cell.rjust(len(heading)) for cell, heading in zip(cells, headings, strict=True))


def _cells(figures: Figures, is_calibrated: bool) -> list[str]:
    count, others = figures["queries"], figures["not_in_pack"]
    decisions = figures.get("decisions")
    cells = [str(count), percent(figures["recall@1"]) if count else _NONE]
    if is_calibrated:
        known = None if decisions is None or not count else decisions["known"]
        cells += [_NONE] * 4 if known is None else _decided_cells(known)
    cells.append(str(others))
    if is_calibrated:
        counts = None if decisions is None or not others else decisions["not_in_pack"]
        cells.append(_NONE if counts is None else str(accepted(counts)))
    return cells


def _decided_cells(known: Figures) -> list[str]:
    named = [f"{known[f'{word}_right']}/{known[f'{word}_wrong']}" for word in ("identified", "probably")]
    return [*named, str(known["ambiguous"]), str(known["unknown"])]


def _indented(text: str, first: str, width: int) -> Iterator[str]:
    for number, line in enumerate(wrapped(text, width - len(first))):
        yield f"{' ' * len(first) if number else first}{line}"
