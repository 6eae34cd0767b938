r"""Facts from file names, by a regular expression with named groups.

`(?P<id>\d+)_(?P<name>.+)` reads `1_cat.jpeg` as id 1, name cat. A group that is not a field of a reference becomes an
attribute.

If the pattern gives an id and no name, the name is the id. Otherwise `1_front.jpg` and `1_back.jpg` would give two
names for one id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath

from edge_identify.datasets.sources.rows.described_images import IMAGE_FIELDS, LABELS
from edge_identify.datasets.sources.rows.row_facts import unreadable_date
from edge_identify.datasets.sources.source import Source, SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.pack.references import Reference

_PLACES = ("lat", "lng")  # coordinates are not read from file names


@dataclass(frozen=True, slots=True)
class NamedByPattern:
    """A source with additional facts from its file names.

    Attributes:
        source: The source.
        pattern: Must match the whole file name, without or with its suffix; from `checked_pattern`.
    """

    source: Source
    pattern: re.Pattern[str]

    def images(self) -> Iterator[SourceImage]:
        """Yield the source's images with the facts of their names.

        An image is unusable if its name does not match, or has facts that contradict an earlier name.

        Raises:
            SetupError: As the source.
        """
        first: dict[str, SourceImage] = {}
        for image in self.source.images():
            named = self._named(image)
            if named.problem is None:
                other = first.setdefault(named.reference.id, named)
                named = replace(named, problem=_contradiction(other, named))
            yield named

    def _named(self, image: SourceImage) -> SourceImage:
        name = composed(image.file_name)
        match = self.pattern.fullmatch(PurePath(name).stem) or self.pattern.fullmatch(name)
        if match is None:
            problem = f"{image.origin or image.path}: its name does not match the pattern {self.pattern.pattern}"
            return replace(image, problem=image.problem or problem)
        facts = {group: text.strip() for group, text in match.groupdict().items() if text and text.strip()}
        if date := unreadable_date(facts):
            return replace(image, problem=image.problem or f"{image.origin or image.path}: {date}")
        of_image = {name: facts.get(name, getattr(image, name)) for name in IMAGE_FIELDS}
        return replace(image, reference=_with_facts(image, facts), **of_image)


def checked_pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern.

    Raises:
        SetupError: It is not a regular expression, has no named group, or has a group for coordinates.
    """
    try:
        pattern = re.compile(composed(text))
    except re.error as error:
        raise SetupError(f"{text!r} is not a regular expression ({error})") from error
    if not pattern.groupindex:
        raise SetupError(f"{text!r} has no named group; write one such as (?P<id>\\d+)_(?P<name>.+)")
    if taken := [name for name in _PLACES if name in pattern.groupindex]:
        raise SetupError(f"{text!r}: {taken[0]} cannot come from a file name; give coordinates in a table")
    return pattern


def _with_facts(image: SourceImage, facts: Mapping[str, str]) -> Reference:
    known = image.reference
    identifier = facts.get("id", known.id)
    had_no_name = known.name in (known.id, PurePath(image.file_name).stem)
    name = facts.get("name", identifier if "id" in facts and had_no_name else known.name)
    own = {"id", "name", "namespace", "url", *LABELS, *IMAGE_FIELDS}
    return replace(
        known,
        id=identifier,
        name=name,
        namespace=facts.get("namespace", known.namespace),
        labels={**known.labels, **{kind: facts[kind] for kind in LABELS if kind in facts}},
        url=facts.get("url", known.url),
        licence=facts.get("licence", known.licence),
        attributes={**known.attributes, **{key: text for key, text in facts.items() if key not in own}},
    )


def _contradiction(one: SourceImage, other: SourceImage) -> str | None:
    if one.reference == other.reference:
        return None
    return (
        f"{other.origin or other.path}: shows {one.reference.id!r}, as {one.origin or one.path}, but their names give "
        "different facts; make them agree, or give them different ids"
    )
