"""`--pack` and `--store`: a pack by its name in the store, or by its folder.

A value with a slash is a folder (`--pack ./my-pack`); any other value is the name of an installed pack.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.store.open_by_name import open_named
from edge_identify.edge_runtime.store.pack_store import PackStore, default_store_folder


def add_store_option(group: argparse._ArgumentGroup) -> None:
    """Add `--store`."""
    group.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="folder of the installed packs (default: this platform's application data folder)",
    )


def add_pack_options(parser: argparse.ArgumentParser) -> None:
    """Add `--pack` and `--store`."""
    group = parser.add_argument_group("pack")
    group.add_argument(
        "--pack",
        metavar="NAME|DIR",
        help="name of an installed pack, or folder of a pack, with a slash (./street-art); required if several packs "
        "are installed",
    )
    add_store_option(group)


def chosen_store(options: argparse.Namespace) -> PackStore:
    """Return the store of `--store`, or the default one."""
    return PackStore(options.store or default_store_folder())


def chosen_pack(options: argparse.Namespace) -> Pack:
    """Open the pack of `--pack`, or the only installed pack.

    Raises:
        PackError: There is no such pack, or it is damaged.
        SetupError: Several packs are installed and `--pack` is missing.
    """
    return open_named(options.pack, options.store)
