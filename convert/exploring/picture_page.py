"""The frame of a page of pictures: one HTML file without scripts and external resources, light and dark."""

from __future__ import annotations

from collections.abc import Iterable

from edge_identify.edge_runtime.answers.html_markup import Markup, document, element, join, style_sheet

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --line: #ccc; --faint: #5c5c5c; --card: #fff; --page: #f4f4f4; --ink: #111;
  --marked: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --faint: #aaa; --card: #222; --page: #111; --ink: #eee;
  --marked: #4ac26b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.4 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } .faint { color: var(--faint); }
"""


def picture_page(title: str, about: str, parts: Iterable[Markup], *, style: str) -> Markup:
    """Return the page.

    Args:
        title: Title of the page.
        about: One line below the title.
        parts: What follows, in order.
        style: CSS of the parts; it may use the colours `--line`, `--faint`, `--card` and `--marked`.
    """
    head = join(
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        style_sheet(_STYLE + style),
    )
    return document(head=head, body=join(element("h1", title), element("p", about, class_="faint"), *parts))
