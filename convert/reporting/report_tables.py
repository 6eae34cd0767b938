"""The tables of a report: decisions, figures by group, and confused references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_identify.convert.reporting.diagrams import share_bar
from edge_identify.convert.reporting.report_wording import percent
from edge_identify.edge_runtime.answers.html_markup import Markup, element, join

Figures = Mapping[str, Any]

#: Class in the style sheet, heading, key among the photos of things in the pack, key among the others.
_DECISIONS = (
    ("right", "identified, right", "identified_right", None),
    ("wrong", "identified, wrong", "identified_wrong", "identified"),
    ("probably-right", "probably, right", "probably_right", None),
    ("probably-wrong", "probably, wrong", "probably_wrong", "probably"),
    ("unsure-right", "ambiguous, right among them", "ambiguous_with_right", None),
    ("unsure-wrong", "ambiguous, all wrong", "ambiguous_without_right", "ambiguous"),
    ("unknown", "unknown", "unknown", "unknown"),
)
#: Heading and keys of a column of a group's table, which has room for four.
_GROUP_DECISIONS = (
    ("identified, right / wrong", ("identified_right", "identified_wrong")),
    ("probably, right / wrong", ("probably_right", "probably_wrong")),
    ("ambiguous, with / without the right one", ("ambiguous_with_right", "ambiguous_without_right")),
    ("unknown", ("unknown",)),
)
_NOT_MEASURED = "-"


def decision_table(decisions: Figures) -> Markup:
    """Return the table of decisions for photos of things in the pack and for others; at least one photo."""
    rows = []
    for title, counts, column in (
        ("things in the pack", decisions["known"], 2),
        ("things not in the pack", decisions["not_in_pack"], 3),
    ):
        if not counts["photos"]:
            continue
        found = [(one[0], one[column]) for one in _DECISIONS]
        bar = share_bar((class_name, counts[key]) for class_name, key in found if key is not None)
        cells = [_NOT_MEASURED if key is None else str(counts[key]) for _, key in found]
        rows.append([title, str(counts["photos"]), *cells, bar])
    headings = ["photos of", "photos", *(heading for _, heading, _, _ in _DECISIONS), "shares"]
    return table("Decisions. For things not in the pack, unknown is the right answer.", headings, rows)


def group_tables(column: str, groups: Mapping[str, Figures]) -> Markup:
    """Return the tables of figures for each value of a grouping column: of things in the pack, and of others."""
    is_calibrated = any("decisions" in figures for figures in groups.values())
    known = [[value or "(empty)", *_known_cells(figures, is_calibrated)] for value, figures in groups.items()]
    others = [[value or "(empty)", *_other_cells(figures, is_calibrated)] for value, figures in groups.items()]
    decided = [heading for heading, _ in _GROUP_DECISIONS] if is_calibrated else []
    trust = ["false accepts", "ECE"] if is_calibrated else []
    return join(
        table(
            f"By {column}: photos of things in the pack; in brackets the likely range.",
            [column, "photos", "recall at 1", "recall at 5", *decided],
            known,
        ),
        table(
            f"By {column}: photos of other things. AUROC is against those of the group, or against all if it has none.",
            [column, "photos of others", *trust, "AUROC"],
            others,
        ),
    )


def pair_table(pairs: Sequence[Figures], names: Mapping[str, str]) -> Markup:
    """Return the table of confused references."""
    rows = [
        [
            named(pair["right"], names),
            named(pair["taken_for"], names),
            str(pair["photos"]),
            str(pair["identified"]),
            str(pair["probably"]),
        ]
        for pair in pairs
    ]
    headings = ["photos of", "nearest reference", "photos", "identified as it", "probably it"]
    return table("Confused references, the most frequent first.", headings, rows)


def choice_table(choices: Sequence[Figures]) -> Markup:
    """Return the table of least confidences that an app can choose from."""
    rows = [
        [
            f"{choice['least_confidence']:.2f}",
            percent(choice["named"]),
            percent(choice["right"]),
            percent(choice["right_names"]),
            _NOT_MEASURED if choice["strangers"] is None else percent(choice["strangers"]),
        ]
        for choice in choices
    ]
    headings = ["least confidence", "named", "of these right", "rightly named", "other things named"]
    return table("What each least confidence costs, if the first match is named from it on.", headings, rows)


def named(reference_id: str, names: Mapping[str, str]) -> str:
    """Return a reference's name and id; only the id if both are equal."""
    name = names.get(reference_id, reference_id)
    return name if name == reference_id else f"{name} ({reference_id})"


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Return a table whose first column names its rows; on a narrow screen each row is a card with its headings."""
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell, data_heading=heading) for heading, cell in zip(headings[1:], row[1:], strict=True)),
        )
        for row in rows
    ]
    whole = element("table", element("caption", caption), element("thead", head), element("tbody", join(*body)))
    return element("div", whole, class_="wide", tabindex=0, role="region", aria_label=caption)


def _known_cells(figures: Figures, is_calibrated: bool) -> list[str]:
    cells = [str(figures["queries"]), _with_interval(figures, "recall@1"), _with_interval(figures, "recall@5")]
    if is_calibrated:
        known = figures["decisions"]["known"] if "decisions" in figures and figures["queries"] else None
        for _, keys in _GROUP_DECISIONS:
            cells.append(_NOT_MEASURED if known is None else " / ".join(str(known[key]) for key in keys))
    return cells


def _other_cells(figures: Figures, is_calibrated: bool) -> list[str]:
    count, decisions, against_all = str(figures["not_in_pack"]), figures.get("decisions"), figures["against_all_others"]
    if decisions is None:
        separation = _first(figures["auroc_score"], against_all["auroc_score"])
        return [count, *([_NOT_MEASURED] * 2 if is_calibrated else []), _number(separation)]
    return [
        count,
        _with_interval(decisions, "false_accept_rate", figures["intervals"]),
        _number(decisions["ece"]),
        _number(_first(decisions["auroc_evidence"], against_all["auroc_evidence"])),
    ]


def _with_interval(figures: Figures, name: str, intervals: Figures | None = None) -> str:
    value, interval = figures[name], (figures["intervals"] if intervals is None else intervals).get(name)
    if value is None:
        return _NOT_MEASURED
    likely = "" if interval is None else f" ({100 * interval[0]:.0f} to {100 * interval[1]:.0f})"
    return f"{percent(value)}{likely}"


def _first(value: float | None, instead: float | None) -> float | None:
    return instead if value is None else value


def _number(value: float | None) -> str:
    return _NOT_MEASURED if value is None else f"{value:.3f}"
