"""`--pack` and `--store`: a pack by its name in the store, or by its folder.

A value with a slash is a folder (`--pack ./my-pack`); any other value is the name of an installed pack.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from edge_identify.edge_runtime.errors import PackError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.store.open_by_name import AskedPacks, open_asked, open_named
from edge_identify.edge_runtime.store.pack_store import PackStore, default_store_folder
from edge_identify.edge_runtime.terminal.exit_codes import ANSWERED, ExitCode


def add_store_option(group: argparse._ArgumentGroup) -> None:
    """Add `--store`."""
    group.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="folder of the installed packs (default: this platform's application data folder)",
    )


def add_pack_options(parser: argparse.ArgumentParser, *, without: str = "all installed packs") -> None:
    """Add `--pack` and `--store`.

    Args:
        parser: Of the command.
        without: What the command uses without `--pack` where the store has no default pack.
    """
    group = parser.add_argument_group("pack")
    group.add_argument(
        "--pack",
        metavar="NAME|DIR",
        help="name of an installed pack, or folder of a pack, with a slash (./street-art); default: the default pack "
        f"(edge-identify packs --default), or else {without}",
    )
    add_store_option(group)


def chosen_store(options: argparse.Namespace) -> PackStore:
    """Return the store of `--store`, or the default one."""
    return PackStore(options.store or default_store_folder())


def chosen_pack(options: argparse.Namespace) -> Pack:
    """Open the pack of `--pack`, the default pack, or the only installed pack.

    Raises:
        PackError: There is no such pack, or it is damaged.
        SetupError: Several packs are installed, none is the default, and `--pack` is missing.
    """
    return open_named(options.pack, options.store)


class LeftOutPacks:
    """The packs that were left out for a fault: each is named once on standard error, and the exit code tells."""

    def __init__(self) -> None:
        """Begin with none."""
        self._names: set[str] = set()

    def report(self, name: str, error: PackError) -> None:
        """Name a pack that is left out."""
        if name not in self._names:
            self._names.add(name)
            print(f"pack {printable(f'{name} is left out: {error}')}", file=sys.stderr)

    def report_all(self, faults: Iterable[tuple[str, PackError]]) -> None:
        """Name packs that are left out."""
        for name, error in faults:
            self.report(name, error)

    def code_of(self, code: ExitCode) -> ExitCode:
        """Return the exit code of a run whose photos came to `code`: a pack left out might have known better."""
        return ExitCode.SOME_SKIPPED if self._names and code in ANSWERED else code


def chosen_packs(options: argparse.Namespace) -> AskedPacks:
    """Open the packs that answer: that of `--pack`, the default pack, or all installed packs.

    Raises:
        PackError: There is no such pack, or none can be opened.
    """
    return open_asked(options.pack, options.store)
