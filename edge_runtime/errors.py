"""The errors of every room, by whose fault it is.

    EdgeIdentifyError
    ├── PhotoError                 the picture: not an image, truncated, too large
    ├── PackError                  the pack on disk or on its way
    │   ├── PackDamagedError       a byte is not what the manifest says
    │   ├── PackFormatError        the manifest is not one this version can read
    │   └── PackNotFoundError      no pack of this name, or no pack at all
    ├── NetworkError               the server is down, slow, or answers something else
    └── SetupError                 a missing extra, a wrong option, a list or a model that does not fit

A message names the thing, what was found and what to do, in one line. Libraries raise these; only the commands
print them, with the exit codes of `edge_runtime.cli.running`.
"""


class EdgeIdentifyError(Exception):
    """Anything this project reports to a person in one line."""


class PhotoError(EdgeIdentifyError):
    """A picture cannot be used: not an image, truncated, or beyond the size cap."""


class PackError(EdgeIdentifyError):
    """A pack cannot be used."""


class PackDamagedError(PackError):
    """A file of the pack is missing or differs from its manifest."""


class PackFormatError(PackError):
    """The manifest, or a file it names, is not in a format this version reads."""


class PackNotFoundError(PackError):
    """No pack of that name is installed, offered or lies at that path."""


class NetworkError(EdgeIdentifyError):
    """A server could not be reached, or what it sent is not what was asked for."""


class SetupError(EdgeIdentifyError):
    """The set-up is wrong: a missing extra, a bad list, a model that does not exist, a full disk."""
