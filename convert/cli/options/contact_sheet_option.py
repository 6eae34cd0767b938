"""`--html` of the commands that look around in a catalogue: a contact sheet."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.io.output_files import check_nothing_lost, check_writable
from edge_identify.edge_runtime.io.printable_text import printable

if TYPE_CHECKING:
    from edge_identify.convert.exploring.contact_sheet import Row


def add_sheet_option(parser: argparse.ArgumentParser) -> None:
    """Add `--html`."""
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with small pictures: one file")


def check_sheet(options: argparse.Namespace, pictures: Iterable[Path]) -> None:
    """Find out before the work that the page could not be written after it, or would take the place of an input.

    Args:
        options: Of the command line, with `catalogue`.
        pictures: Files that are read.

    Raises:
        SetupError: The page has no place, or one that is taken.
    """
    if options.html is not None:
        check_writable(options.html, "--html")
        check_nothing_lost({"--html": options.html}, [options.catalogue, *pictures])


def write_sheet(path: Path, title: str, about: str, rows: Iterable[Row]) -> None:
    """Write a contact sheet, whole or not at all."""
    from edge_identify.convert.exploring.contact_sheet import contact_sheet
    from edge_identify.edge_runtime.io.disk import disk_errors_explained
    from edge_identify.edge_runtime.io.durable_writes import write_bytes

    with disk_errors_explained(path.parent):
        write_bytes(path, contact_sheet(title, about, rows).encode())
    print(f"page: {printable(str(path))}", file=sys.stderr)
