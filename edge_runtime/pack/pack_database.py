"""Reading a SQLite file of a pack. Its content may be hostile, even if its hash is right.

Every query of the references and the thumbnails runs through `PackDatabase`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from edge_identify.edge_runtime.errors import PackDamagedError


class PackDatabase:
    """A SQLite file of a pack, opened for reading. Threads may share it."""

    def __init__(self, path: Path, *, content: str) -> None:
        """Open a file for reading.

        Args:
            path: The file. Its hash must have been checked: SQLite is native code.
            content: What it holds, for messages: `references`.
        """
        self._path, self._content = path, content
        # Threads take turns: SQLite may be built without thread safety, and Python shares its compiled statements.
        self._one_at_a_time = Lock()
        # immutable: SQLite makes no lock file, so a pack on a read-only disk opens.
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )

    def close(self) -> None:
        """Close the file after the running query: SQLite crashes if it is closed during one."""
        with self._one_at_a_time:
            self._database.close()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a query.

        Raises:
            PackDamagedError: The file is damaged, or a text in it is not UTF-8.
            ValueError: The file was closed.
        """
        try:
            with self._one_at_a_time:
                return self._database.execute(query, tuple(values)).fetchall()
        except sqlite3.ProgrammingError as error:
            raise ValueError(f"{self._path}: the table was closed") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # a damaged name in a message is not UTF-8
            raise self._damaged(_reason(error)) from error

    def _damaged(self, reason: str) -> PackDamagedError:
        return PackDamagedError(
            f"{self._path}: is not a readable {self._content} file ({reason}); build or fetch the pack again"
        )


def _reason(error: Exception) -> str:
    return "its schema is damaged" if isinstance(error, UnicodeDecodeError) else str(error)
