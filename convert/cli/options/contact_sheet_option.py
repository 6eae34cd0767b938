"""`--html` of `search` and `duplicates`: a contact sheet of catalogue images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.progress import during, shown_progress
from edge_identify.edge_runtime.io.output_files import check_nothing_lost, check_writable
from edge_identify.edge_runtime.io.printable_text import printable

if TYPE_CHECKING:
    from edge_identify.convert.exploring.contact_sheet import Row


def add_sheet_option(group: argparse._ArgumentGroup) -> None:
    """Add `--html`."""
    group.add_argument(
        "--html", type=Path, metavar="FILE", help="write an HTML page with thumbnails: one file; - is standard output"
    )


def check_sheet(options: argparse.Namespace, images: Iterable[Path]) -> None:
    """Check before the work that the page can be written and does not overwrite an input.

    Args:
        options: Of the command line, with `catalogue`.
        images: Files that are read.

    Raises:
        SetupError: The page cannot be written there, or would overwrite an input.
    """
    if options.html is not None:
        check_writable(options.html, "--html")
        check_nothing_lost({"--html": options.html}, [options.catalogue, *images])


def write_sheet(path: Path, title: str, about: str, rows: Iterable[Row]) -> None:
    """Write a contact sheet; an interruption leaves no partial file."""
    from edge_identify.convert.exploring.contact_sheet import contact_sheet
    from edge_identify.edge_runtime.io.disk import disk_errors_explained
    from edge_identify.edge_runtime.io.output_writes import write_output

    with disk_errors_explained(path.parent):
        page = during(shown_progress, "drawing the page", lambda: contact_sheet(title, about, rows))
        write_output(path, page.encode())
    print(f"page: {printable(str(path))}", file=sys.stderr)
