"""The few numbers of a report that matter first, large, each with one sentence on its meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge_identify.convert.reporting.report_wording import accepted
from edge_identify.edge_runtime.answers.html_markup import Markup, element

Figures = Mapping[str, Any]


def headline(figures: Figures) -> Markup:
    """Return the numbers of an evaluation as a list.

    Args:
        figures: The object of `evaluation_figures`.
    """
    tiles = (
        element("li", element("b", number), " ", element("span", meaning), class_=kind)
        for kind, number, meaning in _numbers(figures["all"])
    )
    return element("ul", *tiles, class_="headline")


def _numbers(whole: Figures) -> Iterator[tuple[str, str, str]]:
    """Yield class, number and meaning of each tile."""
    count, others, decisions = whole["queries"], whole["not_in_pack"], whole.get("decisions")
    if count and decisions is None:
        nearest = f"of {count} photos of things in the pack have the right reference as the nearest one"
        yield "good", _whole(whole["recall@1"]), nearest
    if count and decisions is not None:
        known = decisions["known"]
        named = f"of {count} photos of things in the pack are identified rightly"
        yield "good", _whole(known["identified_right"] / count), named
        has_probable = known["probably_right"] + known["probably_wrong"] > 0
        if has_probable:
            probably = "more are named rightly with the word probably: a person checks these"
            yield "probable", _whole(known["probably_right"] / count), probably
        also = f", and {_whole(known['probably_wrong'] / count)} probably" if has_probable else ""
        wrong = f"are identified as another thing{also}: lower is better"
        yield _bad_if(known["identified_wrong"]), _whole(known["identified_wrong"] / count), wrong
        unsure = "are not named: called ambiguous or unknown, which is safe but no help"
        yield "unsure", _whole((known["ambiguous"] + known["unknown"]) / count), unsure
    if others and decisions is not None:
        taken = accepted(decisions["not_in_pack"])
        yield (
            _bad_if(taken),
            f"{taken} of {others}",
            "photos of other things are taken for one in the pack: lower is better",
        )
    if not others:
        unmeasured = "how often other things are taken for one in the pack: no such photo was given"
        yield "unsure", "not measured", unmeasured


def _bad_if(count: int) -> str:
    return "bad" if count else "good"


def _whole(share: float) -> str:
    return f"{100 * share:.0f} %"
