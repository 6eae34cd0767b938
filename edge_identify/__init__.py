"""Identify what a photo shows, offline.

The rooms are `edge_runtime` (the device), `convert` (building packs), `datasets` (reference images) and `sync_server`.
They lie at the top of the repository. In a checkout, links in this folder join them for editors and type checkers.
"""

from __future__ import annotations

import os.path

__all__ = ["__version__"]

# A clone without symbolic links has small text files in place of the links: there the rooms lie beside this folder.
if not os.path.isdir(os.path.join(__path__[0], "edge_runtime")):  # noqa: PTH112, PTH118  # pathlib takes 5 ms to import
    __path__.append(os.path.dirname(__path__[0]))  # noqa: PTH120


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("edge-identify")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
