"""Building a pack into an `.edgepack` file instead of a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained
from edge_identify.edge_runtime.sync.carried_pack import SUFFIX, write_carried_pack


@contextmanager
def folder_for(out: Path, *, replace: bool) -> Iterator[Path]:
    """Yield the folder to build a pack in: `out`, or a temporary one whose pack becomes the `.edgepack` file `out`.

    Args:
        out: A folder, or a file whose name ends in `.edgepack`.
        replace: Whether an existing file may be replaced.

    Raises:
        SetupError: The parent folder is missing, the file exists and may not be replaced, or the disk refuses.
    """
    if out.suffix != SUFFIX:
        yield out
        return
    if not out.parent.is_dir():
        raise SetupError(f"{out.parent}: no such folder; make it first, or choose another --out")
    if out.is_dir() or (out.exists() and not replace):
        raise SetupError(f"{out}: exists; choose another --out, or pass --replace")
    with disk_errors_explained(out.parent), tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as work:
        folder = Path(work) / "pack"
        yield folder
        write_carried_pack(folder, out, now_utc=datetime.now(UTC))
