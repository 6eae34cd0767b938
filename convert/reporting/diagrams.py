"""Diagrams as inline SVG: reliability diagram, risk-coverage curve, and bars of shares.

The style sheet of the page sets the colours, for light, dark and print. The attributes set plain colours for readers
without style sheets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edge_identify.edge_runtime.answers.html_markup import Markup, element

_SIDE, _LEFT, _BOTTOM, _RIM = 240, 46, 40, 18  # px: side of the plot, and its margins
_WIDTH, _HEIGHT = _LEFT + _SIDE + _RIM, _RIM + _SIDE + _BOTTOM
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)

_Point = tuple[float, float]


def reliability_diagram(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw a reliability diagram: share of right first matches over stated confidence.

    Args:
        bins: As `decision_figures.reliability_bins` returns them, at least one.
    """
    points = [(float(one["stated"]), float(one["came_true"])) for one in bins]
    described = "; ".join(f"said {said:.0%}, right {right:.0%}" for said, right in points)
    return _square(
        f"Reliability diagram. By rising confidence: {described}.",
        ("stated confidence", "share that is right"),
        [
            element("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), class_="ideal", stroke="grey"),
            *(
                element("line", x1=_x(said), y1=_y(said), x2=_x(said), y2=_y(right), class_="gap", stroke="grey")
                for said, right in points
            ),
            *(element("circle", cx=_x(said), cy=_y(right), r=5, class_="dot") for said, right in points),
        ],
    )


def risk_coverage_diagram(points: Sequence[Mapping[str, float]]) -> Markup:
    """Draw a risk-coverage curve: share of wrong answers over the share of photos answered, most confident first.

    Args:
        points: As `decision_figures.risk_coverage` returns them, at least one.
    """
    curve = [(point["coverage"], point["risk"]) for point in points]
    described = "; ".join(f"{coverage:.0%} answered, {risk:.0%} wrong" for coverage, risk in curve)
    path = " ".join(f"{_x(coverage)},{_y(risk)}" for coverage, risk in curve)
    return _square(
        f"Risk-coverage curve. {described}.",
        ("photos answered, the most confident first", "share of wrong answers"),
        [
            element("polyline", points=path, class_="curve", fill="none", stroke="black"),
            *(element("circle", cx=_x(coverage), cy=_y(risk), r=3, class_="dot") for coverage, risk in curve),
        ],
    )


def share_bar(parts: Iterable[tuple[str, int]]) -> Markup:
    """Draw counts as parts of one bar.

    Args:
        parts: Class in the style sheet and count of each part; the counts sum to at least 1.
    """
    drawn, at = [], 0.0
    listed = list(parts)
    total = sum(count for _, count in listed)
    for class_name, count in listed:
        width = 100 * count / total
        drawn.append(element("rect", x=round(at, 2), y=0, width=round(width, 2), height=10, class_=class_name))
        at += width
    # Hidden from screen readers: the table beside the bar has the counts.
    return element("svg", *drawn, viewBox="0 0 100 10", preserveAspectRatio="none", class_="bar", aria_hidden="true")


def _square(described: str, titles: tuple[str, str], drawn: Sequence[Markup]) -> Markup:
    across, up = titles
    middle = _RIM + _SIDE / 2
    axes = [element("rect", x=_LEFT, y=_RIM, width=_SIDE, height=_SIDE, class_="frame", fill="none", stroke="grey")]
    for share in _QUARTERS:
        axes.append(_label(f"{share:.0%}", (_x(share), _RIM + _SIDE + 16), "middle"))
        axes.append(_label(f"{share:.0%}", (_LEFT - 5, _y(share) + 4), "end"))
    axes.append(_label(across, (_LEFT + _SIDE / 2, _HEIGHT - 6), "middle"))
    axes.append(
        element("text", up, x=12, y=middle, text_anchor="middle", font_size=11, transform=f"rotate(-90 12 {middle})")
    )
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return element("svg", *axes, *drawn, viewBox=box, class_="diagram", role="img", aria_label=described)


def _label(text: str, at: _Point, anchor: str) -> Markup:
    return element("text", text, x=at[0], y=at[1], text_anchor=anchor, font_size=11)


def _x(share: float) -> float:
    return round(_LEFT + share * _SIDE, 1)


def _y(share: float) -> float:
    return round(_RIM + (1 - share) * _SIDE, 1)
