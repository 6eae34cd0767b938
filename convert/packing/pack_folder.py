"""The folder of a pack that is being built: checks its place, and renames it at the end of the build."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_identify.convert.packing.unfinished_builds import RETIRED, clear_abandoned, folder_in_the_making
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME


def check_out(out: Path, *, replace: bool) -> None:
    """Check that a pack can be written to a folder, and remove what killed builds left beside it.

    Args:
        out: The pack's folder.
        replace: Whether an existing pack may be replaced.

    Raises:
        SetupError: The parent folder is missing, `out` is not a pack, or it is a pack that may not be replaced.
    """
    if not out.parent.is_dir():
        raise SetupError(f"{out.parent}: no such folder; make it first, or choose another --out")
    with disk_errors_explained(out.parent):
        clear_abandoned(out.resolve())
    if not out.exists():
        return
    if not (out / MANIFEST_NAME).is_file():
        raise SetupError(f"{out}: exists and is not a pack; choose another --out")
    if not replace:
        raise SetupError(f"{out}: a pack is there already; choose another --out, or pass --replace")


@contextmanager
def pack_in_the_making(out: Path, *, replace: bool) -> Iterator[Path]:
    """Yield a temporary folder for a pack; rename it to `out` when the block ends without an exception.

    Args:
        out: The pack's folder.
        replace: Whether an existing pack is replaced.

    Raises:
        SetupError: Another build wrote the pack in the meantime, or the disk is full or refuses writes.
    """
    out = out.resolve()  # follow a symbolic link, so that its target is replaced
    with disk_errors_explained(out.parent), folder_in_the_making(out) as making:
        yield making
        try:
            _take_place(making, out, replace=replace)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise SetupError(
                f"{out}: another build of this pack is running and was first; run this one again"
            ) from error


def _take_place(making: Path, out: Path, *, replace: bool) -> None:
    if not (replace and out.exists()):
        making.rename(out)
        return
    retired = making.with_suffix(RETIRED)
    out.rename(retired)
    try:
        making.rename(out)
    except BaseException:
        retired.rename(out)
        raise
    shutil.rmtree(retired, ignore_errors=True)
