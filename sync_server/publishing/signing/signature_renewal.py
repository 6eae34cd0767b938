"""Renews snapshot and timestamp of a served folder in the background, long before they expire."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_identify.edge_runtime.errors import EdgeIdentifyError
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.signing.key_ring import AskPassphrase, read_key_ring
from edge_identify.sync_server.publishing.signing.signed_repository import SignedRepository, is_signed_tree

_LOG = logging.getLogger(__name__)
LOOK_EVERY_S = 60.0  # what a maker has signed waits for this; looking reads a few small files


class SignatureRenewal:
    """Looks every minute, and renews if half of the time is over or signed versions wait. A context manager.

    A failure is logged. It ends nothing: the signatures are valid for days.
    """

    def __init__(self, repo: Path, keys: Path, ask: AskPassphrase, *, every_s: float = LOOK_EVERY_S) -> None:
        """Take the published folder and its keys; only the online key is used."""
        self._repo, self._keys, self._ask, self._every_s = repo, keys, ask, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="signature renewal")

    def __enter__(self) -> Self:
        """Look at once, then every minute."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def look(self) -> bool:
        """Renew if it is due; return whether."""
        tree = FolderTree(self._repo)
        if not is_signed_tree(tree):
            return False
        repository = SignedRepository(tree, read_key_ring(self._keys), self._ask, now_utc=datetime.now(UTC))
        with tree.publishing():  # one publish at a time: if one is running, it renews, too
            return repository.renew()

    def _run(self) -> None:
        while True:
            try:
                if self.look():
                    _LOG.info("signatures renewed")
            except EdgeIdentifyError as error:
                _LOG.warning("the signatures were not renewed", extra={"reason": str(error)})
            except Exception:  # the thread must go on: nobody would renew any more
                _LOG.exception("the signatures were not renewed")
            if self._ended.wait(self._every_s):
                return
