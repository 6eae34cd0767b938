"""`index.html` of a published tree: the packs, for people.

Every text is escaped, since titles come from the maker of a pack. The page needs no script, font or image from
elsewhere.
"""

from __future__ import annotations

from html import escape

from edge_identify.edge_runtime.sync.listing import LISTING_NAME, Listing, OfferedPack, OfferedVersion, time_text

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Packs</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 0 auto; padding: 1rem; }}
code {{ overflow-wrap: anywhere; }}
section {{ border-top: 1px solid #888; padding: .5rem 0; }}
@media (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark; }} }}
</style>
</head>
<body>
<h1>Packs</h1>
<p>Install a pack: <code>edge-identify sync ADDRESS --pack NAME</code>. ADDRESS is the address of this page.
For programs: <a href="{listing}">{listing}</a>.</p> {packs} </body> </html>
"""

_PACK = """<section>
<h2>{title}</h2>
<p><code>{name}</code> {version}, {size}, published {published}</p>
<details><summary>Versions</summary><ul>
{versions}
</ul></details>
</section>"""

_VERSION = """<li><a href="{manifest}">{version}</a>, {size}, {published}</li>"""


def listing_page(listing: Listing) -> bytes:
    """Return the HTML page of a listing, UTF-8. Every text is escaped."""
    packs = "\n".join(_pack(pack) for pack in listing.packs.values())
    return _PAGE.format(listing=LISTING_NAME, packs=packs).encode("utf-8", "replace")


def _pack(pack: OfferedPack) -> str:
    return _PACK.format(
        title=escape(pack.title),
        name=escape(pack.name),
        version=pack.newest.version,
        size=_size(pack.newest),
        published=_day(pack.newest),
        versions="\n".join(_version(offered) for offered in pack.versions),
    )


def _version(offered: OfferedVersion) -> str:
    return _VERSION.format(
        manifest=escape(offered.manifest.path),
        version=offered.version,
        size=_size(offered),
        published=_day(offered),
    )


def _size(offered: OfferedVersion) -> str:
    return f"{offered.size_bytes / 1e6:.1f} MB"


def _day(offered: OfferedVersion) -> str:
    return time_text(offered.published_utc)[:10]
