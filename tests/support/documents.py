"""The documents that people read: their blocks, commands, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: In the order in which their commands are run.
GUIDES = tuple(
    ROOT / name
    for name in (
        "README.md",
        "docs/build.md",
        "docs/serve.md",
        "docs/signing.md",
        "docs/identify.md",
        "docs/recipes.md",
        "docs/development.md",
    )
)


def all_documents() -> list[Path]:
    """Return every document of the repository that is written for people."""
    folders = (ROOT, ROOT / "docs", ROOT / "docs/decisions", ROOT / "benchmarks", ROOT / ".github")
    return [
        *(path for folder in folders for path in sorted(folder.glob("*.md"))),
        ROOT / "edge_runtime/pack/FORMAT.md",
        ROOT / "edge_runtime/pack/PROTOCOL.md",
        *sorted((ROOT / "convert/builtin").glob("*.md")),
    ]


def blocks(document: Path, kind: str) -> list[str]:
    """Return the fenced blocks of a kind, such as `sh`."""
    text = document.read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def lines(document: Path, kind: str) -> list[str]:
    """Return the lines of all blocks of a kind, without the prompt."""
    return [line.removeprefix("$ ") for block in blocks(document, kind) for line in block.strip().splitlines()]


def prose(document: Path) -> str:
    """Return a document without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def links(document: Path) -> Iterator[str]:
    """Yield the targets of links that stay in the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
