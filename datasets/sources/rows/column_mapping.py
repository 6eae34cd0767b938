"""Which column of a table says what of a reference: as the maker mapped it, or by its name.

What a newcomer would get wrong: a column that was named in the mapping and is not there is a typing mistake, and
building a pack without it would hide that. The error lists the columns that there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError

#: Names by which a field is known without a mapping, the likeliest first. `a.b` counts by its last part.
_KNOWN_AS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "code", "key", "reference_id", "flash_id", "product_id", "sku"),
    "name": ("name", "title", "flash_name", "product_name"),
    "namespace": ("namespace",),
    "label": ("label", "class"),
    "category": ("category",),
    "subcategory": ("subcategory",),
    "lat": ("lat", "latitude"),
    "lng": ("lng", "lon", "long", "longitude"),
    "url": ("url", "link", "page", "page_url", "homepage"),
    "licence": ("licence", "license"),
    "provenance": ("provenance", "source_url", "attribution", "credit"),
}

#: The same for the picture itself, in tables of files and in tables of addresses.
PATH_KNOWN_AS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image_path", "image", "picture")
ADDRESS_KNOWN_AS = ("image_url", "picture_url", "photo_url", "url", "image", "picture", "src", "href")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """What a maker says about the columns of a table.

    Attributes:
        columns: The column by field; fields that are not in it are found by their names.
        attributes: Which other columns become attributes; a column that is named here is one even if a field has it.
        all_attributes: Whether every column that no field has becomes an attribute.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    all_attributes: bool = False


def parse_mapping(texts: Sequence[str]) -> dict[str, str]:
    """Turn `id=code,name=title` into the column by field.

    Raises:
        SetupError: A part is not `FIELD=COLUMN`, or a field is mapped twice.
    """
    columns: dict[str, str] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not (name and equals and column):
            raise SetupError(f"--map {part!r}: write FIELD=COLUMN, such as id=code")
        if name in columns:
            raise SetupError(f"--map: {name} is mapped to {columns[name]!r} and to {column!r}; leave one out")
        columns[name] = column
    return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedColumns:
    """Where a table says what.

    Attributes:
        columns: The column by field, `picture` among them.
        attributes: Columns whose value becomes the attribute of that name.
    """

    columns: Mapping[str, str]
    attributes: tuple[str, ...]

    def facts(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return what a row says, by field and by attribute, `picture` left out."""
        fields = {name: values[column] for name, column in self.columns.items() if column in values}
        fields.pop("picture", None)
        return {name: values[name] for name in self.attributes if name in values} | fields


def resolve_columns(
    file: Path,
    present: Sequence[str],
    mapping: ColumnMapping,
    *,
    picture: str,
    image_known_as: Sequence[str],
    page: str = "url",
) -> ResolvedColumns:
    """Find out which column says what.

    Args:
        file: The table, for messages.
        present: Its columns.
        mapping: What the maker said.
        picture: What the maker calls the field of the picture itself: `path` or `url`.
        image_known_as: The names by which its column is known.
        page: What the maker calls the field of the page about the reference.

    Raises:
        SetupError: A field that does not exist, a column that is not there, or none for the pictures.
    """
    inner_names = {picture: "picture", page: "url", **{name: name for name in _KNOWN_AS if name != "url"}}
    _refuse_unknown(file, present, mapping, fields=tuple(inner_names))
    columns = {inner_names[name]: column for name, column in mapping.columns.items()}
    for name, known_as in {"picture": image_known_as, **_KNOWN_AS}.items():
        found = None if name in columns else _find(known_as, [each for each in present if each not in columns.values()])
        if found is not None:
            columns[name] = found
    if "picture" not in columns:
        raise SetupError(
            f"{file}: no column is known to hold the {picture} of a picture; say which with --map {picture}=COLUMN. "
            f"There are: {_listed(present)}"
        )
    rest = [name for name in present if name not in columns.values()] if mapping.all_attributes else []
    attributes = tuple(dict.fromkeys((*mapping.attributes, *rest)))
    _refuse_taken(file, attributes)
    return ResolvedColumns(columns=columns, attributes=attributes)


def _refuse_unknown(file: Path, present: Sequence[str], mapping: ColumnMapping, *, fields: Sequence[str]) -> None:
    for name, column in mapping.columns.items():
        if name not in fields:
            raise SetupError(f"--map {name}={column}: there is no field {name!r}; the fields are {', '.join(fields)}")
    for column in (*mapping.columns.values(), *mapping.attributes):
        if column not in present:
            raise SetupError(f"{file}: has no column {column!r}; there are: {_listed(present)}")


def _refuse_taken(file: Path, attributes: Sequence[str]) -> None:
    # Attributes and fields share the row's names until the reference is made.
    for name in attributes:
        if name in _KNOWN_AS:
            raise SetupError(
                f"{file}: the column {name!r} cannot become an attribute, because a reference has a field of that "
                f"name; rename the column, or map it with --map {name}={name}"
            )


def _find(known_as: Sequence[str], present: Sequence[str]) -> str | None:
    by_plain_name: dict[str, str] = {}
    for column in present:
        by_plain_name.setdefault(_plain(column), column)
        by_plain_name.setdefault(_plain(column.rpartition(".")[2]), column)
    return next((by_plain_name[name] for name in known_as if name in by_plain_name), None)


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "none"
