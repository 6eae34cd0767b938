"""Where a published tree has its TUF metadata, and what the metadata's targets are called.

    tuf/1.root.json, 2.root.json ...   the keys of all roles; each is signed by the keys of the one before
    tuf/timestamp.json                 names the newest snapshot; the only file that changes
    tuf/N.snapshot.json                names the version of each targets file
    tuf/N.targets.json                 the newest manifest of each pack, and the delegations to other makers
    tuf/N.MAKER.json                   the same of one maker

There is one target for each pack, `NAME/pack.json`. Its length and hash are those of the newest manifest, which lies at
`manifests/NAME/VERSION.json`. A maker's namespace is a pack name and all names that begin with it and a hyphen.
"""

from __future__ import annotations

import re

METADATA_FOLDER = "tuf"
TIMESTAMP_NAME = "timestamp.json"
SIGNED_AT_FIELD = "signed_utc"  # of the timestamp: when the server signed it; TUF itself has only the end
MOST_ROOTS = 256  # as in python-tuf: rotations that a client follows

# One delegation deep; no file of metadata is a legitimate pack's.
MAX_ROOT_BYTES = 512_000
MAX_TIMESTAMP_BYTES = 16_384
MAX_SNAPSHOT_BYTES = 2_000_000
MAX_TARGETS_BYTES = 5_000_000

#: The roles that every repository has. None can be a maker's name.
TOP_ROLES = ("root", "targets", "snapshot", "timestamp")

METADATA_FILE = re.compile(r"timestamp\.json|[1-9][0-9]{0,8}\.[a-z0-9][a-z0-9-]{0,63}\.json")


def metadata_path(name: str) -> str:
    """Return the path of a metadata file in the tree."""
    return f"{METADATA_FOLDER}/{name}"


def root_name(version: int) -> str:
    """Return the file name of a version of the root."""
    return f"{version}.root.json"


def target_path(pack: str) -> str:
    """Return the TUF target of a pack."""
    return f"{pack}/pack.json"


def namespace_patterns(namespace: str) -> list[str]:
    """Return the TUF path patterns of a namespace: the pack of this name, and those whose name begins with it."""
    return [target_path(namespace), target_path(f"{namespace}-*")]


def is_in_namespace(pack: str, namespace: str) -> bool:
    """Return whether a pack's name belongs to a namespace."""
    return pack == namespace or pack.startswith(f"{namespace}-")
