"""An evaluation as one HTML page, for readers without knowledge of the figures; on screen and in print.

The page is one file with images and diagrams inside, without scripts. Its Content-Security-Policy forbids all requests.
It shows the figures of `evaluation_figures` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_identify.convert.reporting import report_wording
from edge_identify.convert.reporting.diagrams import reliability_diagram, risk_coverage_diagram
from edge_identify.convert.reporting.photo_cards import photo_cards, slow_list
from edge_identify.convert.reporting.report_headline import headline
from edge_identify.convert.reporting.report_images import ReportImages
from edge_identify.convert.reporting.report_style import RULES
from edge_identify.convert.reporting.report_tables import choice_table, decision_table, group_tables, pair_table
from edge_identify.edge_runtime.answers.html_markup import Markup, document, element, join, style_sheet, with_code
from edge_identify.edge_runtime.io.counted import counted, plural

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPart:
    """One evaluation in a report.

    Attributes:
        title: Heading of the part.
        about: Describes the evaluation, in sentences.
        figures: The object of `evaluation_figures`.
        names: Names of the references in the figures, by id.
        images: The images of photos and references.
        left_out: Why photos could not be used, one line each.
        todo: What to do next, one sentence or two each.
    """

    title: str
    about: str
    figures: Mapping[str, Any]
    names: Mapping[str, str]
    images: ReportImages
    left_out: Sequence[str] = ()
    todo: Sequence[str] = ()


def report_page(title: str, parts: Sequence[ReportPart]) -> str:
    """Return the page as HTML.

    Args:
        title: Title of the page.
        parts: The evaluations, at least one.
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
        headline(part.figures),
        _todo(part.todo),
        _choices(part.figures),
        element("p", part.about, class_="method"),
        _overview(part.figures),
        _groups(part.figures),
        _worst(part),
        _confusable(part),
        _slowest(part.figures),
        _left_out(part.left_out),
        _method(part.figures),
    )


def _todo(sentences: Sequence[str]) -> Markup:
    if not sentences:
        return join()
    return join(element("h3", "What to do next"), element("ul", *(element("li", with_code(one)) for one in sentences)))


def _choices(figures: Mapping[str, Any]) -> Markup:
    choices = figures["choices"]
    return join(element("h3", "Choose a least confidence"), choice_table(choices)) if choices else join()


def _overview(figures: Mapping[str, Any]) -> Markup:
    whole = figures["all"]
    said = report_wording.recall_sentences(whole)
    if "decisions" not in whole:
        missing = [f"{name}: {reason}." for name, reason in figures.get("absent", {}).items()]
        return _in_words([*said, *report_wording.separation_sentences(whole), *missing])
    decisions = whole["decisions"]
    said += report_wording.decision_sentences(whole, asked_for=figures.get("pack", {}).get("false_accept_rate"))
    said += [*report_wording.separation_sentences(whole), *report_wording.calibration_sentences(whole)]
    return join(
        decision_table(decisions),
        _in_words(said),
        element(
            "div",
            _diagram(
                reliability_diagram(decisions["reliability"]),
                "Reliability diagram. Each dot is a tenth of the photos. On the diagonal, stated confidences are "
                "right; below it, the pack is overconfident; above it, underconfident.",
            ),
            _diagram(
                risk_coverage_diagram(decisions["risk_coverage"]),
                "Risk-coverage curve. Further left, only the most confident photos are answered; the lower the curve, "
                "the fewer of these answers are wrong.",
            ),
            class_="diagrams",
        ),
    )


def _in_words(sentences: Sequence[str]) -> Markup:
    """Return sentences that open on a tap: the numbers that matter stand above them."""
    return element("details", element("summary", "All figures in words"), _list(sentences))


def _diagram(drawing: Markup, caption: str) -> Markup:
    return element("figure", drawing, element("figcaption", caption))


def _groups(figures: Mapping[str, Any]) -> Markup:
    tables = [group_tables(column, groups) for column, groups in figures["by_column"].items()]
    return join(element("h3", "By group"), *tables) if tables else join()


def _worst(part: ReportPart) -> Markup:
    kinds = (
        (
            "wrong",
            "Wrong answers, the most confident first",
            "The nearest reference of these photos is not the one that they show.",
        ),
        (
            "not_in_pack",
            "False accepts, the most confident first",
            "These photos show things that are not in the pack, and were not called unknown.",
        ),
        (
            "refused",
            "False rejects, the least evidence first",
            "The nearest reference of these photos is the right one, but they were called unknown.",
        ),
    )
    worst = part.figures["worst"]
    return join(
        *(
            join(element("h3", title), element("p", meaning), photo_cards(worst[kind], part.images, part.names))
            for kind, title, meaning in kinds
            if worst[kind]
        ),
        element("p", _no_reference_images(part)),
    )


def _no_reference_images(part: ReportPart) -> str:
    if part.images.has_references or not any(part.figures["worst"].values()):
        return ""
    return "This pack does not hold its reference images; with --catalogue FILE they are shown here."


def _confusable(part: ReportPart) -> Markup:
    pairs = part.figures["confusable"]
    if not pairs:
        return join()
    return join(element("h3", "Confused references"), pair_table(pairs, part.names))


def _slowest(figures: Mapping[str, Any]) -> Markup:
    timing = figures["timing"]
    if not figures["slowest"] or timing["answer_ms_mean"] is None:
        return join()
    said = (
        f"On this machine, reading, decoding and resizing a photo took {timing['prepare_ms_median']:.1f} ms (median; "
        f"95th percentile {timing['prepare_ms_p95']:.1f} ms). Encoding, searching and deciding took "
        f"{timing['answer_ms_mean']:.1f} ms per photo, in batches. These photos took longest to read:"
    )
    return join(element("h3", "Slowest photos"), element("p", said), slow_list(figures["slowest"]))


def _left_out(reasons: Sequence[str]) -> Markup:
    if not reasons:
        return join()
    return join(
        element("h3", "Skipped photos"),
        element(
            "p",
            f"{counted(len(reasons), 'photo')} could not be used and {plural(len(reasons), 'is', 'are')} not counted:",
        ),
        _list(reasons),
    )


def _method(figures: Mapping[str, Any]) -> Markup:
    how = figures["intervals"]
    return element(
        "p",
        f"Likely ranges are bootstrap intervals of {how['percent']} % ({how['resamples']:,} resamples of the photos, "
        f"seed {how['seed']}). They assume independent photos: if many photos show few things, the true ranges are "
        "wider. Evidence is log-odds: at 0, known and unknown are equally likely.",
        class_="method",
    )


def _list(lines: Sequence[str]) -> Markup:
    return element("ul", *(element("li", line) for line in lines))
