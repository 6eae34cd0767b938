"""`index.html` of a published tree: the packs, for people.

Every text is escaped, since titles come from the maker of a pack; so are characters that turn the direction of writing.
The page needs no script, font or image from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, Listing, OfferedPack, OfferedVersion, time_text
from edge_identify.sync_server.contract.web_pages import web_page
from edge_identify.sync_server.publishing.qr_code import qr_code

_BODY = """<h1>Packs</h1>
<p>With a pack, a device names what a photo shows, without a network.</p>
{packs}
<h2>Install on a device</h2>
<p>ADDRESS is the address of this page.</p>
{install}
{trust}<h2>For programs</h2>
<p><a href="{listing}">{listing}</a></p>"""

_PACK = """<section>
<h3>{title}</h3>
<p><code>{name}</code> {version}, {size}, published {published}</p>
<details><summary>Versions</summary><ul>
{versions}
</ul></details>
</section>"""

_VERSION = """<li><a href="{manifest}">{version}</a>, {size}, {published}</li>"""


def listing_page(listing: Listing, fingerprint: str | None = None) -> bytes:
    """Return the HTML page of a listing, UTF-8. Every text is escaped.

    Args:
        listing: The packs.
        fingerprint: SHA-256 of the root that devices pin; None if the tree is unsigned.
    """
    packs = "\n".join(pack_section(pack) for pack in listing.packs.values())
    install = install_lines("ADDRESS", tuple(listing.packs), fingerprint)
    trust = "" if fingerprint is None else fingerprint_section(fingerprint)
    return web_page("Packs", _BODY.format(listing=LISTING_NAME, packs=packs, install=install, trust=trust))


def fingerprint_section(fingerprint: str) -> str:
    """Return the fingerprint of the root, as text and QR code, as HTML."""
    return (
        "<h2>Signature</h2>\n<p>The packs are signed. Fingerprint of the root (SHA-256); compare it with what the "
        f"publisher gave you another way:</p>\n<p><code>{escape(fingerprint)}</code></p>\n{qr_code(fingerprint)}\n"
    )


def install_lines(address: str, names: Sequence[str], fingerprint: str | None) -> str:
    """Return how to fetch a pack and use it, as HTML.

    Args:
        address: Address of the published tree.
        names: Names of the packs. Of several, a device names the one that it fetches.
        fingerprint: SHA-256 of the root that devices pin; None if the tree is unsigned.
    """
    chosen = f" --pack {names[0]}" if len(names) > 1 else ""
    trust = [] if fingerprint is None else [f"edge-identify trust {address} --fingerprint {fingerprint}"]
    unsigned = " --unsigned" if fingerprint is None else ""
    lines = [*trust, f"edge-identify sync {address}{chosen}{unsigned}", f"edge-identify photo.jpg{chosen}"]
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def pack_section(pack: OfferedPack) -> str:
    """Return a pack with its versions, as HTML."""
    return _PACK.format(
        title=escape(printable(pack.title)),
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
