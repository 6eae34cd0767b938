"""What an evaluation tells its reader to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edge_identify.convert.evaluating.evaluation import Evaluation, Outcome
from edge_identify.convert.evaluating.evaluation_figures import report_figures
from edge_identify.convert.reporting.report_advice import advice
from edge_identify.convert.reporting.report_screen import report_lines

MakeOutcome = Callable[..., Outcome]


def figures_of(outcomes: Sequence[Outcome], **more: Any) -> dict[str, Any]:
    found = report_figures(Evaluation(outcomes=tuple(outcomes), left_out=()), columns=["kind"])
    return found | {"absent": {}, "pack": {"false_accept_rate": 0.02}} | more


def told(figures: dict[str, Any], *, with_geometry: bool = False, has_page: bool = True) -> str:
    return "\n".join(advice(figures, with_geometry=with_geometry, has_page=has_page))


def right(outcome: MakeOutcome, count: int) -> list[Outcome]:
    return [outcome("a", "a", decision="identified", confidence=1.0, kind="known") for _ in range(count)]


def others(outcome: MakeOutcome, count: int, decision: str = "unknown") -> list[Outcome]:
    return [outcome("", "a", decision=decision, confidence=0.0, kind="other") for _ in range(count)]


def test_of_a_good_pack_nothing_stands_out(outcome: MakeOutcome) -> None:
    figures = figures_of([*right(outcome, 40), *others(outcome, 40)])

    assert told(figures).startswith("Nothing stands out. Publish the pack")
    assert "--html report.html" in told(figures, has_page=False)


def test_photos_of_other_things_are_asked_for_where_there_are_none(outcome: MakeOutcome) -> None:
    assert "Add photos of things that are not in the pack" in told(figures_of(right(outcome, 40)))


def test_too_many_accepted_strangers_lead_to_the_option_that_refuses_them(outcome: MakeOutcome) -> None:
    figures = figures_of([*right(outcome, 40), *others(outcome, 40, "identified")])

    assert "accepted, and the pack was built for 2.0 %: build with a lower `--false-accept-rate`" in told(figures)


def test_right_references_that_are_not_first_lead_to_geometry_unless_it_was_used(outcome: MakeOutcome) -> None:
    second = [outcome("b", "a", "b", decision="identified", confidence=1.0, kind="known") for _ in range(10)]
    figures = figures_of([*right(outcome, 40), *second, *others(outcome, 40)])

    assert "among the first five but not first" in told(figures)
    assert "`--local-features thumbnails`" in told(figures)
    assert "--local-features" not in told(figures, with_geometry=True)
    assert "b is taken for a (10 photos)" in told(figures)


def test_what_a_pack_lacks_and_photos_that_cannot_be_read_are_told(outcome: MakeOutcome) -> None:
    figures = figures_of(right(outcome, 40), absent={"decisions": "the pack is not calibrated"}, skipped=1)

    assert "similarities only: the pack is not calibrated." in told(figures)
    assert "1 photo could not be used" in told(figures)


def test_the_screen_tells_how_well_each_word_keeps_its_promise(outcome: MakeOutcome) -> None:
    probable = [outcome("a", first, decision="probably", confidence=0.8, kind="known") for first in "aaab"]
    strangers = others(outcome, 2, "probably")
    screen = " ".join(line.strip() for line in report_lines(figures_of([*probable, *strangers]), [], width=100))

    assert "0 identified rightly, 0 wrongly; 3 probably rightly, 1 wrongly; 0 ambiguous" in screen
    assert "2 of 2 accepted (100.0 %): 0 identified, 2 probably, 0 ambiguous; 0 rightly called unknown" in screen
    assert "of the answers called probably, 50.0 % are right; the word promises 75 %" in screen
    assert "called identified" not in screen  # no answer was
    assert "0.0 % identified, 100.0 % identified or probably, 100.0 % accepted" in screen


def test_the_screen_counts_photos_of_other_things_as_photos_and_fits_its_width(outcome: MakeOutcome) -> None:
    lines = list(report_lines(figures_of([*right(outcome, 3), *others(outcome, 67)]), ["Do this."], width=100))

    assert lines[0] == "70 photos: 3 of things in the pack, 67 of other things"
    assert any("0 of 67 accepted" in line for line in lines)
    assert any("of those with the right reference first: 100.0 % identified" in line for line in lines)
    (known,) = [line.split() for line in lines if line.startswith("known ")]
    assert known == ["known", "3", "100.0", "%", "3/0", "0/0", "0", "0", "0", "-"]
    (other,) = [line.split() for line in lines if line.startswith("other ")]
    assert other == ["other", "0", "-", "-", "-", "-", "-", "67", "0"]
    assert not [line for line in lines if "queries" in line or len(line) > 100]
    assert lines[-2:] == ["what to do next:", "- Do this."]
