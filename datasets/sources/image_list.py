"""`image-list:FILE`: pictures named in a text file, with as many facts as the maker has.

Two dialects, told apart by the first row that is no comment. If one of its columns is named exactly `path`,
the file is a CSV with a header; otherwise every line is `path[,label[,category[,subcategory]]]`.

What a newcomer would get wrong: rows that name one id are several pictures of *one* reference, whose facts
may stand in any of the rows, so that the whole list is read before the first picture comes out. A row that
names an absent file is no error of the list: the picture is skipped later, with its path and the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from edge_identify.datasets.sources.list_rows import ListRow, read_list_rows
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference

_LABELS = ("label", "category", "subcategory")
_OWN_COLUMNS = frozenset({"path", "id", "name", "namespace", "lat", "lng", "url", "licence", *_LABELS})


@dataclass(frozen=True, slots=True)
class ImageList:
    """A list of pictures.

    Paths are absolute or relative to the list's folder. Without an `id` column, or where it is blank, the id
    is the relative path without its ending (of an absolute path, the file's stem).

    Attributes:
        file: The list, UTF-8, with or without a byte order mark.
    """

    file: Path

    def images(self) -> Iterator[SourceImage]:
        """Yield the pictures in the order of the list, each with all that the list knows of its reference.

        Raises:
            SetupError: The list is missing, empty or malformed, names a picture twice, or says two different
                things of one reference. The message names the lines.
        """
        folder = self.file.parent.absolute()
        rows = [_Picture.of(row, folder=folder) for row in read_list_rows(self.file)]
        if not rows:
            raise SetupError(f"{self.file}: names no picture; write one path on each line")
        _refuse_repeated_paths(self.file, rows)
        references = {group.id: group.as_reference() for group in _group_by_id(self.file, rows)}
        for row in rows:
            yield SourceImage(path=row.path, reference=references[row.id])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    # One row, its path made absolute and its id settled.
    line: int
    path: Path
    id: str
    has_own_id: bool
    facts: Mapping[str, str]

    @classmethod
    def of(cls, row: ListRow, *, folder: Path) -> _Picture:
        written = PurePath(row.facts["path"])
        own_id = row.facts.get("id", "")
        return cls(
            line=row.line,
            path=Path(os.path.normpath(folder / written)),
            id=own_id or _id_from(written),
            has_own_id=bool(own_id),
            facts=row.facts,
        )


def _id_from(written: PurePath) -> str:
    if written.is_absolute():
        return written.stem
    tidy = PurePath(os.path.normpath(written))
    return (tidy.parent / tidy.stem).as_posix()


def _refuse_repeated_paths(file: Path, rows: Iterable[_Picture]) -> None:
    first: dict[Path, _Picture] = {}
    for row in rows:
        other = first.setdefault(row.path, row)
        if other is not row:
            raise SetupError(f"{file}: lines {other.line} and {row.line} name the same path {row.path}; delete one")


@dataclass(slots=True)
class _Group:
    # The rows of one reference so far: each field's text, and the line it was first read on.
    id: str
    first: _Picture
    facts: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def take(self, row: _Picture, *, file: Path) -> None:
        for column, text in row.facts.items():
            if column in ("path", "id") or not text:
                continue
            known = self.facts.setdefault(column, text)
            line = self.lines.setdefault(column, row.line)
            if known != text:
                raise SetupError(
                    f"{file}: lines {line} and {row.line} both describe {self.id!r} but differ in {column} "
                    f"({known!r} and {text!r}); make them agree, or give them different ids"
                )

    def as_reference(self) -> Reference:
        facts = self.facts
        own_name = self.id if self.first.has_own_id else self.first.path.stem
        return Reference(
            id=self.id,
            name=facts.get("name", own_name),
            namespace=facts.get("namespace", ""),
            labels={kind: facts[kind] for kind in _LABELS if kind in facts},
            latitude=float(facts["lat"]) if "lat" in facts else None,
            longitude=float(facts["lng"]) if "lng" in facts else None,
            url=facts.get("url"),
            licence=facts.get("licence"),
            attributes={column: text for column, text in facts.items() if column not in _OWN_COLUMNS},
        )


def _group_by_id(file: Path, rows: Iterable[_Picture]) -> Iterable[_Group]:
    groups: dict[str, _Group] = {}
    for row in rows:
        group = groups.setdefault(row.id, _Group(row.id, row))
        # Only an id that was written down says that two pictures show one thing: /a/front.jpg and
        # /b/front.jpg do not.
        if group.first is not row and not (row.has_own_id and group.first.has_own_id):
            raise SetupError(
                f"{file}: lines {group.first.line} and {row.line} would both get the id {row.id!r} from a "
                "file name; write a CSV with the columns path and id to say whether they show one thing"
            )
        group.take(row, file=file)
    return groups.values()
