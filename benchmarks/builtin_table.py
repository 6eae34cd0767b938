"""What `builtin_encoder.py` measured, as Markdown for the model card.

Ours stands beside the floor, on the same photos. The recall of 149 photos is known
to about .08 either way, so its interval is printed with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]


def builtin_table(figures: Figures) -> str:
    """Return the Markdown of the figures that the benchmark prints."""
    parts = [
        _recalls(figures["results"]),
        *_curves(figures["results"]),
        _encoders(figures["encoders"]),
        _targets(figures["targets"]),
    ]
    if figures["skipped"]:
        parts.append(f"Not measured: {', '.join(figures['skipped'])}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _recalls(results: Figures) -> str:
    lines = [f"| {label} | {' | '.join(cells)} |" for label, cells in _recall_rows(results)]
    head = [f"| photos | {' | '.join(results)} |", "|---" * (len(results) + 1) + "|"]
    return "\n".join([*head, *lines]) if lines else ""


def _recall_rows(results: Figures) -> Iterator[tuple[str, Sequence[str]]]:
    ours: Figures = next(iter(results.values()), {})
    for part, measured in ours.items():
        if "groups" in measured:
            yield from _real_rows(part, measured, results)
        elif part == "near_twins":
            label = f"near-twins: {measured['photos']} simulated photos, nearer to their own reference"
            yield label, [_with_interval(each[part], "accuracy") for each in results.values()]
        elif part == "siblings":
            label = f"siblings of a product line: {measured['photos']} simulated photos, nearest to their own reference"
            yield label, [_with_interval(each[part], "accuracy") for each in results.values()]
        elif part == "drawn":
            for kind, group in measured.items():
                label = f"drawn things, {kind}: {group['photos']} simulated photos, recall@1"
                yield label, [_with_interval(each[part][kind], "recall@1") for each in results.values()]


def _real_rows(part: str, measured: Figures, results: Figures) -> Iterator[tuple[str, Sequence[str]]]:
    among = f"among {measured['references']:,}"
    for group, figures in measured["groups"].items():
        label = f"{part} {group}: {figures['photos']} photos {among}, recall@1 / @5"
        yield label, [_two_recalls(each[part]["groups"][group]) for each in results.values()]
    if measured.get("unknown_auroc") is not None:
        label = f"{part}: {measured['unknown_photos']} photos of unknown things, AUROC of the best similarity"
        yield label, [_share(each[part]["unknown_auroc"]) for each in results.values()]


def _curves(results: Figures) -> Iterator[str]:
    ours: Figures = next(iter(results.values()), {})
    for effect, curve in ours.get("robustness", {}).items():
        levels = list(curve["recall@1"])
        head = [f"| {effect} ({curve['unit']}) | {' | '.join(levels)} |", "|---" * (len(levels) + 1) + "|"]
        yield "\n".join(head + [f"| {name} | {_levels(each, effect)} |" for name, each in results.items()])


def _levels(figures: Figures, effect: str) -> str:
    return " | ".join(_share(share) for share in figures["robustness"][effect]["recall@1"].values())


def _encoders(encoders: Figures) -> str:
    lines = [
        f"| {name} | {row['size_px']} | {row['bytes'] / 1e6:.1f} | {row['cpu_ms']:.1f} |"
        for name, row in encoders.items()
    ]
    return "\n".join(["| encoder | px | MB | CPU ms, one picture, one thread |", "|---|---|---|---|", *lines])


def _targets(targets: Figures) -> str:
    lines = [
        f"| {name} | {_number(row['found'])} | {_number(row['needed'])} | {_word(row['reached'])} |"
        for name, row in targets.items()
    ]
    return "\n".join(["| figure to reach | found | needed | reached |", "|---|---|---|---|", *lines])


def _two_recalls(figures: Figures) -> str:
    return f"{_with_interval(figures, 'recall@1')} / {_with_interval(figures, 'recall@5')}"


def _with_interval(figures: Figures, name: str) -> str:
    low, high = figures[f"{name}_interval"]
    return f"{_share(figures[name])} [{_share(low)}, {_share(high)}]"


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def _word(reached: bool | None) -> str:
    return "-" if reached is None else "yes" if reached else "no"
