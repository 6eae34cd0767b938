"""The default pack of a store: the one that answers where none is named. Without it, all packs answer.

ROOT/default.json               {"pack": NAME}; replaced atomically
"""

from __future__ import annotations

from pathlib import Path

from edge_identify.edge_runtime.errors import PackFormatError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.json_fields import canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.pack_names import checked_pack_name

_FILE_NAME = "default.json"
_MAX_BYTES = 4 * 2**10  # a name has 64 characters at most
_ADVICE = "set it with `edge-identify packs --default NAME`, or remove it with `edge-identify packs --no-default`"


def read_default_pack(root: Path) -> str | None:
    """Return the name of a store's default pack, installed or not; None if it has none.

    Raises:
        SetupError: The file cannot be read, or is damaged.
    """
    path = root / _FILE_NAME
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)  # one byte more: the parser refuses a longer file
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (PermissionError, IsADirectoryError) as error:
        raise SetupError(f"{path}: cannot be read ({error.strerror}); {_ADVICE}") from error
    try:
        return checked_pack_name(parse_json_object(data, where=str(path), max_bytes=_MAX_BYTES).text("pack"))
    except PackFormatError as error:
        raise SetupError(f"{path}: is damaged ({error}); {_ADVICE}") from error


def write_default_pack(root: Path, name: str) -> None:
    """Set a store's default pack, durably.

    Args:
        root: The folder of the store; it exists.
        name: The name of an installed pack.

    Raises:
        SetupError: The disk is full or refuses.
    """
    from edge_identify.edge_runtime.io.disk import disk_errors_explained, flush_folder
    from edge_identify.edge_runtime.io.durable_writes import write_bytes

    with disk_errors_explained(root):
        write_bytes(root / _FILE_NAME, canonical_json({"pack": name}))
        flush_folder(root)


def remove_default_pack(root: Path) -> None:
    """Remove a store's default pack, if it has one.

    Raises:
        SetupError: The disk refuses.
    """
    from edge_identify.edge_runtime.io.disk import disk_errors_explained, flush_folder

    path = root / _FILE_NAME
    if not path.exists():
        return
    with disk_errors_explained(root):
        path.unlink()
        flush_folder(root)


def missing_default(name: str, root: Path) -> PackNotFoundError:
    """Return the error for a default pack that is not installed any more."""
    return PackNotFoundError(f"the default pack {name!r} is not in {root} any more; {_ADVICE}")
