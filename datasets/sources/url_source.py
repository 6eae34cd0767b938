"""`urls:FILE`: images at URLs in a list or a table, fetched into a cache folder.

A row without a usable URL and an image that cannot be fetched are no errors of the list: they are marked, skipped later
with the reason, and counted.

Security: a URL may contain a secret under any parameter name. A URL with a query, fragment or parameters is fetched,
but not written into packs, unless `publishes_queries` is set. Signed URLs are never written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, unquote, urlsplit

from edge_identify.datasets.sources.fetching.bulk_fetching import Fetched, FetchPolicy, fetch_all
from edge_identify.datasets.sources.fetching.image_cache import ImageCache
from edge_identify.datasets.sources.rows.column_mapping import (
    ADDRESS_KNOWN_AS,
    ColumnMapping,
    known_columns,
    resolve_columns,
)
from edge_identify.datasets.sources.rows.described_images import (
    IMAGE_URL,
    DescribedImage,
    RefusedRow,
    described_rows,
    gather,
    without_contradictions,
    without_repeats,
)
from edge_identify.datasets.sources.rows.row_facts import RowError, checked_facts, given
from edge_identify.datasets.sources.rows.table_rows import TABLE_SUFFIXES, TableRow, read_table
from edge_identify.datasets.sources.rows.text_files import read_text_file
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.io.public_addresses import LookUp, look_up

FetchProgress = Callable[["Outcomes"], Iterable[Fetched]]

_IMAGE = ""  # key of a row's URL beside its facts; no column has this name
_SIGNATURES = frozenset({"x-amz-signature", "x-goog-signature", "signature", "sig", "token", "access_token"})


@dataclass(frozen=True, slots=True)
class Urls:
    """A list of URLs, one on each line (`#` begins a comment), or a table with a column of URLs.

    The default id is the last part of the URL's path without its suffix. A reference's attribute `image_url` is the URL
    of its first image. An image's provenance is its URL. Both are left out if the URL may contain a secret.

    Attributes:
        file: The list or table; a table's suffix is its format.
        mapping: The meaning of columns; `url` is the image's URL, `page` the reference's page.
        cache: Where fetched images go.
        policy: Workers, retries and limits.
        progress: Wraps the iteration over the outcomes.
        resolve: Resolves host names.
        publishes_queries: Whether URLs with a query, fragment or parameters are written into packs. Signed URLs never
            are.
    """

    file: Path
    mapping: ColumnMapping
    cache: ImageCache
    policy: FetchPolicy = field(default_factory=FetchPolicy)
    progress: FetchProgress = iter
    resolve: LookUp = look_up
    publishes_queries: bool = False

    def images(self) -> Iterator[SourceImage]:
        """Fetch the images and yield them in the order of the list.

        A row that cannot be used, repeats a URL or contradicts an earlier row is an image with a problem.

        Raises:
            SetupError: The list is missing, empty or malformed as a whole. Nothing is fetched then.
            OSError: The cache cannot be written.
        """
        rows, rows_are = self._rows()
        if not rows:
            raise SetupError(f"{self.file}: contains no URL; write one on each line")
        described = described_rows(self.file, rows, self._describe, rows_are=rows_are)
        distinct = without_repeats(self.file, described, rows_are=rows_are, key=lambda row: row.origin, what="URL")
        settled = without_contradictions(self.file, distinct, rows_are=rows_are, image_column="url")
        problems = self._fetch([row.origin for row in settled if isinstance(row, DescribedImage) and row.origin])
        fetched = [
            row if isinstance(row, RefusedRow) else replace(row, problem=problems.get(row.origin or ""))
            for row in settled
        ]
        yield from gather(self.file, fetched, rows_are=rows_are, image_column="url")

    def _fetch(self, addresses: Sequence[str]) -> dict[str, str]:
        outcomes = Outcomes(addresses, fetch_all(addresses, self.cache, self.policy, resolve=self.resolve))
        return {each.address: each.problem for each in self.progress(outcomes) if each.problem is not None}

    def _rows(self) -> tuple[Sequence[TableRow], str]:
        """Return the rows, each with the URL as `image`, and what they are called."""
        if not self._is_table():
            return self._list_rows(), "lines"
        table = read_table(self.file, known_columns(self.mapping, ADDRESS_KNOWN_AS))
        columns = resolve_columns(
            self.file, table.columns, self.mapping, image_field="url", image_known_as=ADDRESS_KNOWN_AS, page="page"
        )
        image = columns.columns["image"]
        return [
            replace(row, values={**columns.facts(row.values), _IMAGE: row.values.get(image, "")}) for row in table.rows
        ], table.rows_are

    def _is_table(self) -> bool:
        suffix = self.file.suffix.lower()
        if suffix != ".txt":
            return suffix in TABLE_SUFFIXES
        first = next((line for line in self._lines() if line and not line.startswith("#")), "")
        return "\t" in first and "://" not in first  # a header

    def _lines(self) -> list[str]:
        return [line.strip() for line in read_text_file(self.file).splitlines()]

    def _list_rows(self) -> list[TableRow]:
        return [
            TableRow(number=number, values={_IMAGE: line})
            for number, line in enumerate(self._lines(), start=1)
            if line and not line.startswith("#")
        ]

    def _describe(self, row: TableRow) -> DescribedImage:
        address = _checked(given(row.values[_IMAGE]))
        facts = checked_facts({name: text for name, text in row.values.items() if name != _IMAGE})
        own_id = facts.pop("id", "")
        path = PurePosixPath(unquote(urlsplit(address).path))
        stem = composed(path.stem) or urlsplit(address).netloc
        return DescribedImage(
            row=row.number,
            path=self.cache.path(address),
            id=own_id or stem,
            has_own_id=bool(own_id),
            stem=stem,
            facts=self._published(address) | facts,
            origin=address,
            source_path=composed(path.name) or None,
        )

    def _published(self, address: str) -> dict[str, str]:
        parts = urlsplit(address)
        is_bare = not (parts.query or parts.fragment or ";" in parts.path)
        is_told = is_bare or (self.publishes_queries and not _is_signed(parts.query))
        return {IMAGE_URL: address, "provenance": address} if is_told else {}


class Outcomes:
    """The outcomes of fetching, with a known length for progress bars."""

    def __init__(self, addresses: Sequence[str], outcomes: Iterator[Fetched]) -> None:
        """Take the URLs and the iterator over their outcomes."""
        self._count = len(addresses)
        self._outcomes = outcomes

    def __len__(self) -> int:
        """Return the number of outcomes."""
        return self._count

    def __iter__(self) -> Iterator[Fetched]:
        """Yield the outcomes as they arrive."""
        return self._outcomes


def _is_signed(query: str) -> bool:
    return not _SIGNATURES.isdisjoint(name.lower() for name, _ in parse_qsl(query, keep_blank_values=True))


def _checked(address: str) -> str:
    if not address:
        raise RowError("has no URL")
    try:
        parts = urlsplit(address)
        is_complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise RowError(f"has {address!r}, which is not a URL ({error})") from error
    if not is_complete or any(character.isspace() or character < " " for character in address):
        raise RowError(
            f"has {address!r}, which is not a URL such as https://example.org/a.jpg (a space is written as %20); "
            "for local files write table: or image-list:"
        )
    if "@" in parts.netloc:
        raise RowError("has a URL with user name and password; remove them: the catalogue stores the URL")
    return address
