"""Which pack a command means: a name in this device's store, or a folder.

Text with a slash names a folder (`--pack ./my-pack`); anything else is a pack's name.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.store.installed_packs import open_named
from edge_identify.edge_runtime.store.pack_store import PackStore, default_store_folder


def add_store_option(parser: argparse.ArgumentParser) -> None:
    """Add `--store`."""
    parser.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="where packs are kept (default: this platform's data folder)",
    )


def add_pack_options(parser: argparse.ArgumentParser) -> None:
    """Add `--pack` and `--store`."""
    parser.add_argument(
        "--pack",
        metavar="NAME",
        help="a pack on this device, or a pack's folder (with a slash); needed when there are several",
    )
    add_store_option(parser)


def chosen_store(options: argparse.Namespace) -> PackStore:
    """Return the store that the options mean."""
    return PackStore(options.store or default_store_folder())


def chosen_pack(options: argparse.Namespace) -> Pack:
    """Open the pack that the options mean.

    Raises:
        PackError: There is no such pack, or it is damaged.
        SetupError: Several packs are installed and none was named.
    """
    return open_named(options.pack, options.store)
