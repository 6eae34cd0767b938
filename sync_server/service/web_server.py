"""waitress with deadlines for clients, lanes of threads, bodies in memory, and an end that answers what was taken in.

waitress has none of these: its connections may stay open as long as one byte comes every two minutes, and it serves no
one else beyond its limit of connections.
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from edge_identify.sync_server.contract.problem_kinds import TIMEOUT, kind_of_status
from edge_identify.sync_server.contract.problem_responses import PROBLEM_JSON, REFUSED, problem_document
from edge_identify.sync_server.service.connection_rules import Phase, Progress, closed_for_room
from edge_identify.sync_server.service.upload_memory import UploadBuffer, UploadMemory
from edge_identify.sync_server.service.work_lanes import WorkLanes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_CONNECTIONS = 1000
_FILES_KEPT_FREE = 100  # of the process's limit: packs, logs
_RECEIVED_AT_ONCE_BYTES = 1 << 18  # waitress's default of 8 KiB takes 300 loop passes for a phone's photo
# waitress reads as much of a file as the socket's buffer has, 2.5 MB on Linux, for each of the small pieces that a slow
# client takes.
_SENT_AT_ONCE_BYTES = 1 << 17
# A new connection's socket takes megabytes at once. If each of 64 got them in its turn, a status request waited .1 s.
_SENT_IN_A_TURN_BYTES = 1 << 18
_NEVER_ON_DISK = 1 << 40
_READ_BEYOND_CAP = 4  # a client that is cut off while it sends sees a connection error, and no 413
_BODIES_BYTES = 1 << 27  # all bodies together
_LOOKED_EVERY_S = 1
_DRAIN_STEP_S = 0.05
_THREADS_END_WITHIN_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Limits of the server.

    Attributes:
        body_bytes: Largest body that the application reads.
        patience_s: Longest wait of a request for a thread, in seconds.
        connections: Most connections; 0 for what the process may open.
    """

    body_bytes: int
    patience_s: float
    connections: int = 0


class WebServer(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """Serves a WSGI application on a bound socket. Call `run`, then `close`."""

    def __init__(self, application: WSGIApplication, listener: socket.socket, limits: ServerLimits) -> None:
        """Start the threads, and listen.

        Args:
            application: The application. Requests with `REFUSED` in their environment are to be answered with 503.
            listener: A bound socket; `close` closes it.
            limits: The limits.
        """
        self.limits = limits
        self.uploads = UploadMemory(max(_BODIES_BYTES, 2 * limits.body_bytes))
        self.is_ending = False
        self._drain_s = 0.0
        self.channel_class = Channel
        adjustments = Adjustments(
            sockets=[listener],
            ident=None,
            connection_limit=limits.connections or _connection_limit(),
            max_request_body_size=_READ_BEYOND_CAP * limits.body_bytes,
            outbuf_overflow=_NEVER_ON_DISK,
            recv_bytes=_RECEIVED_AT_ONCE_BYTES,
            asyncore_use_poll=True,  # `select` ends at descriptor 1024
        )
        super().__init__(
            application,
            {},
            _sock=listener,
            dispatcher=WorkLanes(),
            adj=adjustments,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            bind_socket=False,
        )

    def run(self) -> None:
        """Serve until `end`."""
        next_look_s = 0.0
        while not self.is_ending:
            self._pass(self.adj.asyncore_loop_timeout)
            if (now_s := monotonic()) >= next_look_s:
                next_look_s = now_s + _LOOKED_EVERY_S
                self._close_the_overdue(now_s)
        self._drain()
        self.task_dispatcher.shutdown(timeout_s=_THREADS_END_WITHIN_S)
        for channel in list(self.active_channels.values()):
            channel.handle_close()

    def end(self, *, drain_s: float) -> None:
        """Have `run` take no more connections, answer what was taken in, and return. Safe in a signal handler.

        Args:
            drain_s: Longest wait for the requests in flight, in seconds.
        """
        self.is_ending, self._drain_s = True, drain_s
        self.pull_trigger()

    def maintenance(self, _now: float) -> None:
        """Do nothing: `run` looks at the connections, when no pass of the loop is under way."""

    def _close_the_overdue(self, now_s: float) -> None:
        channels = list(self.active_channels.values())
        for channel in channels:
            channel.look(now_s)
        if len(channels) >= self.adj.connection_limit - 2:  # the listener and the trigger count too
            rows = [(channel, channel.progress) for channel in channels]
            for channel in closed_for_room(rows, max(1, len(channels) // 10)):
                channel.handle_close()

    def relieve(self) -> None:
        """Drop the largest unfinished body if all bodies exceed the limit."""
        while self.uploads.is_full:
            unfinished = [body for one in self.active_channels.values() if (body := one.unfinished_body) is not None]
            largest = max(unfinished, key=lambda body: body.held_bytes, default=None)
            if largest is None or not largest.held_bytes:
                return
            largest.drop()

    def _pass(self, timeout_s: float) -> None:
        self.asyncore.loop(timeout=timeout_s, use_poll=self.adj.asyncore_use_poll, map=self._map, count=1)

    def _drain(self) -> None:
        """Answer the requests that clients have begun to send, those included that nobody has accepted yet."""
        end_s = monotonic() + self._drain_s
        self.handle_accepts()
        self.accepting = False
        self.del_channel()
        self.socket.close()
        self._pass(_DRAIN_STEP_S)  # what lies in the sockets
        while monotonic() < end_s and any(channel.is_in_use for channel in self.active_channels.values()):
            for channel in list(self.active_channels.values()):
                if not channel.is_in_use:
                    channel.handle_close()
            self._pass(_DRAIN_STEP_S)

    def handle_accepts(self) -> None:
        """Accept all connections that wait."""
        for _ in range(self.adj.backlog):
            before = len(self.active_channels)
            self.handle_accept()
            if len(self.active_channels) == before:
                return


class _Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """A request whose body stays in memory, within limits."""

    is_refused = False
    queued_s = 0.0

    def __init__(self, server: WebServer) -> None:
        super().__init__(server.adj)
        self._server = server

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the headers, and prepare for the body."""
        super().parse_header(header_plus)
        if self.body_rcv is None:
            self.expect_continue = False  # else waitress waits for a body that never comes (RFC 9110, 10.1.1)
        else:
            self.body_rcv.buf = UploadBuffer(self._server.uploads, self._server.limits.body_bytes)

    @property
    def body(self) -> UploadBuffer | None:
        """The body; None if there is none."""
        return None if self.body_rcv is None else self.body_rcv.buf


class _Task(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Passes a refusal on to the application, and closes connections while the server ends."""

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment."""
        environment: dict[str, Any] = super().get_environment()
        body, waited_s = self.request.body, monotonic() - self.request.queued_s
        if self.request.is_refused or (body is not None and body.is_dropped):
            environment[REFUSED] = "the server is busy"
        elif waited_s > self.channel.server.limits.patience_s:
            environment[REFUSED] = f"the server is busy: the request waited {waited_s:.0f} s"
        return environment

    def build_response_header(self) -> bytes:
        """Return the response's headers."""
        if self.channel.server.is_ending:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class _ProblemTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """waitress's own error responses as problem documents."""

    def execute(self) -> None:
        """Write the response."""
        error = self.request.error
        kind = kind_of_status(error.code)
        if not hasattr(self.request, "path"):  # unreadable request; waitress logs the path when a client disconnects
            self.request.path = "/"
        request_id = uuid4().hex
        body = problem_document(kind, str(error.body), instance=self.request.path or "/", request_id=request_id)
        self.status = f"{error.code} {kind.title}"
        self.response_headers.extend([("Content-Type", PROBLEM_JSON), ("X-Request-ID", request_id)])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _TooSlowError(Error):  # type: ignore[misc]  # waitress has no types
    code, reason = TIMEOUT.status, TIMEOUT.title


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection."""

    task_class = _Task
    error_task_class = _ProblemTask
    request: Any  # the one that arrives; None between two
    sendbuf_len: int

    def __init__(self, server: WebServer, *rest: Any, **options: Any) -> None:
        """Take an accepted connection; the arguments are waitress's."""
        super().__init__(server, *rest, **options)
        self.sendbuf_len = min(self.sendbuf_len, _SENT_AT_ONCE_BYTES)
        self._moved_bytes = 0
        self._left_of_turn_bytes = _SENT_IN_A_TURN_BYTES
        now_s = monotonic()
        self.progress = Progress(phase=Phase.IDLE, since_s=now_s, window_since_s=now_s, window_bytes=0)

    def parser_class(self, _adjustments: Adjustments) -> _Parser:
        """Return the parser of the next request."""
        return _Parser(self.server)

    @property
    def phase(self) -> Phase:
        """What the connection waits for."""
        if self.requests:
            # A task that waits for the client to read is the client's turn too.
            return Phase.READER if self.total_outbufs_len > self.adj.outbuf_high_watermark else Phase.ANSWER
        if self.total_outbufs_len:
            return Phase.READER
        if self.request is None:
            return Phase.IDLE
        return Phase.BODY if self.request.headers_finished else Phase.HEADERS

    @property
    def is_in_use(self) -> bool:
        """Whether the connection has a request, even an unfinished one, or a response."""
        return self.phase is not Phase.IDLE

    @property
    def unfinished_body(self) -> UploadBuffer | None:
        """The body that the client is sending; None if there is none."""
        request = self.request
        return None if request is None else request.body

    def look(self, now_s: float) -> None:
        """Note the connection's progress, and end it if its client took too long."""
        self.progress = self.progress.observed(self.phase, now_s=now_s, moved_bytes=self._moved_bytes)
        if not self.progress.is_overdue(now_s):
            return
        if self.progress.phase in (Phase.HEADERS, Phase.BODY):
            self._refuse_the_slow()
        else:  # not `will_close`: waitress obeys that when the socket takes bytes, and a stalled one takes none
            self.handle_close()

    def handle_read(self) -> None:
        """Receive bytes."""
        super().handle_read()
        if self.server.uploads.is_full:
            self.server.relieve()

    def recv(self, most_bytes: int) -> bytes:
        """Receive bytes and count them."""
        data: bytes = super().recv(most_bytes)
        self._moved_bytes += len(data)
        return data

    def handle_write(self) -> None:
        """Send what the socket takes, but no more than belongs to one turn."""
        self._left_of_turn_bytes = _SENT_IN_A_TURN_BYTES
        super().handle_write()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send bytes and count them; none if the turn is over, as if the socket were full."""
        if self._left_of_turn_bytes <= 0:
            return 0
        sent: int = super().send(data, do_close=do_close)
        self._moved_bytes += sent
        self._left_of_turn_bytes -= sent
        return sent

    def _refuse_the_slow(self) -> None:
        with self.requests_lock:
            request, self.request = self.request, None
            if request is None:
                return
            request.close()
            request.error = _TooSlowError(f"the {self.progress.phase} did not arrive in time")
            self.requests.append(request)
        self.server.add_task(self)


def _connection_limit() -> int:
    """Return how many connections the process may have."""
    if sys.platform == "win32":
        return 500  # `select` takes 512 sockets there
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _CONNECTIONS if soft == resource.RLIM_INFINITY else max(50, min(_CONNECTIONS, soft - _FILES_KEPT_FREE))
