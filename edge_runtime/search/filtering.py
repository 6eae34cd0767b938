"""Filters as a person gives them: checked against the pack, and a namespace found in the words of a text.

A newcomer would let a filter that fits nothing answer with nothing. A name that the pack does not have is a typing
mistake, so it is refused with the nearest names that there are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.filters import Filters

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.pack.filters import describe_filters

_MOST_NAMED = 5  # names in an error: one line


def passing_index_ids(filters: Filters, references: ReferenceTable) -> list[int]:
    """Return the ids of all vectors that pass some filters, sorted, at least one.

    Raises:
        SetupError: A namespace, kind of label or value that the pack does not have, or nothing passes all filters.
    """
    for namespace in filters.namespaces:
        check_known(namespace, references.namespaces(), "namespace")
    for kind, values in filters.labels.items():
        check_known(kind, references.label_kinds(), "kind of label")
        for value in values:
            check_known(value, references.label_values(kind), f"label of kind {kind!r}")
    passing = references.index_ids(filters)
    if not passing:
        raise SetupError(f"no reference passes all filters ({describe_filters(filters)}); leave one out")
    return passing


def namespaces_named_in(text: str, namespaces: Iterable[str]) -> tuple[str, ...]:
    """Return the namespaces that a text names, in its order; case and accents do not count, whole words do.

    Of names that overlap the longest counts: "modern art" names not also "art".
    """
    plain, found = _plain(text), list[tuple[int, str]]()
    taken: set[int] = set()
    for namespace in sorted(namespaces, key=lambda name: (-len(name), name)):
        name = _plain(namespace)
        place = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", plain) if name else None
        if place is not None and taken.isdisjoint(range(*place.span())):
            taken.update(range(*place.span()))
            found.append((place.start(), namespace))
    return tuple(name for _, name in sorted(found))


def pack_namespaces_named_in(text: str, pack: Pack) -> tuple[str, ...]:
    """Return the namespaces of a pack that a text names; see `namespaces_named_in`."""
    from edge_identify.edge_runtime.pack.references import ReferenceTable

    with ReferenceTable(pack.file(pack.manifest.references_file)) as references:
        return namespaces_named_in(text, references.namespaces())


def _plain(text: str) -> str:
    """Return a text without case, accents and runs of white space; `-` and `_` are white space, as in folder names."""
    letters = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(re.sub(r"[-_\s]+", " ", letters.casefold()).split())


def check_known(name: str, known: Sequence[str], what: str, *, of: str = "the pack") -> None:
    """Refuse a name that is not among those that there are.

    Args:
        name: As a person gave it.
        known: All that there are, sorted.
        what: What they are, in the singular.
        of: What has them.

    Raises:
        SetupError: It is not; the message has the nearest.
    """
    if name in known:
        return
    if not known:
        raise SetupError(f"{of} has no {what}, so none is {name!r}; leave that filter out")
    near = get_close_matches(name.casefold(), {one.casefold(): one for one in known}, n=_MOST_NAMED, cutoff=0.5)
    nearest = [one for one in known if one.casefold() in near] or list(known)
    shown = ", ".join(nearest[:_MOST_NAMED]) + (", ..." if len(nearest) > _MOST_NAMED else "")
    raise SetupError(f"{of} has no {what} {name!r}; {'the nearest are' if near else 'it has'} {shown}")
