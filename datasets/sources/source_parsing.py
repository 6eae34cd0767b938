"""Parse the text of a source, `images:DIR` or `table:FILE`, with its options.

The scheme is never guessed from the path: a folder may contain a list, and a list may have a folder's name. A new kind
of source gets an entry in `_MAKERS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from edge_identify.datasets.sources.bucket_source import BucketImages
from edge_identify.datasets.sources.fetching.bulk_fetching import FetchPolicy
from edge_identify.datasets.sources.fetching.image_cache import ImageCache
from edge_identify.datasets.sources.image_list import ImageList
from edge_identify.datasets.sources.images_folder import ImagesFolder
from edge_identify.datasets.sources.name_pattern import NamedByPattern
from edge_identify.datasets.sources.rows.column_mapping import ColumnMapping
from edge_identify.datasets.sources.source import Source
from edge_identify.datasets.sources.table_source import Table
from edge_identify.datasets.sources.url_source import Urls
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.buckets import SCHEMES, bucket_address, check_endpoint
from edge_identify.edge_runtime.io.composed_text import existing_spelling
from edge_identify.edge_runtime.photos.passed_over import PassedOver

KNOWN_FORMS = "images:DIR, image-list:FILE, table:FILE, urls:FILE or s3://BUCKET/PREFIX"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Options of a source beside its text.

    Attributes:
        recursive: For `images:`: whether subfolders are searched.
        label_from_folder: For `images:`: whether the label is the name of the image's folder.
        mapping: For tables: the meaning of columns.
        cache: For `urls:` and buckets: the folder for fetched images.
        policy: For `urls:`: workers, retries and limits.
        publishes_queries: For `urls:`: whether packs include image URLs with query strings. They may hold secrets.
        endpoint: For `s3://`: endpoint of an S3-compatible server other than Amazon's.
        anonymous: For buckets: whether requests are unsigned.
        progress: For `urls:` and buckets: wraps the iteration over fetched images.
        exclude: For `images:` and buckets: patterns of files and folders to leave out; see `reason_to_pass_over`.
        passed_over: For `images:` and buckets: counts what they hold beside the images.
        name_pattern: Reads facts from file names; from `name_pattern.checked_pattern`.
    """

    recursive: bool = True
    label_from_folder: bool = False
    mapping: ColumnMapping = field(default_factory=ColumnMapping)
    cache: Path | None = None
    policy: FetchPolicy = field(default_factory=FetchPolicy)
    publishes_queries: bool = False
    endpoint: str | None = None
    anonymous: bool = False
    progress: Callable[[Any], Iterable[Any]] = iter
    exclude: tuple[str, ...] = ()
    passed_over: PassedOver = field(default_factory=PassedOver, compare=False)
    name_pattern: re.Pattern[str] | None = None


def parse_source(text: str, options: SourceOptions | None = None) -> Source:
    """Return the source of a text. It reads no file yet.

    Args:
        text: Such as `images:DIR`. A leading `~` is the home folder.
        options: Options of the source; None for the defaults.

    Raises:
        SetupError: The scheme is missing or unknown, the path is missing, or an option belongs to another kind.
    """
    options = options or SourceOptions()
    scheme, colon, rest = text.partition(":")
    if not colon:
        raise SetupError(f"{text}: the kind of source is missing; write {KNOWN_FORMS}")
    make = _MAKERS.get(scheme)
    if make is None:
        raise SetupError(f"{text}: unknown kind of source {scheme!r}; write {KNOWN_FORMS}")
    if not rest:
        raise SetupError(f"{text}: the path after the colon is missing; write {KNOWN_FORMS}")
    _refuse_unused_options(text, scheme, options)
    source = make(rest, options)
    return source if options.name_pattern is None else NamedByPattern(source, options.name_pattern)


def _images(rest: str, options: SourceOptions) -> Source:
    return ImagesFolder(
        _path(rest),
        recursive=options.recursive,
        label_from_folder=options.label_from_folder,
        exclude=options.exclude,
        passed_over=options.passed_over,
    )


def _image_list(rest: str, _options: SourceOptions) -> Source:
    return ImageList(_path(rest))


def _table(rest: str, options: SourceOptions) -> Source:
    return Table(_path(rest), options.mapping)


def _urls(rest: str, options: SourceOptions) -> Source:
    return Urls(
        _path(rest),
        options.mapping,
        _cache(f"urls:{rest}", options),
        policy=options.policy,
        progress=options.progress,
        publishes_queries=options.publishes_queries,
    )


def _bucket(scheme: str, rest: str, options: SourceOptions) -> Source:
    address = bucket_address(f"{scheme}:{rest}", option="SOURCE")
    if options.endpoint is not None:
        check_endpoint(options.endpoint)
    return BucketImages(
        address,
        _cache(str(address), options),
        endpoint=options.endpoint,
        is_anonymous=options.anonymous,
        progress=options.progress,
        exclude=options.exclude,
        passed_over=options.passed_over,
    )


def _path(rest: str) -> Path:
    return existing_spelling(Path(rest).expanduser())


def _cache(text: str, options: SourceOptions) -> ImageCache:
    if options.cache is None:
        raise SetupError(f"{text}: needs a folder for the fetched images; give one with --cache")
    return ImageCache(options.cache)


_MAKERS: Mapping[str, Callable[[str, SourceOptions], Source]] = {
    "images": _images,
    "image-list": _image_list,
    "table": _table,
    "urls": _urls,
    **{scheme: partial(_bucket, scheme) for scheme in SCHEMES},
}
_OF_TABLES = ("table", "urls")


def _refuse_unused_options(text: str, scheme: str, options: SourceOptions) -> None:
    if options.mapping != ColumnMapping() and scheme not in _OF_TABLES:
        raise SetupError(f"{text}: --map and --attributes are for table:FILE and urls:FILE")
    if options.exclude and scheme not in ("images", *SCHEMES):
        raise SetupError(f"{text}: --exclude is for images:DIR and buckets; leave the rows out of the file")
    if (options.endpoint or options.anonymous) and scheme not in SCHEMES:
        raise SetupError(f"{text}: --endpoint and --anonymous are for buckets; write s3://BUCKET/PREFIX")
