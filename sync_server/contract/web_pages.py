"""What the HTML pages of the server share: frame, style sheet, text with code.

A page is one file. Its style sheet is inside, because the Content-Security-Policy forbids all requests. The policy is
in the page, since a static host sends none.
"""

from __future__ import annotations

import re
from html import escape

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""

# A narrow screen shows each row of a table as a block, so that neither names nor sentences are broken into slivers.
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5a5a5a; --paper: #ffffff; --line: #c9c9c9; --code: #f1f1f1;
  --link: #1f5fa8; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #a9a9a9; --paper: #161616; --line: #484848;
  --code: #262626; --link: #7fb2f0; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; background: var(--paper);
  color: var(--ink); overflow-wrap: break-word; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-top: 2px solid var(--line); padding-top: 1rem; }
a { color: var(--link); } nav a { margin-right: 1rem; white-space: nowrap; } .faint { color: var(--soft); }
code, pre { font-size: .9em; background: var(--code); border-radius: .25rem; } code { padding: .1em .25em; }
pre { padding: .6rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
h3 code { background: none; padding: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-top: 1px solid var(--line); }
td:nth-child(-n+2) { white-space: nowrap; } td:nth-child(3) { min-width: 9rem; } td:last-child { width: 50%; }
article { border-top: 1px solid var(--line); padding: .5rem 0; }
section { border: 1px solid var(--line); border-radius: .4rem; padding: .2rem 1rem; margin: 1rem 0; }
section h3 { margin: .6rem 0; } section p { margin: .6rem 0; }
@media (max-width: 44rem) { table, tbody, tr, td { display: block; } tr:first-child { display: none; }
  td { border: 0; padding: 0; } td:last-child { width: auto; }
  td:nth-child(-n+3) { display: inline; color: var(--soft); margin-right: .5rem; }
  td:first-child { color: var(--ink); } tr { border-top: 1px solid var(--line); padding: .5rem 0; } }
"""


def web_page(title: str, body: str) -> bytes:
    """Return a page, UTF-8.

    Args:
        title: Plain text.
        body: HTML.
    """
    return _PAGE.format(title=escape(title), style=_STYLE, body=body).encode("utf-8", "replace")


def prose(text: str) -> str:
    """Return text as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
