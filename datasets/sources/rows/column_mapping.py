"""Which column of a table has which field: by the maker's mapping, or by the column's name.

A mapped column that is missing is an error, since it is a typing mistake. The message lists the columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError

#: Column names of each field without a mapping, likeliest first. For `a.b` the last part counts.
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

#: The same for the image itself, in tables of files and in tables of URLs.
PATH_KNOWN_AS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image_path", "image", "picture")
ADDRESS_KNOWN_AS = ("image_url", "picture_url", "photo_url", "url", "image", "picture", "src", "href")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """The meaning of a table's columns.

    Attributes:
        columns: Column by field. Other fields are found by column name.
        attributes: Columns that become attributes, even if a field uses them too.
        all_attributes: Whether every column without a field becomes an attribute.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    all_attributes: bool = False


def parse_mapping(texts: Sequence[str]) -> dict[str, str]:
    """Parse texts such as `id=code,name=title`; return the column by field.

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
    """The columns of a table by field.

    Attributes:
        columns: Column by field, including `image`.
        attributes: Columns that become attributes of the same name.
    """

    columns: Mapping[str, str]
    attributes: tuple[str, ...]

    def facts(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return a row's values by field and attribute, without `image`."""
        fields = {name: values[column] for name, column in self.columns.items() if column in values}
        fields.pop("image", None)
        return {name: values[name] for name in self.attributes if name in values} | fields


def resolve_columns(
    file: Path,
    present: Sequence[str],
    mapping: ColumnMapping,
    *,
    image_field: str,
    image_known_as: Sequence[str],
    page: str = "url",
) -> ResolvedColumns:
    """Return the column of each field.

    Args:
        file: The table, for messages.
        present: Its columns.
        mapping: The maker's mapping.
        image_field: Name of the image's field in a mapping: `path` or `url`.
        image_known_as: Known column names of that field.
        page: Name of the field for the page about the reference, in a mapping.

    Raises:
        SetupError: A field is unknown, a column is missing, or no column has the images.
    """
    inner_names = {image_field: "image", page: "url", **{name: name for name in _KNOWN_AS if name != "url"}}
    _refuse_unknown(file, present, mapping, fields=tuple(inner_names))
    columns = {inner_names[name]: column for name, column in mapping.columns.items()}
    for name, known_as in {"image": image_known_as, **_KNOWN_AS}.items():
        found = None if name in columns else _find(known_as, [each for each in present if each not in columns.values()])
        if found is not None:
            columns[name] = found
    if "image" not in columns:
        raise SetupError(
            f"{file}: no column is known as the {image_field} of an image; give it with --map {image_field}=COLUMN. "
            f"Columns: {_listed(present)}"
        )
    rest = [name for name in present if name not in columns.values()] if mapping.all_attributes else []
    attributes = tuple(dict.fromkeys((*mapping.attributes, *rest)))
    _refuse_taken(file, attributes)
    return ResolvedColumns(columns=columns, attributes=attributes)


def known_columns(mapping: ColumnMapping, image_known_as: Sequence[str]) -> Callable[[Sequence[Sequence[str]]], float]:
    """Return what counts the known columns of a header: a parse with the right separator has the most of them."""
    names = {*image_known_as, *(name for known_as in _KNOWN_AS.values() for name in known_as)}
    mapped = {*mapping.columns.values(), *mapping.attributes}

    def count(records: Sequence[Sequence[str]]) -> float:
        return sum(column in mapped or plain_name(column.rpartition(".")[2]) in names for column in records[0])

    return count


def _refuse_unknown(file: Path, present: Sequence[str], mapping: ColumnMapping, *, fields: Sequence[str]) -> None:
    for name, column in mapping.columns.items():
        if name not in fields:
            raise SetupError(f"--map {name}={column}: there is no field {name!r}; the fields are {', '.join(fields)}")
    for column in (*mapping.columns.values(), *mapping.attributes):
        if column not in present:
            raise SetupError(f"{file}: has no column {column!r}; columns: {_listed(present)}")


def _refuse_taken(file: Path, attributes: Sequence[str]) -> None:
    # Attributes and fields share one dictionary until the reference is made.
    for name in attributes:
        if name in _KNOWN_AS:
            raise SetupError(
                f"{file}: the column {name!r} cannot become an attribute, because a reference has a field of that "
                f"name; rename the column, or map it with --map {name}={name}"
            )


def _find(known_as: Sequence[str], present: Sequence[str]) -> str | None:
    by_plain_name: dict[str, str] = {}
    for column in present:
        by_plain_name.setdefault(plain_name(column), column)
        by_plain_name.setdefault(plain_name(column.rpartition(".")[2]), column)
    return next((by_plain_name[name] for name in known_as if name in by_plain_name), None)


@lru_cache(maxsize=1024)  # asked for each row of a table
def plain_name(column: str) -> str:
    """Return a column's name without case, spaces and punctuation: `Valid until` is `valid_until`."""
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "none"
