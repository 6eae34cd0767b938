"""`urls:FILE`: images at URLs in a list or a table, fetched into a cache folder.

An image that cannot be fetched is not an error of the list: it is marked, skipped later with its reason, and counted.

Security: a URL may contain a secret under any parameter name. A URL with a query, fragment or parameters is fetched,
but not written into packs, unless `publishes_queries` is set. Signed URLs are never written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, unquote, urlsplit

from edge_identify.datasets.sources.fetching.bulk_fetching import Fetched, FetchPolicy, fetch_all
from edge_identify.datasets.sources.fetching.image_cache import ImageCache
from edge_identify.datasets.sources.fetching.public_addresses import LookUp, look_up
from edge_identify.datasets.sources.rows.column_mapping import (
    ADDRESS_KNOWN_AS,
    ColumnMapping,
    ResolvedColumns,
    resolve_columns,
)
from edge_identify.datasets.sources.rows.described_images import IMAGE_URL, DescribedImage, gather
from edge_identify.datasets.sources.rows.list_rows import check_coordinates, read_text_file
from edge_identify.datasets.sources.rows.table_rows import TABLE_SUFFIXES, read_table
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError

FetchProgress = Callable[["Outcomes"], Iterable[Fetched]]

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

        Raises:
            SetupError: The list is missing, empty or malformed, has a URL twice, or is contradictory. Nothing is
                fetched then.
            OSError: The cache cannot be written.
        """
        rows, rows_are = self._rows()
        if not rows:
            raise SetupError(f"{self.file}: contains no URL; write one on each line")
        described = [self._describe(row, {}) for row in rows]
        _refuse_repeated(self.file, rows, rows_are)
        # Find contradictions before fetching, which may take an hour.
        list(gather(self.file, described, rows_are=rows_are, image_column="url"))
        problems = self._fetch([row.address for row in rows])
        described = [self._describe(row, problems) for row in rows]
        yield from gather(self.file, described, rows_are=rows_are, image_column="url")

    def _fetch(self, addresses: Sequence[str]) -> dict[str, str]:
        outcomes = Outcomes(addresses, fetch_all(addresses, self.cache, self.policy, resolve=self.resolve))
        return {each.address: each.problem for each in self.progress(outcomes) if each.problem is not None}

    def _rows(self) -> tuple[list[_Row], str]:
        if self.file.suffix.lower() not in TABLE_SUFFIXES:
            return self._list_rows(), "lines"
        table = read_table(self.file)
        columns = resolve_columns(
            self.file, table.columns, self.mapping, image_field="url", image_known_as=ADDRESS_KNOWN_AS, page="page"
        )
        unit = table.rows_are.removesuffix("s")
        where = f"{self.file}: {unit}"
        return [self._table_row(where, row.number, row.values, columns) for row in table.rows], table.rows_are

    def _list_rows(self) -> list[_Row]:
        lines = ((number, line.strip()) for number, line in enumerate(read_text_file(self.file).splitlines(), start=1))
        named = ((number, line) for number, line in lines if line and not line.startswith("#"))
        return [
            _Row(number=number, address=_checked(f"{self.file}: line {number}", line), facts=self._published(line))
            for number, line in named
        ]

    def _table_row(self, where: str, number: int, values: Mapping[str, str], columns: ResolvedColumns) -> _Row:
        where = f"{where} {number}"
        address = _checked(where, values.get(columns.columns["image"], ""))
        facts = columns.facts(values)
        check_coordinates(where, facts)
        return _Row(number=number, address=address, facts=self._published(address) | facts)

    def _published(self, address: str) -> dict[str, str]:
        parts = urlsplit(address)
        is_bare = not (parts.query or parts.fragment or ";" in parts.path)
        is_told = is_bare or (self.publishes_queries and not _is_signed(parts.query))
        return {IMAGE_URL: address, "provenance": address} if is_told else {}

    def _describe(self, row: _Row, problems: Mapping[str, str]) -> DescribedImage:
        stem = PurePosixPath(unquote(urlsplit(row.address).path)).stem or urlsplit(row.address).netloc
        return DescribedImage(
            row=row.number,
            path=self.cache.path(row.address),
            id=row.facts.get("id") or stem,
            has_own_id="id" in row.facts,
            stem=stem,
            facts={name: text for name, text in row.facts.items() if name != "id"},
            origin=row.address,
            problem=problems.get(row.address),
            source_path=PurePosixPath(unquote(urlsplit(row.address).path)).name or None,
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    number: int
    address: str
    facts: Mapping[str, str]


def _is_signed(query: str) -> bool:
    return not _SIGNATURES.isdisjoint(name.lower() for name, _ in parse_qsl(query, keep_blank_values=True))


def _checked(where: str, address: str) -> str:
    try:
        parts = urlsplit(address)
        is_complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise SetupError(f"{where}: {address!r} is not a URL ({error})") from error
    if not is_complete or any(character.isspace() or character < " " for character in address):
        raise SetupError(
            f"{where}: {address!r} is not a URL such as https://example.org/a.jpg; "
            "for local files write table: or image-list:"
        )
    if "@" in parts.netloc:
        raise SetupError(f"{where}: remove user name and password from the URL: the catalogue stores it")
    return address


def _refuse_repeated(file: Path, rows: Iterable[_Row], rows_are: str) -> None:
    first: dict[str, int] = {}
    for row in rows:
        other = first.setdefault(row.address, row.number)
        if other != row.number:
            raise SetupError(f"{file}: {rows_are} {other} and {row.number} have the same URL {row.address}; delete one")
