"""The service on a socket, until SIGTERM or SIGINT.

waitress itself answers broken HTTP and bodies over its limit. Those responses are problem documents too.

Trap: waitress closes the connection of a client that sends more than waitress's limit, and the client sees a connection
error. So that limit is four times the service's own, and Flask answers 413 in between.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING
from uuid import uuid4

from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.work_folder import work_folder
from edge_identify.edge_runtime.store.bounded_self_test import self_test_within_limits
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
from edge_identify.sync_server.answering.engine_pool import EnginePool, PoolRefresher
from edge_identify.sync_server.answering.pack_sources import InstalledPacks, PackSource, PublishedPacks, ReadableTree
from edge_identify.sync_server.contract.problem_kinds import kind_of_status
from edge_identify.sync_server.contract.problem_responses import PROBLEM_JSON, problem_document
from edge_identify.sync_server.delivery.image_urls import image_urls
from edge_identify.sync_server.publishing.bucket_objects import Bucket
from edge_identify.sync_server.publishing.bucket_tree import BucketTree
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.service.app import create_app
from edge_identify.sync_server.service.json_logs import json_logs
from edge_identify.sync_server.service.metrics import ServiceMetrics

if TYPE_CHECKING:
    from edge_identify.sync_server.service.settings import Settings

THREADS = 16  # each computes one response; waitress sends files without them (see `file_responses`)
_WORK_PREFIX = "edge-serve-"
_READ_BEYOND_CAP = 4
_RECEIVED_AT_ONCE_BYTES = 1 << 18  # waitress's default of 8 KiB takes 300 loop passes for a phone's photo
_IN_MEMORY_BYTES = 1 << 22  # a phone's photo; larger bodies go to a temporary file


def serve(settings: Settings, *, announce: Callable[[str], None]) -> ExitCode:
    """Serve until a signal: return 0 after SIGTERM, 130 after Ctrl-C.

    Args:
        settings: What to serve, and where.
        announce: Called with one line for the operator when the socket accepts connections.

    Raises:
        SetupError: The address is in use or invalid, or a setting cannot be used.
    """
    shutdown = ShutdownSignal()
    metrics = ServiceMetrics()
    urls = image_urls(
        settings.image_urls,
        endpoint=settings.endpoint or None,
        valid_s=settings.image_url_valid_s,
        count=metrics.add_object_store_request,
    )
    with ExitStack() as stack:
        stack.enter_context(json_logs(settings.log_level))
        # Bind first: waitress starts its threads before it binds, and leaves them running if the port is in use.
        listener = stack.enter_context(_bound_socket(settings.host, settings.port))
        pool = None if settings.deliver_only else _pool(settings, metrics, stack)
        server = create_server(
            create_app(settings.repo, pool=pool, settings=settings, metrics=metrics, image_urls=urls),
            sockets=[listener],
            threads=THREADS,
            ident=None,
            max_request_body_size=_READ_BEYOND_CAP * settings.max_body_bytes,
            recv_bytes=_RECEIVED_AT_ONCE_BYTES,
            inbuf_overflow=_IN_MEMORY_BYTES,
        )
        server.channel_class = _Channel
        signal.signal(signal.SIGTERM, shutdown)
        signal.signal(signal.SIGINT, shutdown)
        announce(f"serving {settings.repo or settings.store or settings.bucket} at {_url(listener)}")
        if pool is not None:  # after the announcement: programs wait for it as the first line
            stack.enter_context(PoolRefresher(pool, settings.refresh_s))
        server.run()
        server.close()
    return shutdown.code


class ShutdownSignal:
    """Signal handler: the first signal ends the service, later ones do not interrupt the clean-up."""

    def __init__(self) -> None:
        """Start without a signal."""
        self._first: int | None = None

    def __call__(self, number: int, _frame: FrameType | None = None) -> None:
        """Handle a signal. waitress ends its loop on `SystemExit`."""
        if self._first is None:
            self._first = number
            raise SystemExit

    @property
    def code(self) -> ExitCode:
        """The exit code."""
        return ExitCode.INTERRUPTED if self._first == signal.SIGINT else ExitCode.DONE


def _pool(settings: Settings, metrics: ServiceMetrics, stack: ExitStack) -> EnginePool:
    """Return an empty pool over the configured sources."""
    sources: list[PackSource] = []
    trees: list[ReadableTree] = []
    if settings.repo is not None:
        trees.append(FolderTree(settings.repo))
    if settings.bucket:
        count = metrics.add_object_store_request
        trees.append(BucketTree(Bucket(settings.bucket, endpoint=settings.endpoint or None, count=count)))
    if trees:
        work = stack.enter_context(work_folder(_WORK_PREFIX))
        sources += [PublishedPacks(tree, work, self_test=self_test_within_limits) for tree in trees]
    if settings.store is not None:
        sources.append(InstalledPacks(PackStore(settings.store)))
    concurrency = ConcurrencyLimit(settings.concurrent_photos, patience_s=settings.patience_s)
    pool = EnginePool(sources, concurrency, default_pack=settings.default_pack or None)
    stack.callback(pool.close)
    return pool


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


class _Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    error_task_class = _ProblemTask


def _bound_socket(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except OSError as error:
        raise SetupError(
            f"cannot listen on {host} port {port} ({error.strerror or error}); "
            "choose another --port, or 0 for a free one"
        ) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
