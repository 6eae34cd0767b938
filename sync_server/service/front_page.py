"""The page at `/` for browsers: the packs, how to install one, how to try the server, where the documentation is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from edge_identify import __version__
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, OfferedPack
from edge_identify.sync_server.contract.web_pages import web_page
from edge_identify.sync_server.publishing.packs_page import fingerprint_section, install_lines, pack_section

_APP = """<p>Open <a href="/app/">the field app</a>, install a pack, and identify photos without a network.
Photos stay on the device. Browsers need an <code>https://</code> address for it, or <code>localhost</code>.</p>"""
_NOTHING = "<p>No pack yet. Publish one: <code>edge-serve publish --pack DIR --repo DIR</code></p>"


def front_page(
    published: Mapping[str, OfferedPack] | None,
    answering: Sequence[str],
    *,
    default_pack: str | None = None,
    address: str,
    links: Mapping[str, str],
    fingerprint: str | None = None,
) -> bytes:
    """Return the page: UTF-8 HTML. Every text is escaped.

    Args:
        published: The packs that devices can fetch here, by name; None if the server delivers none.
        answering: Names of the packs that answer requests.
        default_pack: The pack that answers requests that name none; None for all packs.
        address: Address of this server, without a slash at its end.
        links: Addresses of the other pages for people and programs, by their text.
        fingerprint: SHA-256 of the root that devices pin; None if the packs are unsigned.
    """
    parts = [
        f"<h1>Edge-Identify {escape(__version__)}</h1>",
        "<p>This server has packs. With a pack, a device names what a photo shows, without a network.</p>",
        "<h2>Packs</h2>",
        *_packs(published or {}, answering),
    ]
    if published:
        parts += ["<h2>On a phone, or in a browser</h2>", _APP]
        parts += ["<h2>Install on a device</h2>", install_lines(address, tuple(published), fingerprint)]
    if published and fingerprint is not None:
        parts.append(fingerprint_section(fingerprint))
    if answering:
        parts += ["<h2>Try it from here</h2>", _questions(address, answering, default_pack)]
    shown = " ".join(f'<a href="{escape(path)}">{escape(text)}</a>' for text, path in links.items())
    listing = f' <a href="/{LISTING_NAME}">{LISTING_NAME}</a>' if published is not None else ""
    parts += ["<h2>More</h2>", f"<nav>{shown}{listing}</nav>"]
    return web_page("Edge-Identify", "\n".join(parts))


def _packs(published: Mapping[str, OfferedPack], answering: Sequence[str]) -> list[str]:
    others = [name for name in answering if name not in published]
    sections = [pack_section(pack) for pack in published.values()]
    sections += [f"<section><h3>{escape(name)}</h3><p>Answers requests here.</p></section>" for name in others]
    return sections or [_NOTHING]


def _questions(address: str, answering: Sequence[str], default_pack: str | None) -> str:
    lines = [f"curl -F file=@photo.jpg {address}/v1/identify"]
    told = ""
    if len(answering) > 1:
        lines.append(f"curl -F file=@photo.jpg -F pack={answering[0]} {address}/v1/identify")
        who = "all packs are asked, and the most certain answer is returned"
        if default_pack is not None:
            who = f"the pack <code>{escape(default_pack)}</code> answers"
        told = f" Without <code>pack</code>, {who}."
    return f"<p>Send a photo; the answer is JSON.{told}</p>\n<pre>{escape(chr(10).join(lines))}</pre>"
