"""What to do after an evaluation, from its figures. The screen and the page end with these sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edge_identify.convert.reporting.report_wording import percent

Figures = Mapping[str, Any]

# An "identified" answer promises to be right 95 times of 100; a pack that misses this much on its photos needs work.
_MOST_MISSED = 0.05
_MOST_OFF = 0.1  # of the confidence: an answer of 90 % would be right 80 times of 100
_TOO_FEW_IDENTIFIED = 0.75  # of the photos whose first match is right
_WIDE = 0.1  # a likely range wider than this hides any of the differences above


def advice(figures: Figures, *, with_geometry: bool, has_page: bool) -> list[str]:
    """Return what to do next, the most useful first; at least one sentence.

    Args:
        figures: The object of `evaluation_figures`, with `absent` and `pack`.
        with_geometry: Whether the photos were identified with geometric verification.
        has_page: Whether an HTML report is written.
    """
    whole = figures["all"]
    found = [
        *_of_the_pack(figures),
        *_of_known_things(whole, with_geometry=with_geometry),
        *_of_real_photos(figures),
        *_of_choices(figures["choices"]),
        *_of_other_things(whole, figures["pack"].get("false_accept_rate")),
        *_of_confusions(figures),
        *_of_the_photos(figures),
    ]
    if not found:
        found = ["Nothing stands out. Publish the pack with `edge-serve publish`, or measure it with more photos."]
    if not has_page:
        found.append("To see the photos behind the figures, add `--html report.html`.")
    return found


def _of_the_pack(figures: Figures) -> Iterator[str]:
    for reason in figures["absent"].values():
        yield f"Without decisions, answers are similarities only: {reason}."


def _of_known_things(whole: Figures, *, with_geometry: bool) -> Iterator[str]:
    count = whole["queries"]
    if not count:
        return
    first, among = whole["recall@1"], whole["recall@5"]
    if among - first > _MOST_MISSED:
        how = "" if with_geometry else ", or build with `--local-features thumbnails`, to compare points"
        yield (
            f"For {percent(among - first)} of the photos the right reference is among the first five but not first: "
            f"add reference images that show the difference{how}."
        )
    if 1 - among > _MOST_MISSED:
        yield (
            f"For {percent(1 - among)} of the photos the right reference is not among the first five: add reference "
            "images from more sides and in other light, or choose a larger encoder (`edge-build models`)."
        )
    accepted = whole.get("decisions", {}).get("right_accepted")
    if accepted is not None and 1 - accepted > _MOST_MISSED:
        yield (
            f"{percent(1 - accepted)} of the photos whose nearest reference is right were called unknown: add "
            "reference images like these photos, or build with a higher `--false-accept-rate`."
        )


def _of_real_photos(figures: Figures) -> Iterator[str]:
    """Yield whether it pays to calibrate with real photos."""
    decisions = figures["all"].get("decisions")
    if decisions is None or figures["pack"].get("real_photos") or not figures["all"]["queries"]:
        return
    is_off = decisions["ece"] is not None and decisions["ece"] > _MOST_OFF
    identified = decisions["right_identified"]
    if is_off or (identified is not None and identified < _TOO_FEW_IDENTIFIED):
        yield (
            "The pack was calibrated with simulated photos only, and your photos differ from them. Give some dozens of "
            "yours to `edge-build recalibrate PACK --photos photos.csv --out NEW`, and measure NEW with other photos."
        )


def _of_choices(choices: Sequence[Figures]) -> Iterator[str]:
    """Yield the least confidence that names most photos and keeps the promise of "identified"."""
    kept = [choice for choice in choices if choice["right"] >= 1 - _MOST_MISSED]
    if not kept or len(kept) == len(choices):
        return
    best = max(kept, key=lambda choice: float(choice["named"]))
    yield (
        f"To have {percent(1 - _MOST_MISSED)} of the named matches right, name those from a confidence of "
        f"{best['least_confidence']:.2f} on: {percent(best['named'])} of the photos of things in the pack."
    )


def _of_other_things(whole: Figures, asked_for: float | None) -> Iterator[str]:
    if not whole["not_in_pack"]:
        yield (
            "Add photos of things that are not in the pack, with an empty id: without them it is not measured how "
            "often the pack names a thing that it does not know."
        )
        return
    rate = whole.get("decisions", {}).get("false_accept_rate")
    likely = whole["intervals"].get("false_accept_rate")
    if rate is not None and asked_for is not None and (likely[0] if likely else rate) > asked_for:
        yield (
            f"{percent(rate)} of the other things were accepted, and the pack was built for {percent(asked_for)}: "
            "build with a lower `--false-accept-rate`."
        )


def _of_confusions(figures: Figures) -> Iterator[str]:
    if again := figures["photograph_again"]:
        told = ", ".join(f"{one['id']} ({one['wrong']} of {one['photos']} wrong)" for one in again)
        yield f"Photograph again, and add to the catalogue: {told}."
    if figures["confusable"]:
        pair = figures["confusable"][0]
        yield (
            f"{pair['right']} is taken for {pair['taken_for']} ({_photos(pair['photos'])}): look at both with "
            "`edge-build doctor`, merge them, or add images that show the difference."
        )


def _of_the_photos(figures: Figures) -> Iterator[str]:
    whole = figures["all"]
    if figures["skipped"]:
        yield f"{_photos(figures['skipped'])} could not be used: correct or remove their rows in the table."
    error = whole.get("decisions", {}).get("ece")
    if error is not None and error > _MOST_OFF:
        yield (
            f"The stated confidence is wrong by {100 * error:.0f} percentage points on average: do not show it to "
            "users before you have measured more photos."
        )
    likely = whole["intervals"].get("recall@1")
    if likely is not None and likely[1] - likely[0] > _WIDE:
        yield (
            f"Measure more photos: with {whole['queries']}, the share of right answers is only known to lie between "
            f"{100 * likely[0]:.0f} and {100 * likely[1]:.0f} %."
        )


def _photos(count: int) -> str:
    return f"{count} photo{'' if count == 1 else 's'}"
