"""Filters checked against a pack, and namespaces found in the words of a text.

A filter with a name that the pack does not have is a typing mistake. It raises an error that lists the nearest names,
rather than an empty answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.composed_text import spellings
from edge_identify.edge_runtime.pack.filters import Filters, describe_filters

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.pack.references import ReferenceTable

_MOST_NAMED = 5  # names in an error: one line


def passing_index_ids(filters: Filters, references: ReferenceTable) -> list[int]:
    """Return the index ids of all images whose references pass the filters, sorted, at least one.

    Raises:
        SetupError: The pack lacks a namespace, kind of label or value of the filters, or no reference passes.
    """
    passing = references.index_ids(_as_stored(filters, references))
    if not passing:
        raise SetupError(f"no reference passes all filters ({describe_filters(filters)}); leave one out")
    return passing


def passing_reference_ids(filters: Filters, references: ReferenceTable) -> list[str]:
    """Return the ids of all references that pass the filters, sorted; errors as in `passing_index_ids`."""
    return references.ids(_as_stored(filters, references))


def _as_stored(filters: Filters, references: ReferenceTable) -> Filters:
    """Return the filters with every name as the pack spells it; see `composed`."""
    labels: dict[str, tuple[str, ...]] = {}
    for given_kind, values in filters.labels.items():
        for kind in known_as(given_kind, references.label_kinds(), "kind of label"):
            known = references.label_values(kind)
            labels[kind] = tuple(name for value in values for name in known_as(value, known, f"label of kind {kind!r}"))
    known = references.namespaces()
    namespaces = tuple(name for given in filters.namespaces for name in known_as(given, known, "namespace"))
    return Filters(namespaces=namespaces, labels=labels)


def namespaces_named_in(text: str, namespaces: Iterable[str]) -> tuple[str, ...]:
    """Return the namespaces that occur in a text as whole words, in the text's order; case and accents are ignored.

    If names overlap, only the longest counts: "modern art" does not also name "art".
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
    """Return a text without case and accents, with single spaces; `-` and `_` count as spaces, as in folder names."""
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(re.sub(r"[-_\s]+", " ", letters.casefold()).split())


def known_as(name: str, known: Sequence[str], what: str, *, of: str = "the pack") -> list[str]:
    """Return how the owner spells a name: the known names that differ from it at most in their Unicode form.

    Args:
        name: The name that a person gave.
        known: All known names, sorted.
        what: What the names stand for, in the singular; for the message.
        of: Their owner, for the message.

    Raises:
        SetupError: The name is unknown; the message lists the nearest ones.
    """
    if found := spellings(name, known):
        return found
    if not known:
        raise SetupError(f"{of} has no {what} at all, so not {name!r}; leave that filter out")
    near = get_close_matches(_plain(name), {_plain(one): one for one in known}, n=_MOST_NAMED, cutoff=0.5)
    nearest = [one for one in known if _plain(one) in near] or list(known)
    shown = ", ".join(nearest[:_MOST_NAMED]) + (", ..." if len(nearest) > _MOST_NAMED else "")
    raise SetupError(f"{of} has no {what} {name!r}; {'the nearest are' if near else 'it has'} {shown}")
