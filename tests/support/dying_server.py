"""A server over real sockets that ends a connection at a chosen byte of a response, its head included."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

_RESET = struct.pack("ii", 1, 0)  # with it, closing a socket sends a reset


class DyingServer:
    """Serves files by path, one request for each connection.

    Attributes:
        files: Path -> bytes.
        dies_after: Bytes that it sends before it dies for good, or None.
        cuts: Path -> after how many bytes of its next response the connection ends.
        is_rude: Whether connections end with a reset, and not as if all had been sent.
        asked: (path, value of `Range` or an empty text) of each request.
    """

    def __init__(self, listener: socket.socket, files: Mapping[str, bytes]) -> None:
        self.files, self.cuts = dict(files), dict[str, int]()
        self.dies_after: int | None = None
        self.is_rude = False
        self.asked: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def head_bytes(self, path: str) -> int:
        """Return the length of the head of a whole file's response."""
        return len(self._response(path, "")) - len(self.files[path])

    def serve(self, connection: socket.socket) -> None:
        """Answer one request."""
        with connection, suppress(OSError):
            lines = connection.recv(65536).decode().split("\r\n")
            path = lines[0].split(" ")[1].lstrip("/")
            asked = next((line.partition(": ")[2] for line in lines if line.startswith("Range: ")), "")
            self.asked.append((path, asked))
            response = self._response(path, asked)
            cut = min(self.cuts.pop(path, len(response)), len(response))
            if self.dies_after is not None:
                cut = min(cut, self.dies_after)
                self.dies_after -= cut
            connection.sendall(response[:cut])
            if cut < len(response) and self.is_rude:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _response(self, path: str, asked: str) -> bytes:
        if path not in self.files:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        data = self.files[path]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        head = [
            "HTTP/1.1 206 Partial Content" if start else "HTTP/1.1 200 OK",
            f'ETag: "{hashlib.sha256(data).hexdigest()[:16]}"',
            f"Content-Length: {len(data) - start}",
            "Connection: close",
        ]
        if start:
            head.insert(2, f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}")
        return "\r\n".join([*head, "", ""]).encode() + data[start:]


@contextmanager
def dying_server(files: Mapping[str, bytes]) -> Iterator[DyingServer]:
    """Serve files on loopback while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = DyingServer(listener, files)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    server.serve(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
