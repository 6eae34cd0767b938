"""HTML that is safe by construction: text is escaped unless it is `Markup`, which only this module makes of text.

File names and labels come from outside. Code that formats strings and escapes by hand forgets one place.
"""

from __future__ import annotations

import html

from edge_identify.edge_runtime.io.printable_text import printable

_VOID = frozenset({"img", "meta"})  # elements that have no end


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


GAP = Markup("\0")  # where something is to go later: text from outside has it in no form


def element(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """Return an element.

    Args:
        name: Of the element.
        children: Text, which is escaped, or `Markup`.
        attributes: Escaped; None is left out. An underscore at the end of a name is dropped (`class_`), and others
            become hyphens.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(printable(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Return children one after the other; text is escaped, `Markup` is not."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(printable(child)) for child in children))


def with_code(text: str) -> Markup:
    """Return text in which what stands between backticks is code. A single backtick stays as it is."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return join(text)
    return join(*(element("code", part) if at % 2 else part for at, part in enumerate(parts)))


def style_sheet(rules: str) -> Markup:
    """Return a `style` element; the rules are ours, and nothing from outside may be in them."""
    return Markup(f"<style>{rules}</style>")


def document(*, head: Markup, body: Markup) -> Markup:
    """Return a whole page in English."""
    return Markup(f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>{body}</body>\n</html>\n')
