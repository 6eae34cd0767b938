"""After a crash at any step of a sync, the pack is whole and the next sync succeeds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.sync_client import sync_pack
from edge_identify.sync_server.publishing.publish import publish

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the device is killed in a forked process")
def test_a_sync_that_is_killed_at_any_step_leaves_a_whole_pack(
    server_url: str, small_pack: Callable[..., Path], tmp_path: Path
) -> None:
    publish(small_pack(tmp_path / "old"), tmp_path / "repo", now_utc=NOW)
    sync_pack(
        PackStore(tmp_path / "store"),
        server_url,
        name="street-art",
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=lambda *_: None,
    )
    new = small_pack(tmp_path / "new", version="2.0.0", payload={"index.faiss": b"more vectors"})
    publish(new, tmp_path / "repo", now_utc=NOW)
    driver = Path(__file__).with_name("dying_device.py")
    result = subprocess.run(
        [sys.executable, str(driver), server_url, str(tmp_path / "store"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 20, "the steps were not seen"
