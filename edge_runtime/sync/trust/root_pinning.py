"""Pin a server's root on this device: from a file, by its fingerprint, or the first one that the server sends.

A fingerprint is the SHA-256 of a root file. The publisher gives it to people another way than through the server: on
paper, in a message, as a QR code. The root on the server may have been rotated since. So older and newer versions are
compared too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PackFormatError, SetupError, UntrustedServerError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.pack_names import checked_sha256
from edge_identify.edge_runtime.sync.http_download import HttpServer, NotServedError, PackServer
from edge_identify.edge_runtime.sync.server_address import tree_url
from edge_identify.edge_runtime.sync.trust.metadata_layout import (
    MAX_ROOT_BYTES,
    MOST_ROOTS,
    metadata_path,
    root_name,
)
from edge_identify.edge_runtime.sync.trust.trusted_roots import PinnedBy, TrustedRoots

if TYPE_CHECKING:
    from edge_identify.edge_runtime.sync.trust.trusted_roots import TrustedRoot


def trust(
    store: Path,
    url: str,
    *,
    root: Path | None = None,
    fingerprint: str | None = None,
    on_first_use: bool = False,
    now_utc: datetime | None = None,
) -> TrustedRoot:
    """Pin the root of a server. Exactly one of `root`, `fingerprint` and `on_first_use` must be given.

    Args:
        store: The folder of the installed packs.
        url: The server's address, as a person typed it.
        root: A root file from the publisher. No request is sent.
        fingerprint: SHA-256 of a root, 64 hexadecimal digits; the server is asked for the file.
        on_first_use: Believe the root that the server sends now.
        now_utc: The time; None for now.

    Raises:
        SetupError: None or several of the three are given, the file or fingerprint is malformed, the disk is full.
        UntrustedServerError: No root of the server has the fingerprint, or the server has none.
        NetworkError: The server cannot be reached.
    """
    if sum((root is not None, fingerprint is not None, on_first_use)) != 1:
        raise SetupError(f"{url}: say how to trust it: --root FILE, --fingerprint SHA256 or --trust-on-first-use")
    address = tree_url(url)
    if root is not None:
        data, pinned_by = _read_file(root), PinnedBy.ROOT_FILE
    elif fingerprint is not None:
        data, pinned_by = _with_fingerprint(address, fingerprint), PinnedBy.FINGERPRINT
    else:
        data, pinned_by = _newest_root(address), PinnedBy.FIRST_USE
    _check_root(data, where=str(root or address))
    return TrustedRoots(store).pin(address, data, pinned_by=pinned_by, now_utc=now_utc or datetime.now(UTC))


def served_roots(server: PackServer) -> Iterator[bytes]:
    """Yield the roots that a server has, oldest first.

    Raises:
        NetworkError: The server cannot be reached.
    """
    for version in range(1, MOST_ROOTS + 1):
        try:
            yield server.fetch_document(metadata_path(root_name(version)), max_bytes=MAX_ROOT_BYTES)
        except NotServedError:
            return


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_ROOT_BYTES + 1)
    except OSError as error:
        raise SetupError(f"{path}: cannot be read ({error.strerror}); give the root.json of the publisher") from error


def _with_fingerprint(address: str, fingerprint: str) -> bytes:
    try:
        wanted = checked_sha256(fingerprint.strip().lower().removeprefix("sha256:").replace(" ", ""))
    except PackFormatError as error:
        raise SetupError(f"{fingerprint!r} is not a fingerprint; it has 64 hexadecimal digits") from error
    with closing(HttpServer(address)) as server:
        count = 0
        for data in served_roots(server):
            if sha256_of_bytes(data) == wanted:
                return data
            count += 1
    if not count:
        raise _unsigned(address)
    raise UntrustedServerError(
        f"{address}: none of its {count} roots has this fingerprint; ask the publisher for the fingerprint again, and "
        "do not use this server if it stays the same"
    )


def _newest_root(address: str) -> bytes:
    with closing(HttpServer(address)) as server:
        newest = deque(served_roots(server), maxlen=1)
    if not newest:
        raise _unsigned(address)
    return newest[0]


def _unsigned(address: str) -> UntrustedServerError:
    return UntrustedServerError(
        f"{address}: is not signed (no {metadata_path(root_name(1))}); ask its publisher to run `edge-serve init`, or "
        "sync with --unsigned each time"
    )


def _check_root(data: bytes, *, where: str) -> None:
    """Raise an error unless the bytes are a root that signs itself."""
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Root

    try:
        if len(data) > MAX_ROOT_BYTES:
            raise ValueError(f"more than {MAX_ROOT_BYTES} bytes")
        root = Metadata[Root].from_bytes(data)
        if not isinstance(root.signed, Root):
            raise ValueError(f"is of the role {root.signed.type}")
        root.signed.verify_delegate("root", root.signed_bytes, root.signatures)
    except (RepositoryError, ValueError) as error:
        raise SetupError(f"{where}: is no root of a signed repository ({error}); give the publisher's root.json") from (
            error
        )


def is_signed(server: PackServer) -> bool:
    """Return whether a server has a root.

    Raises:
        NetworkError: The server cannot be reached.
    """
    try:
        server.fetch_document(metadata_path(root_name(1)), max_bytes=MAX_ROOT_BYTES)
    except NotServedError:
        return False
    return True
