"""The page: whole or not there, by itself, grouped, and safe from the names in it."""

import base64
import html.parser
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.edge_runtime.answers.html_report import HtmlReport, page_file
from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.decisions.place_evidence import PlaceEvidence
from edge_identify.edge_runtime.errors import PackDamagedError, PhotoError, SetupError
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable, write_thumbnails
from example_answers import ANSWERED_BY, CAT, DOG, WIDE, decided, placed, uncalibrated

FAILED = FailedPhoto(question="q.jpg", error=PhotoError("q.jpg: is not an image"))
VOID = {"meta", "img", "br", "link", "input"}


class Page(html.parser.HTMLParser):
    """A page as a browser takes it apart: elements with attributes, and text; tags must match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def attributes(self, tag: str, name: str) -> list[str]:
        return [str(attributes[name]) for found, attributes in self.elements if found == tag and name in attributes]


def webp(image: Image.Image, **metadata: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **metadata)
    return buffer.getvalue()


def brightest_band(source: str) -> int:
    """Return which of red, green and blue a JPEG of one colour in a `data:` URI is."""
    with Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/jpeg;base64,")))) as image:
        assert image.format == "JPEG"
        colour = image.getpixel((4, 4))
    assert isinstance(colour, tuple)
    return max(range(3), key=lambda band: colour[band])


def report(
    folder: Path, answers: Sequence[Identification | FailedPhoto], thumbnails: ThumbnailTable | None = None
) -> str:
    path = folder / "report.html"
    known = {} if thumbnails is None else {ANSWERED_BY.pack_name: thumbnails}
    with page_file(path) as file, HtmlReport(file, ANSWERED_BY, known, folder) as page:
        for answer in answers:
            page.show(answer)
        page.finish()
    assert [found.name for found in folder.iterdir() if found.suffix != ".sqlite"] == ["report.html"]
    return path.read_text(encoding="utf-8")


def test_photos_are_grouped_by_decision_with_counts(tmp_path: Path) -> None:
    answers: list[Identification | FailedPhoto] = [
        decided(Decision.UNKNOWN),
        FAILED,
        decided(Decision.IDENTIFIED),
        decided(Decision.AMBIGUOUS),
        decided(Decision.PROBABLY),
        decided(Decision.IDENTIFIED, DOG, CAT),
        uncalibrated(),
    ]
    text = report(tmp_path, answers)
    page = Page(text)

    groups = ["identified", "probably", "ambiguous", "unknown", "uncalibrated", "skipped"]
    assert page.attributes("h2", "id") == groups
    assert page.attributes("a", "href")[: len(groups)] == [f"#{group}" for group in groups]
    assert re.findall(r"<small>(\d+)</small>", text) == ["2", "1", "1", "1", "1", "1"]
    assert "What 7 photos show" in page.texts
    identified = text[text.index('<h2 id="identified">') : text.index('<h2 id="probably">')]
    assert identified.index("Seated cat, bronze") < identified.index('<p class="name">dog')  # in the photos' order


def test_a_group_without_photos_is_not_there_and_a_page_without_photos_is_whole(tmp_path: Path) -> None:
    assert Page(report(tmp_path, [FAILED])).attributes("h2", "id") == ["skipped"]
    assert "What 0 photos show" in Page(report(tmp_path, [])).texts


def test_each_photo_stands_beside_its_reference_and_its_look_alikes(tmp_path: Path) -> None:
    colours = {1: (250, 0, 0), 2: (0, 250, 0), 3: (0, 0, 250)}
    webps = [(number, webp(Image.new("RGB", (9, 9), colour))) for number, colour in colours.items()]
    write_thumbnails(tmp_path / "thumbnails.sqlite", webps)
    taken = (b"jpeg bytes",)
    with ThumbnailTable(tmp_path / "thumbnails.sqlite", side_px=96) as thumbnails:
        pages = {
            decision: Page(report(tmp_path, [replace(decided(decision, CAT, DOG, WIDE), thumbnails=taken)], thumbnails))
            for decision in Decision
        }
    sources = {decision: page.attributes("img", "src") for decision, page in pages.items()}

    jpeg = f"data:image/jpeg;base64,{base64.b64encode(b'jpeg bytes').decode()}"
    assert {decision: shown[0] for decision, shown in sources.items()} == dict.fromkeys(Decision, jpeg)
    seen = {decision: [brightest_band(source) for source in shown[1:]] for decision, shown in sources.items()}
    assert seen == {decision: [0] for decision in Decision} | {Decision.AMBIGUOUS: [0, 1, 2]}
    assert "Seated cat, bronze" in pages[Decision.PROBABLY].texts
    assert "nearest: Seated cat, bronze" in pages[Decision.UNKNOWN].texts
    assert pages[Decision.AMBIGUOUS].attributes("details", "open") == ["open"]


def test_a_reference_image_that_is_larger_than_the_pack_says_never_gets_into_a_page(tmp_path: Path) -> None:
    write_thumbnails(tmp_path / "thumbnails.sqlite", [(1, webp(Image.new("RGB", (4000, 4000))))])

    with (
        ThumbnailTable(tmp_path / "thumbnails.sqlite", side_px=96) as thumbnails,
        pytest.raises(PackDamagedError, match="4000 x 4000 pixels; a side may have 96 at most"),
    ):
        report(tmp_path, [decided(Decision.IDENTIFIED)], thumbnails)


def test_of_a_reference_image_only_its_look_gets_into_a_page(tmp_path: Path) -> None:
    image = webp(Image.new("RGB", (90, 60), (250, 0, 0)), xmp=b"<x>SECRET-PLACE</x>")
    assert b"SECRET-PLACE" in image
    write_thumbnails(tmp_path / "thumbnails.sqlite", [(1, image)])

    with ThumbnailTable(tmp_path / "thumbnails.sqlite", side_px=96) as thumbnails:
        page = Page(report(tmp_path, [decided(Decision.IDENTIFIED)], thumbnails))

    (source,) = page.attributes("img", "src")
    assert b"SECRET-PLACE" not in base64.b64decode(source.partition(",")[2])


def test_the_page_says_what_the_screen_says(tmp_path: Path) -> None:
    answers = [
        decided(Decision.IDENTIFIED),
        decided(Decision.PROBABLY, DOG, CAT),
        decided(Decision.AMBIGUOUS, CAT, DOG, shown=1),
    ]
    texts = Page(report(tmp_path, answers)).texts

    for said in (
        "identified, 92%",
        "probably, 82%: check it",
        "dog",
        "stands out from the runner-up by 0.03 in similarity (0.91; 1 is identical)",
        "cat-1 · museum · cat",
        "1.50000, -2.50000",
        "https://example.org/cat",
        "ambiguous, one of 2 look-alikes, all museum · cat",
        "or dog",
        "p.jpg",
    ):
        assert said in texts


def test_a_page_which_may_be_passed_on_does_not_say_where_the_photo_was_taken(tmp_path: Path) -> None:
    answers = [
        placed(decided(Decision.IDENTIFIED), accuracy_m=20),
        placed(decided(Decision.UNKNOWN), is_used=False),
        placed(uncalibrated(), is_used=False),
    ]

    page = report(tmp_path, answers)

    assert any(
        text.startswith("place: as the photo says, within 20 m; taken into account") for text in Page(page).texts
    )
    assert re.search(r"12\.3|76\.5|\baway\b|odds", page) is None


def test_the_photo_s_position_cannot_be_computed_from_a_page(tmp_path: Path) -> None:
    """The attacker has the pack, so the page must be the same for every position that leads to the same answer."""
    answer = placed(decided(Decision.IDENTIFIED))

    def page_at(latitude: float, metres_per_rank: float) -> str:
        assert answer.position is not None
        evidence = [
            PlaceEvidence(distance_m=metres_per_rank * match.rank, score=3000 / metres_per_rank, vision_confidence=0.5)
            for match in answer.matches
        ]
        matches = tuple(replace(match, place=one) for match, one in zip(answer.matches, evidence, strict=True))
        there = replace(answer, position=replace(answer.position, latitude=latitude), matches=matches)
        return report(tmp_path, [there])

    assert page_at(48.8601, 40.0) == page_at(48.8512, 2500.0) == page_at(-33.9, 90_000.0)


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</style><style>*{display:none}",
    "</li></ul></body>",
    "&lt;b&gt;",
    "a\x1b[2J\x9b31m\nb\u202egnp.exe",
    "\udcff",
)


def _photographed(answer: Identification, name: str) -> Identification:
    return replace(answer, question=name, thumbnails=(b"jpeg",))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_outside_are_text_and_nothing_else(tmp_path: Path, name: str) -> None:
    hostile = Reference(id=name, name=name, namespace=name, labels={name: name}, url=name, licence=name)
    answers: list[Identification | FailedPhoto] = [
        *(_photographed(decided(decision, hostile, hostile, shown=1), name) for decision in Decision),
        _photographed(uncalibrated(hostile), name),
        FailedPhoto(question=name, error=PhotoError(f"{name}: broken")),
    ]
    harmless = Reference(id="h", name="h", namespace="h", labels={"h": "h"}, url="h", licence="h")
    calm: list[Identification | FailedPhoto] = [
        *(_photographed(decided(decision, harmless, harmless, shown=1), "p") for decision in Decision),
        _photographed(uncalibrated(harmless), "p"),
        FailedPhoto(question="p", error=PhotoError("p: broken")),
    ]
    page = Page(report(tmp_path, answers))
    usual = Page(report(tmp_path, calm))

    assert [tag for tag, _ in page.elements] == [tag for tag, _ in usual.elements]
    for _, attributes in page.elements:
        assert not any(attribute.startswith("on") for attribute in attributes)
    assert all(text.replace("\n", "").isprintable() for text in page.texts)


@pytest.mark.parametrize(
    ("url", "is_linked"),
    [
        ("https://example.org/a?b=1&c=2", True),
        ("HTTP://example.org", True),
        ("javascript:alert(1)", False),
        ("JavaScript:alert(1)//https://", False),
        ("data:text/html,<script>", False),
        ("file:///etc/passwd", False),
        (" https://example.org", False),
    ],
)
def test_only_web_addresses_are_links(tmp_path: Path, url: str, is_linked: bool) -> None:
    page = Page(report(tmp_path, [decided(Decision.IDENTIFIED, replace(CAT, url=url), DOG)]))

    links = [link for link in page.attributes("a", "href") if not link.startswith("#")]
    assert links == ([url] if is_linked else [])
    assert page.attributes("a", "rel") == (["noopener noreferrer"] if is_linked else [])


def test_the_page_asks_for_nothing_and_runs_nothing(tmp_path: Path) -> None:
    text = report(tmp_path, [replace(decided(Decision.IDENTIFIED), thumbnails=(b"jpeg",))])
    page = Page(text)

    assert {"script", "link", "iframe", "form", "object"}.isdisjoint(tag for tag, _ in page.elements)
    assert all(source.startswith("data:image/") for source in page.attributes("img", "src"))
    assert not re.search(r"url\(|@import", text)
    (policy,) = [
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "width=device-width" in text
    assert "prefers-color-scheme: dark" in text


def test_a_place_that_cannot_be_written_is_found_at_once(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "report.html", "there is no folder"),
        (tmp_path / "a\0b.html", "cannot be written there"),
    ):
        with pytest.raises(SetupError, match=message), page_file(path):
            raise AssertionError("the run has begun")


def test_a_folder_that_refuses_is_an_error_of_the_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    refused = pytest.raises(SetupError, match=r"report\.html: cannot be written there .*Permission denied")
    with refused, page_file(tmp_path / "report.html"):
        raise AssertionError("the run has begun")


def test_a_run_that_fails_leaves_the_old_page_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")

    def fail() -> None:
        with page_file(tmp_path / "report.html") as file, HtmlReport(file, ANSWERED_BY, {}, tmp_path) as page:
            page.show(decided(Decision.IDENTIFIED))
            page.finish()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"
