"""The option `--version`, the same in all commands.

`importlib.metadata` loads 69 more modules, so the version is looked up only when the option is used.
"""

from __future__ import annotations

import argparse


def add_version_option(parser: argparse.ArgumentParser, program: str) -> None:
    """Add `--version`: it prints the program's name and the package's version, and exits with 0."""
    parser.add_argument(
        "--version",
        action=_PrintVersion,
        dest=argparse.SUPPRESS,
        nargs=0,
        const=program,
        help="show program's version number and exit",
    )


class _PrintVersion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from edge_identify import __version__

        print(f"{self.const} {__version__}")
        parser.exit()
