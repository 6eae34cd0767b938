"""The HTML report: one file with photos and answers, without scripts and without requests to anywhere.

Each answer is written to the temporary file of its group at once, so memory does not grow. Trap: a photo may be called
`<script>`. `html_markup` escapes all text, and the page's Content-Security-Policy forbids everything it does not need.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol

from edge_identify.edge_runtime.answers.html_markup import GAP, Markup, document, element, join, style_sheet
from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification, Match
from edge_identify.edge_runtime.answers.tally import Tally
from edge_identify.edge_runtime.answers.wording import (
    decision_in_words,
    facts,
    filters_in_words,
    kind_in_words,
    own_in_words,
    pack_in_words,
    places_in_words,
    points_in_words,
    reason,
    together_in_words,
)
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.io.counted import counted, plural
from edge_identify.edge_runtime.io.output_files import check_writable
from edge_identify.edge_runtime.io.output_writes import output_file
from edge_identify.edge_runtime.photos.small_jpegs import small_jpeg

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.answered_by import AnsweredBy
    from edge_identify.edge_runtime.pack.references import Reference
    from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable

_UNCALIBRATED, _SKIPPED = "uncalibrated", "skipped"

#: Title and explanation of each group, in the page's order.
_GROUPS = {
    Decision.IDENTIFIED.value: ("Identified", "Each shows the reference beside it."),
    Decision.PROBABLY.value: ("Probably", "Each probably shows the reference beside it: check it."),
    Decision.AMBIGUOUS.value: ("Ambiguous", "Each shows one of a few look-alikes that cannot be told apart."),
    Decision.UNKNOWN.value: (
        "Unknown",
        "Nothing in the pack looks similar enough. The nearest reference is no answer.",
    ),
    _UNCALIBRATED: ("Not calibrated", "This pack gives no probabilities: these are the nearest references."),
    _SKIPPED: ("Skipped", "These could not be used."),
}
_MOST_LOOK_ALIKES = 4  # images of look-alikes beside a photo; all look-alikes are named

_STYLE = """
:root { color-scheme: light dark; --line: #ccc; --faint: #666; --card: #fff; --page: #f4f4f4; --ink: #111;
  --identified: #1a7f37; --probably: #0969a2; --ambiguous: #9a6700; --unknown: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --faint: #aaa; --card: #222; --page: #111; --ink: #eee;
  --identified: #4ac26b; --probably: #58b4e8; --ambiguous: #d4a72c; --unknown: #ff8182; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.4 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { margin-top: 2rem; }
a { color: inherit; }
nav a { margin-right: 1rem; white-space: nowrap; }
ul.answers { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
li.answer { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem;
  overflow-wrap: anywhere; content-visibility: auto; contain-intrinsic-size: auto 20rem; }
.pictures { display: flex; gap: .5rem; align-items: flex-start; margin-bottom: .5rem; overflow-x: auto; }
figure { margin: 0; flex: 1 1 0; min-width: 6rem; max-width: 50%; }
figure img { width: 100%; height: auto; border-radius: .25rem; display: block; }
figcaption, .faint { color: var(--faint); font-size: .85rem; }
li p { margin: .25rem 0; }
.name { font-weight: bold; font-size: 1.1rem; }
.identified .decision { color: var(--identified); } .probably .decision { color: var(--probably); }
.ambiguous .decision { color: var(--ambiguous); }
.unknown .decision, .skipped .decision { color: var(--unknown); }
.unknown figure + figure img { opacity: .6; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; }
td, th { text-align: left; padding: .1rem .5rem .1rem 0; vertical-align: top; font-weight: normal; }
td.figure, th.figure { text-align: right; white-space: nowrap; }
"""


@contextmanager
def page_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that becomes `path` when the block ends without an error; check at once that it can be written.

    A device, a FIFO or standard output is written into.

    Raises:
        SetupError: The path is a folder, lies in none, or its folder cannot be written to.
    """
    check_writable(path, "--html")
    with output_file(path) as file:
        yield file


class SupportsWrite(Protocol):
    """Where the page is written."""

    def write(self, data: bytes, /) -> object:
        """Write a part of it."""


class HtmlReport:
    """The page, written as answers come. Use it as a context manager."""

    def __init__(
        self,
        file: SupportsWrite,
        answered_by: AnsweredBy | None,
        thumbnails: Mapping[str, ThumbnailTable],
        folder: Path | None,
    ) -> None:
        """Begin.

        Args:
            file: The page is written here when it is finished; see `page_file`.
            answered_by: The pack and encoder of all answers; None if several packs were asked: each names its own.
            thumbnails: The thumbnails of reference images by the name of their pack; packs without are missing.
            folder: Holds the temporary files; None for the folder that the system has for them.
        """
        self._file, self._answered_by, self._thumbnails = file, answered_by, thumbnails
        self._tally = Tally()
        self._counts = dict.fromkeys(_GROUPS, 0)
        with ExitStack() as stack:
            self._parts: Mapping[str, IO[bytes]] = {
                group: stack.enter_context(tempfile.TemporaryFile(dir=folder)) for group in _GROUPS
            }
            self._closing = stack.pop_all()

    def __enter__(self) -> HtmlReport:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @property
    def shows_photos(self) -> bool:
        """True if the report needs a thumbnail of each photo."""
        return True

    def show(self, answer: Identification | FailedPhoto) -> None:
        """Write an answer to its group."""
        self._tally.add(answer)
        group = _group_of(answer)
        self._counts[group] += 1
        card = _card(answer, self._thumbnails, names_pack=self._answered_by is None)
        self._parts[group].write(card.encode())

    def finish(self) -> None:
        """Write the page: its head with the counts, then the groups."""
        shown = [group for group in _GROUPS if self._counts[group]]
        sections = (_section(group, self._counts[group]) for group in shown)
        body = join(_header(self._tally, self._counts), *sections)
        start, *between = document(head=_head(self._tally), body=body).split(GAP)
        self._file.write(start.encode())
        for group, following in zip(shown, between, strict=True):
            self._parts[group].seek(0)
            shutil.copyfileobj(self._parts[group], self._file)
            self._file.write(following.encode())


def _group_of(answer: Identification | FailedPhoto) -> str:
    if isinstance(answer, FailedPhoto):
        return _SKIPPED
    return answer.decision.value if answer.decision else _UNCALIBRATED


def _section(group: str, count: int) -> Markup:
    """Return a group with its heading, and a gap for its answers."""
    title, explanation = _GROUPS[group]
    heading = element("h2", f"{title} ", element("small", str(count)), id=group)
    return element("section", heading, element("p", explanation), element("ul", GAP, class_="answers"), class_=group)


def _head(tally: Tally) -> Markup:
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return join(
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="referrer", content="no-referrer"),
        element("title", _title(tally)),
        style_sheet(_STYLE),
    )


def _title(tally: Tally) -> str:
    count = tally.asked + tally.further_photos
    return f"What {counted(count, 'photo')} {plural(count, 'shows', 'show')}"


def _header(tally: Tally, counts: Mapping[str, int]) -> Markup:
    links = (
        join(element("a", f"{counts[group]} {title.lower()}", href=f"#{group}"), " ")  # a line may end between them
        for group, (title, _) in _GROUPS.items()
        if counts[group]
    )
    return element("header", element("h1", _title(tally)), _faint(_who_answered(tally)), element("nav", *links))


def _who_answered(tally: Tally) -> str:
    if not tally.answered:
        return "No photo could be answered."
    by = ", ".join(f"{name} {version} by {variant}" for name, version, variant in tally.packs)
    packs = plural(len(tally.packs), "pack", "packs")
    return f"Answered from the {packs} {by}, {1000 * tally.times.total / tally.answered:.0f} ms each."


def _card(
    answer: Identification | FailedPhoto, thumbnails: Mapping[str, ThumbnailTable], *, names_pack: bool
) -> Markup:
    if isinstance(answer, FailedPhoto):
        said = element("p", str(answer.error), class_="decision")
        return element("li", said, _faint(answer.question), class_="answer")
    pictures = [_figure(image, "photo", path) for path, image in zip(answer.questions, answer.thumbnails, strict=False)]
    pictures.extend(_reference_figures(answer, thumbnails.get(answer.pack_name)))
    row = element("div", *pictures, class_="pictures") if pictures else join()
    pack = _faint(pack_in_words(answer)) if names_pack else join()
    return element("li", row, _said(answer), pack, _faint(_asked(answer)), class_="answer")


def _faint(text: str) -> Markup:
    return element("p", text, class_="faint")


def _asked(answer: Identification) -> str:
    return together_in_words(answer.questions) or answer.question


def _figure(jpeg: bytes, caption: str, alternative: str) -> Markup:
    address = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return element(
        "figure", element("img", src=address, alt=alternative, loading="lazy"), element("figcaption", caption)
    )


def _reference_figures(found: Identification, thumbnails: ThumbnailTable | None) -> Iterator[Markup]:
    if thumbnails is None:
        return
    count = 1 if found.look_alikes is None else min(_MOST_LOOK_ALIKES, len(found.look_alikes.references))
    for match in found.matches[:count]:
        picture = None if match.index_id is None else thumbnails.image(match.index_id)
        if picture is not None:
            near = "nearest: " if found.decision in (Decision.UNKNOWN, None) else ""
            yield _figure(small_jpeg(picture), near + match.reference.name, match.reference.name)


def _said(found: Identification) -> Markup:
    reference = found.matches[0].reference
    name = element("p", reference.name, class_="name") if found.is_named else join()
    own = filter(None, [own_in_words(found.matches[0])])
    known = (element("p", fact) for fact in (*own, *_facts(reference))) if found.is_named else ()
    decision = element("p", decision_in_words(found), class_="decision")
    return join(name, decision, *known, *_evidence(found), _others(found, 1 if found.is_named else 0))


def _evidence(found: Identification) -> Iterator[Markup]:
    """Yield what the screen says too: why, what was compared, how far away it was taken, who might answer."""
    places = places_in_words(found, with_coordinates=False)  # a page is passed on
    told = (reason(found), kind_in_words(found), points_in_words(found), *places, filters_in_words(found))
    return (_faint(text) for text in told if text)


def _facts(reference: Reference) -> Iterator[str]:
    for fact in facts(reference):
        # Another kind of address may run a script, or open a program.
        if fact == reference.url and fact.lower().startswith(("http://", "https://")):
            yield element("a", fact, href=fact, rel="noopener noreferrer")
        else:
            yield fact


def _others(found: Identification, first: int) -> Markup:
    """Return the matches from position `first` on as a table that opens on a tap."""
    matches = found.matches[first:]
    if not matches:
        return join()
    title = element("summary", "runners-up" if first else "the nearest")
    table = element("table", _table_head(matches), *map(_row, matches))
    return element("details", title, table, _unseen(found), open=None if found.look_alikes is None else "open")


def _unseen(found: Identification) -> Markup:
    """Return the names of the look-alikes past the matches that were asked for."""
    rest = () if found.look_alikes is None else found.look_alikes.references[len(found.matches) :]
    return element("p", f"or {', '.join(reference.name for reference in rest)}") if rest else join()


def _table_head(matches: Sequence[Match]) -> Markup:
    probability = join() if matches[0].confidence is None else element("th", "probability", class_="figure")
    return element("tr", element("th", "similarity", class_="figure"), probability, element("th", "reference"))


def _row(match: Match) -> Markup:
    probability = join() if match.confidence is None else element("td", f"{match.confidence:.0%}", class_="figure")
    kind = " · ".join(facts(match.reference)[:1])
    about = join(" ", element("span", kind, class_="faint")) if kind else join()
    score = element("td", f"{match.score:.2f}", class_="figure")
    return element("tr", score, probability, element("td", match.reference.name, about))
