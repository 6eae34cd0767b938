"""The page of a published tree: what a pack's maker writes stays text."""

from __future__ import annotations

from datetime import UTC, datetime

from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.sync.listing import Listing, OfferedPack, OfferedVersion
from edge_identify.sync_server.publishing.packs_page import listing_page


def test_a_hostile_title_is_text_without_control_characters_on_a_page_that_asks_for_nothing() -> None:
    version = OfferedVersion(
        version=PackVersion.parse("1.0.0"),
        manifest=FileEntry(path="manifests/museum/1.0.0.json", length_bytes=1, sha256="0" * 64),
        size_bytes=1_000_000,
        published_utc=datetime(2026, 1, 31, tzinfo=UTC),
    )
    title = "<script>alert(1)</script>\x1b[31m\x07\u202e\x9b31m"
    pack = OfferedPack(name="museum", title=title, versions=(version,))

    page = listing_page(Listing(packs={"museum": pack})).decode()

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not {*"\x1b\x07\u202e\x9b"} & {*page}
    assert "default-src 'none'" in page
