"""An evaluation as one page of HTML that a person reads without explanation, offline, on a screen or on paper.

The page is one file: images and diagrams are inside, there is no script, and its own policy forbids the browser to
fetch anything. It shows what `evaluation_figures` says and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_identify.convert.reporting import report_wording
from edge_identify.convert.reporting.diagrams import reliability_diagram, risk_coverage_diagram
from edge_identify.convert.reporting.photo_cards import photo_cards, slow_list
from edge_identify.convert.reporting.report_images import ReportImages
from edge_identify.convert.reporting.report_style import RULES
from edge_identify.convert.reporting.report_tables import decision_table, group_table, pair_table
from edge_identify.edge_runtime.answers.html_markup import Markup, document, element, join, style_sheet

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPart:
    """One evaluation in a report.

    Attributes:
        title: Its heading.
        about: What was asked, in sentences.
        figures: As `evaluation_figures` describes them.
        names: Of the references that are mentioned, by id.
        images: Where images come from.
        left_out: Why photos could not be used, a line for each.
    """

    title: str
    about: str
    figures: Mapping[str, Any]
    names: Mapping[str, str]
    pictures: ReportImages
    left_out: Sequence[str] = ()


def report_page(title: str, parts: Sequence[ReportPart]) -> str:
    """Return a whole page.

    Args:
        title: Of the page.
        parts: At least one evaluation.
    """
    head = join(
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        style_sheet(RULES),
    )
    body = element("main", element("h1", title), *(_part(part) for part in parts))
    return document(head=head, body=body)


def _part(part: ReportPart) -> Markup:
    return element(
        "section",
        element("h2", part.title),
        element("p", part.about),
        _overview(part.figures),
        _groups(part.figures),
        _worst(part),
        _confusable(part),
        _slowest(part.figures),
        _left_out(part.left_out),
        _method(part.figures),
    )


def _overview(figures: Mapping[str, Any]) -> Markup:
    whole = figures["all"]
    said = report_wording.recall_sentences(whole)
    if "decisions" not in whole:
        missing = [f"{name}: {reason}." for name, reason in figures.get("absent", {}).items()]
        return join(_list([*said, *report_wording.separation_sentences(whole), *missing]))
    decisions = whole["decisions"]
    said += report_wording.decision_sentences(whole, asked_for=figures.get("pack", {}).get("false_accept_rate"))
    said += [*report_wording.separation_sentences(whole), *report_wording.calibration_sentences(whole)]
    return join(
        _list(said),
        decision_table(decisions),
        element(
            "div",
            _diagram(
                reliability_diagram(decisions["reliability"]),
                "Does a stated probability come true? Each dot is a tenth of the photos. On the diagonal, what was "
                "said is what happened; below it the pack is too sure of itself, above it too modest.",
            ),
            _diagram(
                risk_coverage_diagram(decisions["risk_coverage"]),
                "What does silence buy? Further left, fewer photos are answered, the surest ones; the lower the "
                "curve, the fewer of these answers are wrong.",
            ),
            class_="diagrams",
        ),
    )


def _diagram(drawing: Markup, caption: str) -> Markup:
    return element("figure", drawing, element("figcaption", caption))


def _groups(figures: Mapping[str, Any]) -> Markup:
    tables = [group_table(column, groups) for column, groups in figures["by_column"].items()]
    return join(element("h3", "By group"), *tables) if tables else join()


def _worst(part: ReportPart) -> Markup:
    kinds = (
        ("wrong", "Wrong, and surest of it", "These photos look most like a reference that they do not show."),
        (
            "not_in_pack",
            "Strangers that were let in",
            "These photos show things that are not in the pack, and were taken for something in it.",
        ),
        (
            "refused",
            "Right, and yet refused",
            "The nearest reference of these photos is the right one, but they were called unknown; those with the "
            "least evidence first.",
        ),
    )
    worst = part.figures["worst"]
    return join(
        *(
            join(element("h3", title), element("p", meaning), photo_cards(worst[kind], part.pictures, part.names))
            for kind, title, meaning in kinds
            if worst[kind]
        ),
        element("p", _no_reference_pictures(part)),
    )


def _no_reference_pictures(part: ReportPart) -> str:
    if part.pictures.has_references or not any(part.figures["worst"].values()):
        return ""
    return (
        "This pack does not hold its references' pictures; --catalogue FILE says where they lie, and shows them here."
    )


def _confusable(part: ReportPart) -> Markup:
    pairs = part.figures["confusable"]
    if not pairs:
        return join()
    return join(element("h3", "What is taken for what"), pair_table(pairs, part.names))


def _slowest(figures: Mapping[str, Any]) -> Markup:
    timing = figures["timing"]
    if not figures["slowest"] or timing["answer_ms_mean"] is None:
        return join()
    said = (
        f"Reading, decoding and resizing took {timing['prepare_ms_median']:.1f} ms of an ordinary photo and more than "
        f"{timing['prepare_ms_p95']:.1f} ms of one in twenty, by this machine's clock; encoding, searching and "
        f"deciding {timing['answer_ms_mean']:.1f} ms of each, many together. These took longest to read:"
    )
    return join(element("h3", "Slowest photos"), element("p", said), slow_list(figures["slowest"]))


def _left_out(reasons: Sequence[str]) -> Markup:
    if not reasons:
        return join()
    return join(
        element("h3", "Left out"),
        element("p", f"{len(reasons)} photos could not be used, and no figure counts them:"),
        _list(reasons),
    )


def _method(figures: Mapping[str, Any]) -> Markup:
    how = figures["intervals"]
    return element(
        "p",
        f"Likely ranges: the photos were drawn anew {how['resamples']:,} times from themselves (bootstrap, seed "
        f"{how['seed']}), and {how['percent']} % of the draws lie within. Photos of one thing succeed or fail "
        "together: where many photos show few things, the truth is less sure than that. Evidence is log-odds: at 0, "
        "known and unknown are equally likely.",
        class_="method",
    )


def _list(lines: Sequence[str]) -> Markup:
    return element("ul", *(element("li", line) for line in lines))
