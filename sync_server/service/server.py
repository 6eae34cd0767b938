"""The service on a socket, until SIGTERM or SIGINT. `web_server` has its limits."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.work_folder import work_folder
from edge_identify.edge_runtime.store.bounded_self_test import self_test_within_limits
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
from edge_identify.sync_server.answering.engine_pool import EnginePool, PoolRefresher
from edge_identify.sync_server.answering.pack_sources import InstalledPacks, PackSource, PublishedPacks, ReadableTree
from edge_identify.sync_server.delivery.image_urls import image_urls
from edge_identify.sync_server.delivery.web_app_routes import APP_PATH
from edge_identify.sync_server.publishing.bucket_objects import Bucket
from edge_identify.sync_server.publishing.bucket_tree import BucketTree
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.signing.signature_renewal import SignatureRenewal
from edge_identify.sync_server.service.allocator import return_large_blocks
from edge_identify.sync_server.service.app import create_app
from edge_identify.sync_server.service.json_logs import json_logs
from edge_identify.sync_server.service.metrics import ServiceMetrics
from edge_identify.sync_server.service.web_server import ServerLimits, WebServer

if TYPE_CHECKING:
    from edge_identify.sync_server.publishing.signing.key_ring import AskPassphrase
    from edge_identify.sync_server.service.settings import Settings

_WORK_PREFIX = "edge-serve-"
_DRAIN_S = {signal.SIGTERM: 6.0, signal.SIGINT: 1.0}  # `edge-serve` ends within 8 s, and within 2 s for a person


def serve(
    settings: Settings,
    *,
    announce: Callable[[str], None],
    hint: Callable[[str], None] = lambda _: None,
    ask: AskPassphrase = lambda _: None,
) -> ExitCode:
    """Serve until a signal: return 0 after SIGTERM, 130 after Ctrl-C.

    Args:
        settings: What to serve, and where.
        announce: Called with one line for the operator when the socket accepts connections.
        hint: Called with a further line for people: where the web app is.
        ask: Returns the passphrase of the online key, if it has one.

    Raises:
        SetupError: The address is in use or invalid, or a setting cannot be used.
    """
    return_large_blocks()
    metrics = ServiceMetrics()
    urls = image_urls(
        settings.image_urls,
        endpoint=settings.endpoint or None,
        valid_s=settings.image_url_valid_s,
        count=metrics.add_object_store_request,
    )
    with ExitStack() as stack:
        stack.enter_context(json_logs(settings.log_level))
        listener = stack.enter_context(_bound_socket(settings.host, settings.port))
        pool = None if settings.deliver_only else _pool(settings, metrics, stack)
        app = create_app(settings.repo, pool=pool, settings=settings, metrics=metrics, image_urls=urls)
        limits = ServerLimits(body_bytes=settings.max_body_bytes, patience_s=settings.patience_s)
        server = WebServer(app, listener, limits)
        shutdown = ShutdownSignal(lambda number: server.end(drain_s=_DRAIN_S[number]))
        signal.signal(signal.SIGTERM, shutdown)
        signal.signal(signal.SIGINT, shutdown)
        announce(f"serving {settings.repo or settings.store or settings.bucket} at {_url(listener)}")
        hint(_app_line(settings, _url(listener)))
        if pool is not None:  # after the announcement: programs wait for it as the first line
            stack.enter_context(PoolRefresher(pool, settings.refresh_s))
        if settings.repo is not None and settings.keys is not None:
            stack.enter_context(SignatureRenewal(settings.repo, settings.keys, ask))
        server.run()
        server.close()
    return shutdown.code


class ShutdownSignal:
    """Signal handler: the first signal ends the service, later ones do not interrupt the clean-up."""

    def __init__(self, end: Callable[[signal.Signals], None]) -> None:
        """Take what the first signal calls."""
        self._end = end
        self._first: int | None = None

    def __call__(self, number: int, _frame: FrameType | None = None) -> None:
        """Handle a signal."""
        if self._first is None:
            self._first = number
            self._end(signal.Signals(number))

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


def _bound_socket(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except OSError as error:
        raise SetupError(
            f"cannot listen on {host} port {port} ({error.strerror or error}); "
            "choose another --port, or 0 for a free one"
        ) from error


def _app_line(settings: Settings, url: str) -> str:
    """Return where the field app is. Browsers run it on https:// addresses, and on this machine."""
    address = f"{settings.public_url.rstrip('/')}/" if settings.public_url else url
    hint = "" if address.startswith("https:") else " on this machine; for phones, put an https:// proxy in front"
    return f"field app at {address}{APP_PATH.removeprefix('/')}/{hint}"


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
