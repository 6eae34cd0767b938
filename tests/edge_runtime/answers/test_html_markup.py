"""Text from outside cannot become markup."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from edge_identify.edge_runtime.answers.html_markup import GAP, Markup, element, join, with_code


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(), st.text())
def test_any_text_stays_text_inside_an_element_and_inside_an_attribute(text: str, value: str) -> None:
    reader = Reader()
    reader.feed(element("p", text, title=value))
    reader.close()

    assert [name for name, _ in reader.elements] == ["p"]
    assert set(reader.elements[0][1]) == {"title"}
    if text.isprintable() and value.isprintable():
        assert reader.text == text
        assert reader.elements[0][1]["title"] == value


def test_markup_is_kept_and_text_beside_it_is_escaped() -> None:
    assert join(element("b", "<"), "&") == "<b>&lt;</b>&amp;"
    assert isinstance(join("a"), Markup)


def test_attributes_that_are_none_are_left_out_and_names_are_those_of_html() -> None:
    assert element("img", src="x", alt=None, class_="a", aria_label="b") == '<img src="x" class="a" aria-label="b">'


def test_line_ends_and_lone_surrogates_are_written_as_escapes() -> None:
    assert element("p", "a\nb\udcff\x1b") == "<p>a\\nb\\udcff\\x1b</p>"


def test_a_gap_is_left_by_nobody_from_outside() -> None:
    page = element("p", "a\0b", GAP, title="\0")

    assert page == '<p title="\\x00">a\\x00b\0</p>'
    assert page.count(GAP) == 1


def test_what_stands_between_backticks_is_code_and_still_only_text() -> None:
    assert with_code("run `a <b>` now") == "run <code>a &lt;b&gt;</code> now"
    assert with_code("one ` alone <b>") == "one ` alone &lt;b&gt;"
