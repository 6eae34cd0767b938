"""A cache of hash checks: files of installed packs that are unchanged since their last check.

Hashing an encoder of 88 MB takes as long as running it twice. A file is hashed at its first use, and again if its size,
times or inode differ from the recorded ones. The records lie beside the versions in the store, never inside a pack.
`edge-identify verify` ignores them and reads every byte, which also finds faults of the disk.

Trap: file times have a resolution of up to 2 seconds, so a second change within that time is invisible. A file that was
changed a moment ago is therefore not recorded, but hashed again at its next use. Most file systems keep finer times,
which a moment of .05 s is enough for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from time import sleep, time_ns
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.io.durable_writes import write_bytes
from edge_identify.edge_runtime.io.json_fields import canonical_json
from edge_identify.edge_runtime.pack.pack_reader import check_file

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.manifest import FileEntry

NOTES_NAME = "verified.json"

_SETTLED_NS = 3 * 10**9  # longer than the coarsest resolution of file times
_FINE_SETTLED_NS = 50 * 10**6  # where times are finer than a millisecond: the kernel's clock ticks every 10 ms or less
_NS_PER_MS = 10**6
_LARGE_BYTES = 10**6  # a millisecond of hashing
_TIMES = ("modified_ns", "changed_ns")
_MAX_NOTES_BYTES = 4 * 2**20  # some hundred bytes for each file in use

_Note = Mapping[str, int | str]


class VerifiedFiles:
    """The recorded checks of one pack's files, in all its versions. Pass `check` to `open_pack`."""

    def __init__(self, notes_path: Path) -> None:
        """Read the records.

        Args:
            notes_path: The file of records, in the pack's folder of the store. It may be missing. If it cannot be read
                or written, every file is hashed at every use.
        """
        self._path = notes_path
        self._notes = _read(notes_path)

    def check(self, folder: Path, entry: FileEntry) -> None:
        """Check a file's content, by its hash or by the record of an earlier check.

        Raises:
            PackDamagedError: The file is missing, unreadable, or differs from the manifest.
        """
        path = folder / entry.path
        before = _note(path, entry)
        if before is not None and self._notes.get(self._key(path)) == before:
            return
        check_file(folder, entry)
        if before is not None and before == _note(path, entry) and _is_settled(before):
            self._add_all({path: before})

    def record(self, folder: Path, entries: Iterable[FileEntry], *, wait: Callable[[float], None] = sleep) -> None:
        """Record files whose hashes were checked a moment ago, as those of a version that was just installed.

        Args:
            folder: The folder of the version.
            entries: Its files.
            wait: Waits a number of seconds, so that the files of a large pack can be recorded. Those of a small one are
                hashed again as fast.
        """
        entries = tuple(entries)
        found = {folder / entry.path: note for entry in entries if (note := _note(folder / entry.path, entry))}
        rest_ns = max(map(_changed_ns, found.values()), default=0) + _FINE_SETTLED_NS - time_ns()
        if sum(entry.length_bytes for entry in entries) > _LARGE_BYTES and rest_ns >= 0:
            wait((min(rest_ns, _FINE_SETTLED_NS) + _NS_PER_MS) / 1e9)
        self._add_all({path: note for path, note in found.items() if _is_settled(note)})

    def forget(self) -> None:
        """Remove all records, so that every file is hashed at its next use."""
        self._notes = {}
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _add_all(self, notes: Mapping[Path, _Note]) -> None:
        kept = {key: old for key, old in self._notes.items() if self._is_there(key)}
        self._notes = kept | {self._key(path): note for path, note in notes.items()}
        with suppress(OSError):  # a read-only store: the file is intact, and will be hashed again
            write_bytes(self._path, canonical_json(self._notes))

    def _key(self, path: Path) -> str:
        return path.absolute().relative_to(self._path.parent.absolute()).as_posix()

    def _is_there(self, key: str) -> bool:
        return (self._path.parent / key).exists()


def _read(path: Path) -> Mapping[str, _Note]:
    try:
        if path.stat().st_size > _MAX_NOTES_BYTES:
            return {}
        notes = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}  # the records only save time
    return notes if isinstance(notes, dict) else {}


def _note(path: Path, entry: FileEntry) -> _Note | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return {
        "sha256": entry.sha256,
        "length_bytes": found.st_size,
        "modified_ns": found.st_mtime_ns,
        "changed_ns": found.st_ctime_ns,  # on Unix, no program can set this time back
        "inode": found.st_ino,
    }


def _is_settled(note: _Note) -> bool:
    is_fine = all(int(note[key]) % _NS_PER_MS for key in _TIMES)
    return time_ns() - _changed_ns(note) > (min(_FINE_SETTLED_NS, _SETTLED_NS) if is_fine else _SETTLED_NS)


def _changed_ns(note: _Note) -> int:
    return max(int(note[key]) for key in _TIMES)
