"""The errors of every room, grouped by cause.

    EdgeIdentifyError
    ├── PhotoError                 the photo: not an image, truncated, too large
    ├── PackError                  the pack, on disk or during a download
    │   ├── PackDamagedError       a file is missing or differs from the manifest (PackFileDamagedError), or the pack
    │   │                          does not work (SelfTestUnfinishedError)
    │   ├── PackFormatError        this version cannot read the manifest
    │   └── PackNotFoundError      no pack of this name, or no pack at all
    ├── NetworkError               the server is down, slow, or sends something else
    │   └── UntrustedServerError   what it sends is not signed as the pinned root asks
    └── SetupError                 a missing extra, a wrong option, an unsuitable list or model, a full disk, a process
                                   that cannot be started (SelfTestNotStartedError)

A message has one line: it names the thing, what was found and what to do. Libraries raise these errors. Only the
commands print them; `edge_runtime.terminal.exit_codes` lists the exit codes.
"""

from __future__ import annotations


class EdgeIdentifyError(Exception):
    """Base of all errors that this project reports in one line."""


class PhotoError(EdgeIdentifyError):
    """A photo or reference image cannot be used: not an image, truncated, or above the size limit."""


class PackError(EdgeIdentifyError):
    """A pack cannot be used."""


class PackDamagedError(PackError):
    """A file of the pack is missing or differs from its manifest."""


class PackFileDamagedError(PackDamagedError):
    """A named file of a pack is damaged. What to do depends on who has the pack: a device, or its maker.

    Attributes:
        problem: What is wrong, without advice.
    """

    def __init__(self, problem: str, advice: str = "fetch the pack again with `edge-identify sync`") -> None:
        """Join what is wrong and what to do about it."""
        super().__init__(f"{problem}; {advice}")
        self.problem = problem

    def for_maker(self) -> PackFileDamagedError:
        """Return the same error with advice for the pack's maker."""
        return PackFileDamagedError(
            self.problem, "build the pack again with `edge-build pack`, or copy it again from where it was built"
        )


class SelfTestUnfinishedError(PackDamagedError):
    """The self-test of a pack did not end in time. On a busy or slow device, the pack may be in order."""


class PackFormatError(PackError):
    """The manifest, or a file that it names, has a format that this version cannot read."""


class PackNotFoundError(PackError):
    """No pack has that name, on this device or on the server, or the folder holds no pack."""


class NetworkError(EdgeIdentifyError):
    """A server could not be reached, or it sent something other than the requested file."""


class UntrustedServerError(NetworkError):
    """A server's metadata is not signed by the keys of the pinned root, is older than before, or has expired."""


class SetupError(EdgeIdentifyError):
    """The set-up is wrong: a missing extra, a wrong option, a bad list, an unknown model, a full disk."""


class SelfTestNotStartedError(SetupError):
    """The process that tests a new pack cannot be started, or lacks a library. This says nothing about the pack."""
