"""A report as a browser gets it: valid, and without external resources."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.convert.evaluating.evaluation import Evaluation, Outcome
from edge_identify.convert.evaluating.evaluation_figures import report_figures
from edge_identify.convert.reporting.report_images import ReportImages
from edge_identify.convert.reporting.report_page import ReportPart, report_page

MakeOutcome = Callable[..., Outcome]
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&'
_VOID = {"img", "meta"}


class Reader(HTMLParser):
    """Records elements with their attributes and text, and checks that each one is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def read(self, page: str) -> Reader:
        self.feed(page)
        self.close()
        assert self._open == []
        return self

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def part(outcome: MakeOutcome, tmp_path: Path) -> ReportPart:
    photo = tmp_path / f"{HOSTILE.replace('/', '_')}.jpg"
    Image.new("RGB", (400, 300), (200, 30, 30)).save(photo)
    reference = tmp_path / "reference.png"
    Image.new("RGB", (300, 300), (30, 30, 200)).save(reference)
    outcomes = tuple(
        outcome(shows, HOSTILE, decision=decision, confidence=0.8, photo=str(photo), prepare_ms=3.0, kind=HOSTILE)
        for shows, decision in (
            ("b", "identified"),
            ("", "identified"),
            (HOSTILE, "unknown"),
            ("c", "ambiguous"),
            ("d", "probably"),
        )
    )
    evaluation = Evaluation(outcomes=outcomes, left_out=(), answer_ms=1.0)
    return ReportPart(
        title=HOSTILE,
        about=HOSTILE,
        figures=report_figures(evaluation, columns=["kind"]) | {"pack": {"false_accept_rate": 0.02}},
        names={HOSTILE: HOSTILE, "b": HOSTILE},
        images=ReportImages({HOSTILE: reference}),
        left_out=[HOSTILE],
    )


def test_hostile_names_are_shown_and_do_nothing(part: ReportPart) -> None:
    reader = Reader().read(report_page(HOSTILE, [part]))

    assert HOSTILE in reader.text
    assert not reader.all("script")
    assert all(not name.startswith("on") for _, attributes in reader.elements for name in attributes)
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in reader.all("img"))


def test_nothing_comes_from_elsewhere_and_the_page_forbids_it_to(part: ReportPart) -> None:
    page = report_page("Report", [part])
    reader = Reader().read(page)

    assert not re.search(r"https?:|url\(|@import|//[a-z]", re.sub(r"base64,[\w+/=]+", "", page))
    assert not {"link", "script", "iframe", "object", "a"} & {name for name, _ in reader.elements}
    (policy,) = [meta for meta in reader.all("meta") if meta.get("http-equiv")]
    assert str(policy["content"]).startswith("default-src 'none'")


def test_a_reader_without_eyes_is_told_what_images_tables_and_diagrams_show(part: ReportPart) -> None:
    reader = Reader().read(report_page("Report", [part]))

    assert reader.all("img")
    assert all(image["alt"] for image in reader.all("img"))
    assert len(reader.all("caption")) == len(reader.all("table")) > 2
    assert all(heading["scope"] in ("col", "row") for heading in reader.all("th"))
    drawings = [drawing for drawing in reader.all("svg") if drawing.get("role") == "img"]
    assert len(drawings) == 2
    assert "said 80%, right" in str(drawings[0]["aria-label"])


def test_each_figure_is_in_a_sentence(part: ReportPart) -> None:
    text = Reader().read(report_page("Report", [part])).text

    assert "Of 4 photos of things in the pack, 25.0 % have the right reference as their nearest one" in text
    assert "Of 1 photo of things that are not in the pack, 1 was accepted: 100.0 %" in text
    assert "built for 2.0 %" in text
    assert "1 was called probably, 0 of these rightly." in text
    assert "Of the answers called identified, 0.0 % are right; the word promises 95 %." in text
    assert "1 was accepted: 100.0 %" in text
    assert "1 identified, 0 probably, 0 ambiguous." in text
    assert "The stated confidence is wrong by" in text
    assert "2,000 resamples" in text


def test_the_numbers_that_matter_and_what_to_do_stand_before_everything_else(part: ReportPart) -> None:
    reader = Reader().read(report_page("Report", [replace(part, todo=["Run `edge-build doctor`."])]))
    places = [reader.text.index(words) for words in ("25 %", "1 of 1", "What to do next", "Of 4 photos of things")]

    assert places == sorted(places)
    assert "`" not in reader.text.split("What to do next")[1].split("Decisions")[0]
    assert reader.all("details") == [{}], "the sentences are closed until they are asked for"


def test_the_decisions_stand_in_their_order_of_certainty(part: ReportPart) -> None:
    reader = Reader().read(report_page("Report", [part]))
    table = reader.text.split("unknown is the right answer.")[1].split("By group")[0]
    places = [table.index(word) for word in ("identified, right", "probably, right", "ambiguous, right", "unknown")]

    assert places == sorted(places)
    bars = [str(mark["class"]) for mark in reader.all("rect") if mark.get("class") != "frame"]
    assert [name for name in bars if name.startswith("probably")] == [
        "probably-right",
        "probably-wrong",
        "probably-wrong",
    ]


def test_a_pack_that_never_says_probably_has_no_number_for_it(outcome: MakeOutcome) -> None:
    for decision, is_told in (("identified", False), ("probably", True)):
        evaluation = Evaluation(outcomes=(outcome("a", "a", decision=decision),), left_out=())
        figures = report_figures(evaluation, columns=[]) | {"pack": {}}
        plain = ReportPart(title="Pack", about="", figures=figures, names={}, images=ReportImages({}))
        assert ("with the word probably" in Reader().read(report_page("Report", [plain])).text) is is_told


def test_each_cell_names_its_column_for_narrow_screens(part: ReportPart) -> None:
    page = report_page("Report", [part])

    assert all(cell["data-heading"] for cell in Reader().read(page).all("td"))
    assert "content: attr(data-heading)" in page


def test_a_pack_without_calibration_says_what_is_absent_and_why(outcome: MakeOutcome) -> None:
    evaluation = Evaluation(outcomes=(outcome("a", "a"), outcome("a", "b"), outcome("", "b")), left_out=())
    figures = report_figures(evaluation, columns=[]) | {"absent": {"decisions": "the pack is not calibrated"}}
    plain = ReportPart(title="Pack", about="", figures=figures, names={}, images=ReportImages({}))

    reader = Reader().read(report_page("Report", [plain]))

    assert "decisions: the pack is not calibrated." in reader.text
    assert "higher similarity" in reader.text
    assert not [drawing for drawing in reader.all("svg") if drawing.get("role") == "img"]
    assert "--catalogue FILE" in reader.text
