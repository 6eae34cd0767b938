"""`--catalogue`: the catalogue file of a command."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_catalogue_option(parser: argparse.ArgumentParser, *, help_text: str = "catalogue file") -> None:
    """Add the required `--catalogue` in a group of its own."""
    group = parser.add_argument_group("catalogue")
    group.add_argument("--catalogue", type=Path, required=True, metavar="FILE", help=help_text)
