"""All packs that this server answers from, and their change for newer versions while requests run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackNotFoundError
from edge_identify.sync_server.engine.lending import Lending
from edge_identify.sync_server.engine.pack_engine import PackEngine

if TYPE_CHECKING:
    from edge_identify.sync_server.engine.pack_sources import Offer, PackSource
    from edge_identify.sync_server.engine.turns import Turns

_LOG = logging.getLogger(__name__)


class NotReadyError(Exception):
    """The packs are still being opened, or none could be."""


class NoPackChosenError(Exception):
    """Several packs could answer and none was named."""


class EngineRoom:
    """Packs by name, each open in one version. Call `refresh` to begin with, and `close` at the end."""

    def __init__(self, sources: Sequence[PackSource], turns: Turns, *, default_pack: str | None = None) -> None:
        """Begin with nothing.

        Args:
            sources: Where packs come from; of two with one name the first source's counts.
            turns: For decoding and embedding, of all packs together.
            default_pack: Answers where no pack is named; None leaves that to the only one.
        """
        self._sources, self._turns, self._default = sources, turns, default_pack
        self._engines: Lending[str, PackEngine] = Lending(PackEngine.close)
        self._known: dict[str, str] = {}  # hash of the manifest that is open, or could not be opened, by name
        self._refused: dict[str, str] = {}
        self._refreshing = Lock()
        self._has_looked = Event()
        self._cannot_list = False

    @property
    def has_looked(self) -> bool:
        """Whether `refresh` has ended once."""
        return self._has_looked.is_set()

    @property
    def refused(self) -> dict[str, str]:
        """Why newest versions could not be opened, by pack."""
        return dict(self._refused)

    @property
    def cannot_list(self) -> bool:
        """Whether what lists the packs could not be read when it was looked at last."""
        return self._cannot_list

    def names(self) -> tuple[str, ...]:
        """Return the names of the packs that answer, sorted."""
        return tuple(sorted(self._engines.keys()))

    def refresh(self) -> None:
        """Open what is new and withdraw what is gone; a version that cannot be opened leaves the one before at work."""
        with self._refreshing:
            try:
                offers = self._offers()
            except EdgeIdentifyError as error:
                self._cannot_list = True
                _LOG.warning("packs cannot be listed", extra={"reason": str(error)})
            else:
                self._cannot_list = False
                for name in self._known.keys() - offers.keys():
                    self._forget(name)
                for offer in offers.values():
                    if self._known.get(offer.name) != offer.manifest_sha256:
                        self._open(offer)
            self._has_looked.set()

    @contextmanager
    def borrow(self, name: str | None = None) -> Iterator[PackEngine]:
        """Lend a pack's engine while the block runs.

        Args:
            name: The pack's; None for the default one.

        Raises:
            PackNotFoundError: No such pack answers here.
            NoPackChosenError: There are several, and no default.
            NotReadyError: Nothing is open yet, or nothing could be.
        """
        chosen = self._chosen() if name is None else name
        with self._lent(chosen) as engine:
            yield engine

    def close(self) -> None:
        """Close everything that nobody uses; what is in use is closed after that."""
        with self._refreshing:
            for name in tuple(self._known):
                self._forget(name)

    @contextmanager
    def _lent(self, name: str) -> Iterator[PackEngine]:
        names = self.names()
        if name not in names:
            if not self.has_looked or name in self._refused:
                raise NotReadyError(f"pack {name!r} is not ready to answer")
            raise PackNotFoundError(f"no pack {name!r} answers here; there is {', '.join(names) or 'none'}")
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
            raise NoPackChosenError(f"several packs answer here; choose one with `pack`: {', '.join(names)}")
        return names[0]

    def _offers(self) -> dict[str, Offer]:
        offers: dict[str, Offer] = {}
        for source in self._sources:
            offers = {offer.name: offer for offer in source.offers()} | offers
        return offers

    def _open(self, offer: Offer) -> None:
        self._known[offer.name] = offer.manifest_sha256
        try:
            engine = PackEngine(offer.open(), self._turns)
        except (EdgeIdentifyError, OSError) as error:
            self._refused[offer.name] = str(error)
            _LOG.warning(
                "a pack cannot be opened",
                extra={"pack": offer.name, "version": str(offer.version), "reason": str(error)},
            )
            return
        self._refused.pop(offer.name, None)
        self._engines.put(offer.name, engine)
        _LOG.info("a pack answers", extra={"pack": offer.name, "version": str(offer.version)})

    def _forget(self, name: str) -> None:
        self._known.pop(name)
        self._refused.pop(name, None)
        self._engines.withdraw(name)


class Refreshing:
    """A thread that refreshes a room at once and then again and again, while a block runs."""

    def __init__(self, room: EngineRoom, every_s: float) -> None:
        """Take a room; nothing runs yet."""
        self._room, self._every_s = room, every_s
        self._end = Event()
        self._thread = Thread(target=self._run, name="refreshing", daemon=True)

    def __enter__(self) -> Refreshing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._room.refresh()
            except Exception:  # the thread must live: what it trips over today may be gone tomorrow
                _LOG.exception("refreshing the packs failed")
            self._end.wait(self._every_s)
