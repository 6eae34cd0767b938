"""The open packs of a server, and their replacement by newer versions while requests run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.encoders.shared_encoders import SharedEncoders
from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackNotFoundError
from edge_identify.sync_server.answering.batched_encoder import BatchedEncoder
from edge_identify.sync_server.answering.pack_engine import PackEngine
from edge_identify.sync_server.answering.shared_resources import SharedResources

if TYPE_CHECKING:
    from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
    from edge_identify.sync_server.answering.pack_sources import AvailableVersion, PackSource

_LOG = logging.getLogger(__name__)
_REFRESH_ENDS_WITHIN_S = 1.5  # at the end of the server; a self-test that runs then is given up
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 300.0  # between tries to open a version; each try may download it whole


class NotReadyError(Exception):
    """The packs are still being opened, or no pack could be opened."""


class NoPackChosenError(Exception):
    """The request names no pack, and the server has several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused:
    """A version that could not be opened.

    Attributes:
        manifest_sha256: Hash of its manifest.
        reason: Why it cannot be opened.
        pause_s: Pause before the next try.
        until_s: Clock time of the next try.
    """

    manifest_sha256: str
    reason: str
    pause_s: float
    until_s: float


class EnginePool:
    """Open packs by name, one version of each. Call `refresh` first and `close` last. Thread-safe."""

    def __init__(
        self,
        sources: Sequence[PackSource],
        concurrency: ConcurrencyLimit,
        *,
        default_pack: str | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Start empty.

        Args:
            sources: Where packs come from. For packs of the same name, the first source takes precedence.
            concurrency: Limits decoding and embedding, for all packs together.
            default_pack: The pack for requests that name none. None: all packs.
            clock: Monotonic seconds.
        """
        self._sources, self._concurrency, self._default, self._clock = sources, concurrency, default_pack, clock
        self._encoders = SharedEncoders(BatchedEncoder)
        self._engines: SharedResources[str, PackEngine] = SharedResources(PackEngine.close)
        self._open_hashes: dict[str, str] = {}  # of the open manifest, by pack name
        self._refused: dict[str, _Refused] = {}
        self._last_available: list[list[AvailableVersion]] = [[] for _ in sources]
        self._refreshing = Lock()
        self._has_looked = Event()
        self._cannot_list = False

    @property
    def has_looked(self) -> bool:
        """Whether `refresh` has finished once."""
        return self._has_looked.is_set()

    @property
    def refused(self) -> dict[str, str]:
        """Why the newest version could not be opened, by pack name."""
        return {name: refused.reason for name, refused in self._refused.copy().items()}

    @property
    def cannot_list(self) -> bool:
        """Whether the last `refresh` failed to list the packs of a source."""
        return self._cannot_list

    def names(self) -> tuple[str, ...]:
        """Return the names of the open packs, sorted."""
        return tuple(sorted(self._engines.keys()))

    def refresh(self) -> None:
        """Open new versions and withdraw packs that are gone.

        If a version cannot be opened, the previous one stays open. `refresh` tries again after a pause of 5 s, which
        doubles up to 300 s: a network error, a full disk or a damaged object may be repaired. If a source cannot be
        listed, its last list stays valid.
        """
        with self._refreshing:
            available = self._available()
            for name in (self._open_hashes.keys() | self._refused.keys()) - available.keys():
                self._forget(name)
            for candidate in available.values():
                if self._open_hashes.get(candidate.name) == candidate.manifest_sha256:
                    self._refused.pop(candidate.name, None)  # a refused newer version is no longer offered
                elif not self._is_left_alone(candidate):
                    self._open(candidate)
            self._has_looked.set()

    @property
    def default_pack(self) -> str | None:
        """The pack for requests that name none; None for all packs."""
        return self._default

    @contextmanager
    def borrow_asked(self, name: str | None) -> Iterator[tuple[PackEngine, ...]]:
        """Lend the engines that a request asks while the block runs, in the order of their names, at least one.

        Args:
            name: Name of the pack; None for the default pack, or else all open packs.

        Raises:
            PackNotFoundError: The server has no pack of that name.
            NotReadyError: The packs are still being opened, or none could be opened.
        """
        one = name or self._default
        if one is None and not self.has_looked:  # the packs that are open already do not speak for all
            raise NotReadyError("the packs are being opened")
        with ExitStack() as stack:
            engines = [] if one is None else [stack.enter_context(self._lent(one))]
            for each in () if one is not None else self.names():
                with suppress(PackNotFoundError):  # withdrawn a moment ago
                    engines.append(stack.enter_context(self._lent(each)))
            if not engines:
                raise NotReadyError("no pack is open")
            yield tuple(engines)

    @contextmanager
    def borrow(self, name: str | None = None) -> Iterator[PackEngine]:
        """Lend a pack's engine while the block runs.

        Args:
            name: Name of the pack; None for the default pack.

        Raises:
            PackNotFoundError: The server has no pack of that name.
            NoPackChosenError: `name` is None and there are several packs and no default.
            NotReadyError: The packs are still being opened, or the pack could not be opened.
        """
        chosen = self._chosen() if name is None else name
        with self._lent(chosen) as engine:
            yield engine

    def close(self) -> None:
        """Withdraw all packs. A pack in use is closed after its last request."""
        with self._refreshing:
            for name in self._open_hashes.keys() | self._refused.keys():
                self._forget(name)

    @contextmanager
    def _lent(self, name: str) -> Iterator[PackEngine]:
        names = self.names()
        if name not in names:
            if not self.has_looked or name in self._refused:
                raise NotReadyError(f"pack {name!r} is not open yet")
            raise PackNotFoundError(f"the server has no pack {name!r}; it has {', '.join(names) or 'none'}")
        with ExitStack() as stack:
            try:
                engine = stack.enter_context(self._engines.borrow(name))
            except KeyError as error:
                raise PackNotFoundError(f"pack {name!r} was withdrawn") from error
            yield engine

    def _chosen(self) -> str:
        names = self.names()
        if self._default is not None:
            return self._default
        if not names:
            raise NotReadyError("no pack is open")
        if len(names) > 1:
            raise NoPackChosenError(f"the server has several packs; choose one with `pack`: {', '.join(names)}")
        return names[0]

    def _available(self) -> dict[str, AvailableVersion]:
        available: dict[str, AvailableVersion] = {}
        self._cannot_list = False
        for at, source in enumerate(self._sources):
            try:
                self._last_available[at] = source.available_versions()
            except EdgeIdentifyError as error:
                self._cannot_list = True
                _LOG.warning("packs cannot be listed", extra={"reason": str(error)})
            available = {candidate.name: candidate for candidate in self._last_available[at]} | available
        return available

    def _is_left_alone(self, candidate: AvailableVersion) -> bool:
        refused = self._refused.get(candidate.name)
        return (
            refused is not None
            and refused.manifest_sha256 == candidate.manifest_sha256
            and self._clock() < refused.until_s
        )

    def _open(self, candidate: AvailableVersion) -> None:
        try:
            engine = self._checked_engine(candidate)
        except (EdgeIdentifyError, OSError) as error:
            pause_s = self._refuse(candidate, str(error))
            _LOG.warning(
                "a pack cannot be opened",
                extra={
                    "pack": candidate.name,
                    "version": str(candidate.version),
                    "reason": str(error),
                    "tried_again_in_s": pause_s,
                },
            )
            return
        except Exception as error:  # unexpected: raise it; the next refresh skips this version
            self._refuse(candidate, type(error).__name__)
            raise
        self._refused.pop(candidate.name, None)
        self._engines.put(candidate.name, engine)
        self._open_hashes[candidate.name] = candidate.manifest_sha256
        _LOG.info("a pack answers", extra={"pack": candidate.name, "version": str(candidate.version)})

    def _checked_engine(self, candidate: AvailableVersion) -> PackEngine:
        engine = PackEngine(candidate.open(), self._concurrency, self._encoders)
        try:
            engine.check(encodes=True)
        except BaseException:
            engine.close()
            raise
        return engine

    def _refuse(self, candidate: AvailableVersion, reason: str) -> float:
        """Note that a version cannot be opened; return the pause before the next try, in seconds."""
        before = self._refused.get(candidate.name)
        again = before is not None and before.manifest_sha256 == candidate.manifest_sha256
        pause_s = min(2 * before.pause_s, _LONGEST_PAUSE_S) if before is not None and again else _FIRST_PAUSE_S
        self._refused[candidate.name] = _Refused(
            manifest_sha256=candidate.manifest_sha256,
            reason=reason,
            pause_s=pause_s,
            until_s=self._clock() + pause_s,
        )
        return pause_s

    def _forget(self, name: str) -> None:
        self._open_hashes.pop(name, None)
        self._refused.pop(name, None)
        self._engines.withdraw(name)


class PoolRefresher:
    """A thread that refreshes a pool at once and then at an interval, while a block runs."""

    def __init__(self, pool: EnginePool, every_s: float) -> None:
        """Take a pool and an interval in seconds. The thread starts when the block is entered."""
        self._pool, self._every_s = pool, every_s
        self._end = Event()
        self._thread = Thread(target=self._run, name="refreshing", daemon=True)

    def __enter__(self) -> PoolRefresher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(_REFRESH_ENDS_WITHIN_S)

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._pool.refresh()
            except Exception:  # the thread must survive: the cause may be gone at the next refresh
                _LOG.exception("refreshing the packs failed")
            self._end.wait(self._every_s)
