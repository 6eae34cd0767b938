"""Reading a SQLite file of a pack. Its content may be hostile, even if its hash is right.

Every query of the references and the thumbnails runs through `PackDatabase`. A view in the place of a table computes
whatever it likes, without end, when the table is read. So the schema is checked before the first query, against the
lists at the top of this module; every row has a most length, and every query a most duration.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from time import monotonic

from edge_identify.edge_runtime.errors import PackDamagedError

#: Begins of the statements that a schema may have. Tables of other names may be there: a later format may add some.
#: `CREATE VIRTUAL TABLE ... USING fts5` and its tables would be added here, by name.
ALLOWED_STATEMENTS = re.compile(r"\s*CREATE\s+(TABLE|INDEX|UNIQUE\s+INDEX)\s", re.IGNORECASE)
ALLOWED_TYPES = ("table", "index")
MOST_ENTRIES = 100  # of a schema; a pack's files have four

MAX_QUERY_S = 20.0  # the labels of a million references take 2 s on a laptop
_STEPS_BETWEEN_LOOKS = 100_000  # of SQLite's machine: some milliseconds
_MOST_COLUMNS = 200
_INTERRUPTED = "interrupted"  # SQLite's message
_SHOWN = 60  # characters of a name in a message


class PackDatabase:
    """A SQLite file of a pack, opened for reading. Threads may share it."""

    def __init__(self, path: Path, *, content: str, max_row_bytes: int) -> None:
        """Open a file for reading. Nothing is read yet.

        Args:
            path: The file. Its hash must have been checked: SQLite is native code.
            content: What it holds, for messages: `references`.
            max_row_bytes: Most length of a row; a longer one is damage.
        """
        self._path, self._content = path, content
        # Threads take turns: SQLite may be built without thread safety, and Python shares its compiled statements.
        self._one_at_a_time = Lock()
        # immutable: SQLite makes no lock file, so a pack on a read-only disk opens.
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max_row_bytes)
        self._database.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, _MOST_COLUMNS)
        self._database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._is_checked = False
        self._until_s = 0.0
        self._database.set_progress_handler(self._is_over, _STEPS_BETWEEN_LOOKS)

    def close(self) -> None:
        """Close the file after the running query: SQLite crashes if it is closed during one."""
        with self._one_at_a_time:
            self._database.close()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a query.

        Raises:
            PackDamagedError: The file is damaged, its schema is not permitted, a text in it is not UTF-8, a row is too
                long, or the query takes longer than `MAX_QUERY_S`.
            ValueError: The file was closed.
            KeyboardInterrupt: A signal asked the process to end.
        """
        try:
            with self._one_at_a_time:
                self._until_s = monotonic() + MAX_QUERY_S
                if not self._is_checked:
                    self._check_schema()
                return self._database.execute(query, tuple(values)).fetchall()
        except sqlite3.ProgrammingError as error:
            raise ValueError(f"{self._path}: the table was closed") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if str(error) == _INTERRUPTED and not self._is_over():
                # A signal's handler raised an exception on the way into `_is_over`, and SQLite swallowed it.
                raise KeyboardInterrupt from None
            raise self._damaged(_reason(error)) from error

    def _is_over(self) -> bool:
        """Return whether the time of the query is over. SQLite calls this now and then, which lets signals in, too."""
        return monotonic() > self._until_s

    def _check_schema(self) -> None:
        problem = next(self._problems(), None)
        if problem is not None:
            raise self._damaged(problem)
        self._is_checked = True

    def _problems(self) -> Iterator[str]:
        self._database.execute("PRAGMA trusted_schema = OFF")
        entries = self._database.execute(
            f"SELECT type, name, rootpage, sql FROM sqlite_master LIMIT {MOST_ENTRIES + 1}"
        ).fetchall()
        if len(entries) > MOST_ENTRIES:
            yield f"it has more than {MOST_ENTRIES} tables and indexes"
        for kind, name, page, statement in entries:
            is_own_index = kind == "index" and statement is None  # of a primary key
            is_permitted = is_own_index or ALLOWED_STATEMENTS.match(str(statement)) is not None
            if kind not in ALLOWED_TYPES or not is_permitted or not page:
                yield f"it has {str(name)[:_SHOWN]!r}, which is neither a table nor an index"
        for kind, name, _, _ in entries:
            if kind == "table" and any(hidden for *_, hidden in self._columns(str(name))):
                yield f"its table {str(name)[:_SHOWN]!r} has computed columns"

    def _columns(self, table: str) -> list[tuple[object, ...]]:
        return self._database.execute("SELECT * FROM pragma_table_xinfo(?)", (table,)).fetchall()

    def _damaged(self, reason: str) -> PackDamagedError:
        return PackDamagedError(
            f"{self._path}: is not a readable {self._content} file ({reason}); build or fetch the pack again"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):  # SQLite's message quotes a damaged name
        return "its schema is damaged"
    if str(error) == _INTERRUPTED:
        return f"a query takes longer than {MAX_QUERY_S:g} seconds"
    return str(error)
