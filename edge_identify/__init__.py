"""Identify what a photo shows, offline.

    import edge_identify as ei

    ei.trust("https://packs.example.org", fingerprint="SHA-256 from the publisher")
    ei.sync("https://packs.example.org", pack="street-art")
    with ei.open("street-art") as identifier:
        answer = identifier.identify("photo.jpg")
        print(answer.decision, answer.best.reference.name)

`docs/python-api.md` shows every name. Each is loaded when it is first used.

The rooms are `edge_runtime` (the device), `convert` (building packs), `datasets` (reference images) and `sync_server`.
They lie at the top of the repository. In a checkout, links in this folder join them for editors and type checkers.
"""

from __future__ import annotations

import os.path

TYPE_CHECKING = False  # type checkers take it for True; importing `typing` would cost 3 ms
if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
    from edge_identify.edge_runtime.errors import EdgeIdentifyError
    from edge_identify.pack_access import open, packs, sync, trust
    from edge_identify.pack_identifier import PackIdentifier

    __version__: str

__all__ = [
    "EdgeIdentifyError",
    "FailedPhoto",
    "Identification",
    "PackIdentifier",
    "__version__",
    "open",
    "packs",
    "sync",
    "trust",
]

_MODULES = {
    "EdgeIdentifyError": "edge_identify.edge_runtime.errors",
    "FailedPhoto": "edge_identify.edge_runtime.answers.identification",
    "Identification": "edge_identify.edge_runtime.answers.identification",
    "PackIdentifier": "edge_identify.pack_identifier",
    "open": "edge_identify.pack_access",
    "packs": "edge_identify.pack_access",
    "sync": "edge_identify.pack_access",
    "trust": "edge_identify.pack_access",
}

# A clone without symbolic links has small text files in place of the links: there the rooms lie beside this folder.
if not os.path.isdir(os.path.join(__path__[0], "edge_runtime")):  # noqa: PTH112, PTH118  # pathlib takes 5 ms to import
    __path__.append(os.path.dirname(__path__[0]))  # noqa: PTH120


if not TYPE_CHECKING:  # type checkers would take it for a promise that every name is there

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            value: object = version("edge-identify")
        elif name in _MODULES:
            from importlib import import_module

            value = getattr(import_module(_MODULES[name]), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
