"""Several addresses of one repository: what one of them does not give is asked of the next.

Nothing needs to be said of a mirror: a file is one of the pack if its hash is right, wherever it came from. A part that
one mirror sent is continued by another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.sync.partial_file import WrongPieceError

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.manifest import FileEntry
    from edge_identify.edge_runtime.sync.http_download import HttpServer

_Result = TypeVar("_Result")


class Mirrors:
    """The servers of one repository, in order of preference. It implements `Downloader`."""

    def __init__(self, servers: Sequence[HttpServer]) -> None:
        """Take at least one server. The one that answered last is asked first."""
        self._servers = list(servers)
        self._repository = servers[0]
        self._mirror_urls = tuple(server.url for server in servers[1:])

    @property
    def url(self) -> str:
        """The address of the repository: that of its first server."""
        return self._repository.url

    @property
    def mirror_urls(self) -> tuple[str, ...]:
        """The other addresses."""
        return self._mirror_urls

    @property
    def received_bytes(self) -> int:
        """How many bytes all servers have sent, heads of responses not counted."""
        return sum(server.received_bytes for server in self._servers)

    def close(self) -> None:
        """Close the open connections."""
        for server in self._servers:
            server.close()

    def fetch_document(self, path: str, *, max_bytes: int) -> bytes:
        """Fetch a small file; see `HttpServer.fetch_document`."""
        return self._from_any(lambda server: server.fetch_document(path, max_bytes=max_bytes))

    def fetch_blob(
        self, entry: FileEntry, into: Path, on_bytes: Callable[[int], None], *, pieces: tuple[str, ...] = ()
    ) -> None:
        """Fetch one file of a pack; see `Downloader`.

        If every server has a piece that differs from its hash, the hash may be wrong: the hash of the file decides.
        """
        try:
            self._from_any(lambda server: server.fetch_blob(entry, into, on_bytes, pieces=pieces))
        except WrongPieceError:
            self._from_any(lambda server: server.fetch_blob(entry, into, on_bytes))

    def _from_any(self, fetch: Callable[[HttpServer], _Result]) -> _Result:
        first_error: NetworkError | None = None
        for server in tuple(self._servers):
            try:
                result = fetch(server)
            except NetworkError as error:
                if first_error is None or isinstance(error, WrongPieceError):
                    first_error = error
                continue
            self._servers.remove(server)
            self._servers.insert(0, server)
            return result
        assert first_error is not None, "there is at least one server"
        raise first_error
