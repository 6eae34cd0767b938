"""Writes `vectors.json`: good and attacking repositories, with the verdict that a client must reach.

    python tests/attacks/vectors/write_vectors.py

PROTOCOL.md beside the pack format describes the file. Keys come from fixed seeds, so the same file is written each
time. They are secret to nobody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner

FILE = Path(__file__).with_name("vectors.json")
NOW = "2026-06-01T00:00:00Z"
LATER, EXPIRED = "2027-01-01T00:00:00Z", "2026-05-01T00:00:00Z"
PACK = "street-art"
MAKER, MAKERS_PACK = "museum", "museum-paris"

Files = dict[str, str]


def signer(name: str) -> CryptoSigner:
    """Return a key that is drawn from its name."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


KEYS = {
    name: signer(name)
    for name in (
        *("root", "root-2", "root-3", "targets", "targets-2", "targets-3", "snapshot", "snapshot-2", "timestamp"),
        *("timestamp-2", "maker", "thief"),
        *(f"r{number}" for number in range(10)),
    )
}


@dataclass
class Repository:
    """A repository as JSON values, so that an attack can change anything before or after it is signed."""

    roots: list[dict[str, Any]] = field(default_factory=list)
    root_signers: list[tuple[str, ...]] = field(default_factory=list)
    signers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    timestamp: dict[str, Any] = field(default_factory=dict)
    snapshot: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, Any] = field(default_factory=dict)
    makers: dict[str, dict[str, Any]] = field(default_factory=dict)
    unlisted: tuple[str, ...] = ()  # roles that the snapshot leaves out

    def files(self, change: Callable[[Files], None] = lambda _: None) -> Files:
        """Return the files of `tuf/`, with versions and hashes that fit together; `change` comes last."""
        found = {
            f"{root['version']}.root.json": document(root, names)
            for root, names in zip(self.roots, self.root_signers, strict=True)
        }
        snapshot = deepcopy(self.snapshot)
        for role, content in {"targets": self.targets, **self.makers}.items():
            name = f"{content['version']}.{role}.json"
            found[name] = document(content, self.signers[role])
            if role not in self.unlisted:
                snapshot["meta"].setdefault(f"{role}.json", reference(content["version"], found[name]))
        name = f"{snapshot['version']}.snapshot.json"
        found[name] = document(snapshot, self.signers["snapshot"])
        timestamp = deepcopy(self.timestamp)
        timestamp["meta"].setdefault("snapshot.json", reference(snapshot["version"], found[name]))
        found["timestamp.json"] = document(timestamp, self.signers["timestamp"])
        change(found)
        return found

    def publish(self, version: str, *, pack: str = PACK) -> None:
        """Sign a newer version of a pack."""
        self.targets["version"] += 1
        self.targets["targets"][f"{pack}/pack.json"] = target(pack, version)
        self.renew()

    def renew(self) -> None:
        """Count snapshot and timestamp on."""
        self.snapshot["version"] += 1
        self.timestamp["version"] += 1

    def rotate(self, role: str, keys: Sequence[str], signed_by: Sequence[str], **changes: Any) -> None:
        """Add a root with other keys of a role."""
        root = deepcopy(self.roots[-1])
        root["version"] += 1
        root["roles"][role] = {"keyids": [KEYS[key].public_key.keyid for key in keys], "threshold": 1}
        root["keys"] |= public(keys)
        self.roots.append({**root, **changes})
        self.root_signers.append(tuple(signed_by))
        if role != "root":
            self.signers[role] = tuple(keys)


def repository(*, targets_keys: Sequence[str] = ("targets",), threshold: int = 1) -> Repository:
    """Return a good repository with one pack, version 1.0.0."""
    keys = {"root": ("root",), "targets": targets_keys, "snapshot": ("snapshot",), "timestamp": ("timestamp",)}
    root = signed("root", consistent_snapshot=True)
    root["keys"] = {keyid: value for names in keys.values() for keyid, value in public(names).items()}
    root["roles"] = {
        role: {
            "keyids": [KEYS[name].public_key.keyid for name in names],
            "threshold": threshold if role == "targets" else 1,
        }
        for role, names in keys.items()
    }
    return Repository(
        roots=[root],
        root_signers=[("root",)],
        signers={role: tuple(names) for role, names in keys.items()},
        timestamp=signed("timestamp", meta={}, signed_utc="2026-05-31T00:00:00Z"),
        snapshot=signed("snapshot", meta={}),
        targets=signed("targets", targets={f"{PACK}/pack.json": target(PACK, "1.0.0")}),
    )


def with_maker(*, packs: Sequence[str] = (MAKERS_PACK,), paths: Sequence[str] | None = None) -> Repository:
    """Return a repository that delegates the namespace `museum`, in which the maker has signed some packs."""
    repo = repository()
    role = {
        "name": MAKER,
        "keyids": [KEYS["maker"].public_key.keyid],
        "threshold": 1,
        "terminating": True,
        "paths": list(paths or (f"{MAKER}/pack.json", f"{MAKER}-*/pack.json")),
    }
    repo.targets["delegations"] = {"keys": public(("maker",)), "roles": [role]}
    signed_by_maker = {f"{pack}/pack.json": target(pack, "3.0.0") for pack in packs}
    repo.makers[MAKER] = signed("targets", targets=signed_by_maker)
    repo.signers[MAKER] = ("maker",)
    return repo


def signed(kind: str, **content: Any) -> dict[str, Any]:
    """Return what every role has."""
    return {"_type": kind, "spec_version": "1.0.31", "version": 1, "expires": LATER, **content}


def target(pack: str, version: str, **custom: Any) -> dict[str, Any]:
    """Return a target, with the hash of what stands for its manifest."""
    manifest = f"{pack} {version}".encode()
    of_version = {"version": version, "size_bytes": 10, "published_utc": "2026-01-31T12:00:00Z"}
    return {
        "length": len(manifest),
        "hashes": {"sha256": hashlib.sha256(manifest).hexdigest()},
        "custom": {**of_version, **custom},
    }


def public(names: Sequence[str]) -> dict[str, Any]:
    """Return public keys by their ids."""
    return {KEYS[name].public_key.keyid: KEYS[name].public_key.to_dict() for name in names}


def reference(version: int, text: str) -> dict[str, Any]:
    """Return how a file is named by another."""
    data = text.encode()
    return {"version": version, "length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}


def document(content: dict[str, Any], names: Sequence[str]) -> str:
    """Return a signed file."""
    data = str(encode_canonical(content)).encode()
    signatures = [KEYS[name].sign(data).to_dict() for name in names]
    return as_text({"signed": content, "signatures": signatures})


def as_text(values: Any) -> str:
    """Return JSON without white space."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@dataclass
class Case:
    """A test: the syncs of one device, one after another."""

    name: str
    steps: list[tuple[Files, str]]
    pack: str = PACK
    now: str = NOW


def good() -> Iterator[Case]:
    """Yield what must be accepted."""
    repo = repository()
    yield Case("first-sync", [(repo.files(), "1.0.0")])
    first = repo.files()
    yield Case("nothing-new", [(first, "1.0.0"), (first, "1.0.0")])
    repo.publish("1.1.0")
    yield Case("update", [(first, "1.0.0"), (repo.files(), "1.1.0")])
    del repo.targets["targets"][f"{PACK}/pack.json"]
    repo.targets["version"] += 1
    repo.renew()
    yield Case("withdrawn", [(first, "1.0.0"), (repo.files(), "absent")])
    yield Case("no-such-pack", [(first, "absent")], pack="flowers")
    repo = repository(targets_keys=("targets", "targets-2", "targets-3"), threshold=2)
    repo.signers["targets"] = ("targets", "targets-3")
    yield Case("threshold-reached", [(repo.files(), "1.0.0")])
    repo = repository()
    repo.signers["targets"] = ("thief", "targets")
    yield Case("foreign-signature-beside-a-good-one", [(repo.files(), "1.0.0")])
    repo = repository()
    repo.targets["targets"][f"{PACK}/pack.json"] = target(PACK, "1.0.0", title='Mosaïque "№ 1" \\ 😀\t', zebra=[1, {}])
    repo.targets["x-later"] = {"ä": True, "Z": None, "\U00010000": [], "\uffff": ""}
    yield Case("unknown-fields-and-canonical-json", [(repo.files(), "1.0.0")])
    repo = repository()
    repo.snapshot["meta"] = {"targets.json": {"version": 1}}
    yield Case("no-hashes-in-the-snapshot", [(repo.files(), "1.0.0")])
    yield Case("makers-pack", [(with_maker().files(), "3.0.0")], pack=MAKERS_PACK)
    yield Case("beside-a-maker", [(with_maker().files(), "1.0.0")])
    repo = repository()
    repo.timestamp |= {"signed_utc": 7}
    yield Case("signed-utc-of-another-kind", [(repo.files(), "1.0.0")])


def rotations() -> Iterator[Case]:
    """Yield rotations of keys, good and bad."""
    repo = repository()
    first = repo.files()
    repo.rotate("root", ("root-2",), ("root", "root-2"))
    yield Case("root-rotated", [(first, "1.0.0"), (repo.files(), "1.0.0")])
    repo.rotate("root", ("root-3",), ("root-2", "root-3"))
    yield Case("two-rotations-at-once", [(first, "1.0.0"), (repo.files(), "1.0.0")])
    repo = repository()
    repo.rotate("root", ("root-2",), ("root", "root-2"), expires=EXPIRED)
    repo.rotate("root", ("root-3",), ("root-2", "root-3"), expires=LATER)
    yield Case("expired-intermediate-root", [(repo.files(), "1.0.0")])
    repo = repository()
    repo.rotate("targets", ("targets-2",), ("root",))
    repo.publish("1.1.0")
    yield Case("targets-key-rotated", [(first, "1.0.0"), (repo.files(), "1.1.0")])
    repo.signers["targets"] = ("targets",)
    repo.targets["version"] += 1
    repo.renew()
    yield Case("revoked-targets-key", [(first, "1.0.0"), (repo.files(), "refused")])
    repo = repository()
    repo.timestamp["version"], repo.snapshot["version"] = 10**6, 10**6
    forwarded = repo.files()
    repo.rotate("timestamp", ("timestamp-2",), ("root",))
    repo.rotate("snapshot", ("snapshot-2",), ("root",))
    repo.timestamp["version"], repo.snapshot["version"] = 2, 2
    yield Case("fast-forward-recovery", [(forwarded, "1.0.0"), (repo.files(), "1.0.0")])
    bad: dict[str, tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]] = {
        "root-signed-by-new-keys-only": (("root-2",), ("root-2",), {}),
        "root-signed-by-old-keys-only": (("root-2",), ("root",), {}),
        "root-signed-by-a-thief": (("thief",), ("thief",), {}),
        "root-that-skips-a-version": (("root-2",), ("root", "root-2"), {"version": 3}),
        "root-with-the-version-of-before": (("root-2",), ("root", "root-2"), {"version": 1}),
        "expired-newest-root": (("root-2",), ("root", "root-2"), {"expires": EXPIRED}),
        "root-of-another-type": (("root-2",), ("root", "root-2"), {"_type": "targets"}),
    }
    for name, (keys, by, changes) in bad.items():
        repo = repository()
        repo.rotate("root", keys, by, **changes)
        moved = document(repo.roots[-1], by)
        yield Case(name, [(first, "1.0.0"), ({**first, "2.root.json": moved}, "refused")])
    repo = repository()
    repo.rotate("root", ("root-2",), ("root-2",))
    bad_intermediate = repo.files()
    repo.rotate("root", ("root-3",), ("root", "root-2", "root-3"))
    yield Case("bad-intermediate-root", [(bad_intermediate, "refused"), (repo.files(), "refused")])


# (numbers of the root keys, threshold, numbers of the keys that sign) of the pinned root and of the next one, verdict.
_ROOTS: dict[str, tuple[tuple[str, int, str], tuple[str, int, str], str]] = {
    "three-of-five-other-signers": (("01234", 3, "024"), ("01234", 3, "013"), "1.0.0"),
    "three-of-five-one-replaced": (("01234", 3, "024"), ("01345", 3, "014"), "1.0.0"),
    "three-of-five-too-few-new": (("01234", 3, "024"), ("01345", 3, "024"), "refused"),
    "three-of-five-too-few-old": (("01234", 3, "024"), ("01345", 3, "045"), "refused"),
    "three-of-five-all-replaced": (("01234", 3, "024"), ("56789", 3, "024567"), "1.0.0"),
    "threshold-raised": (("123", 1, "1"), ("123", 2, "12"), "1.0.0"),
    "threshold-raised-and-not-reached": (("123", 1, "1"), ("123", 2, "2"), "refused"),
    "threshold-lowered": (("123", 2, "12"), ("123", 1, "12"), "1.0.0"),
    "threshold-lowered-by-too-few": (("123", 2, "12"), ("123", 1, "1"), "refused"),
    "second-key-added": (("1", 1, "1"), ("12", 2, "12"), "1.0.0"),
    "threshold-of-zero": (("1", 1, "1"), ("12", 0, "12"), "refused"),
}


def root_thresholds() -> Iterator[Case]:
    """Yield roots with several keys; python-tuf's test_updater_key_rotations has the same."""
    for name, (first, second, verdict) in _ROOTS.items():
        repo = repository()
        repo.roots[0]["roles"]["root"] = _root_role(first)
        repo.roots[0]["keys"] |= public(_root_keys(first[0]))
        repo.root_signers[0] = _root_keys(first[2])
        repo.rotate("root", _root_keys(second[0]), _root_keys(second[2]))
        repo.roots[1]["roles"]["root"] = _root_role(second)
        yield Case(name, [(repo.files(), verdict)])


def _root_keys(numbers: str) -> tuple[str, ...]:
    return tuple(f"r{number}" for number in numbers)


def _root_role(role: tuple[str, int, str]) -> dict[str, Any]:
    return {"keyids": [KEYS[name].public_key.keyid for name in _root_keys(role[0])], "threshold": role[1]}


def recoveries() -> Iterator[Case]:
    """Yield what a device does after trouble; python-tuf's test_updater_top_level_update has the same."""
    repo = repository()
    repo.rotate("root", ("root-2",), ("root", "root-2"), expires=EXPIRED)
    expired = repo.files()
    repo.rotate("root", ("root-3",), ("root-2", "root-3"), expires=LATER)
    yield Case("a-good-root-after-an-expired-one", [(expired, "refused"), (repo.files(), "1.0.0")])
    repo = repository()
    repo.root_signers[0] = ()
    yield Case("pinned-root-without-signature", [(repo.files(), "refused")])
    repo = repository()
    repo.targets["version"] = 10**6
    forwarded = repo.files()
    repo.rotate("timestamp", ("timestamp-2",), ("root",))
    repo.rotate("snapshot", ("snapshot-2",), ("root",))
    repo.targets["version"] = 2
    yield Case("fast-forward-recovery-of-targets", [(forwarded, "1.0.0"), (repo.files(), "1.0.0")])
    repo = repository()
    with_hashes = repo.files()
    repo.publish("1.1.0")
    repo.timestamp["meta"] = {"snapshot.json": {"version": 2}}
    without = repo.files()
    yield Case("no-hashes-in-the-timestamp", [(without, "1.1.0")])
    yield Case("hashes-and-then-none", [(with_hashes, "1.0.0"), (without, "1.1.0")])


def attacks() -> Iterator[Case]:
    """Yield what must be refused."""
    first = repository().files()
    for role in ("targets", "snapshot", "timestamp"):
        repo = repository()
        repo.publish("6.6.6")
        repo.signers[role] = ("thief",)
        yield Case(f"wrong-key-{role}", [(first, "1.0.0"), (repo.files(), "refused")])
        repo.signers[role] = ()
        yield Case(f"no-signature-{role}", [(first, "1.0.0"), (repo.files(), "refused")])
    repo = repository()
    repo.publish("6.6.6")
    repo.signers["targets"] = ("timestamp",)
    yield Case("another-roles-key", [(first, "1.0.0"), (repo.files(), "refused")])
    changed = first["1.targets.json"].replace('"1.0.0"', '"6.6.6"')
    yield Case("changed-after-signing", [({**first, "1.targets.json": changed}, "refused")])
    repo = repository(targets_keys=("targets", "targets-2", "targets-3"), threshold=2)
    repo.signers["targets"] = ("targets",)
    yield Case("too-few-signatures", [(repo.files(), "refused")])
    repo.signers["targets"] = ("targets", "targets")
    yield Case("the-same-signature-twice", [(repo.files(), "refused")])
    repo.signers["targets"] = ("targets", "thief")
    yield Case("a-threshold-filled-by-a-thief", [(repo.files(), "refused")])
    yield from _rollbacks(first)
    yield from _freezes(first)
    yield from _mixed(first)
    yield from _malformed(first)
    yield from _makers()


def _rollbacks(first: Files) -> Iterator[Case]:
    repo = repository()
    repo.publish("1.1.0")
    newer = repo.files()
    yield Case("rollback-timestamp", [(newer, "1.1.0"), (first, "refused")])
    repo = repository()
    repo.timestamp["version"] = 3
    yield Case("rollback-snapshot", [(newer, "1.1.0"), (repo.files(), "refused")])
    repo.snapshot["version"] = 3
    yield Case("rollback-targets", [(newer, "1.1.0"), (repo.files(), "refused")])
    repo = repository()
    repo.renew()
    repo.snapshot["meta"] = {"other.json": {"version": 1}}
    repo.unlisted = ("targets",)
    yield Case("targets-taken-off-the-snapshot", [(first, "1.0.0"), (repo.files(), "refused")])
    repo = repository()
    repo.targets["targets"][f"{PACK}/pack.json"] = target(PACK, "6.6.6")
    yield Case("same-version-other-content", [(first, "1.0.0"), (repo.files(), "1.0.0")])


def _freezes(first: Files) -> Iterator[Case]:
    for role in ("timestamp", "snapshot", "targets"):
        repo = repository()
        getattr(repo, role)["expires"] = EXPIRED
        yield Case(f"freeze-{role}", [(repo.files(), "refused")])
    repo = repository()
    repo.roots[0]["expires"] = EXPIRED
    yield Case("freeze-root", [(repo.files(), "refused")])
    yield Case("clock-ten-years-ahead", [(first, "refused")], now="2036-06-01T00:00:00Z")
    repo = repository()
    repo.timestamp["expires"] = NOW
    yield Case("expires-now", [(repo.files(), "refused")])


def _mixed(first: Files) -> Iterator[Case]:
    repo = repository()
    repo.publish("1.1.0")
    newer = repo.files()
    yield Case("mix-targets", [({**newer, "2.targets.json": first["1.targets.json"]}, "refused")])
    yield Case("mix-snapshot", [({**newer, "2.snapshot.json": first["1.snapshot.json"]}, "refused")])
    repo.snapshot["meta"] = {"targets.json": {"version": 2}}
    without_hashes = repo.files()
    repo.timestamp["meta"] = {"snapshot.json": {"version": 2}}
    old_snapshot = {**repo.files(), "2.snapshot.json": first["1.snapshot.json"]}
    yield Case("mix-snapshot-without-hashes", [(old_snapshot, "refused")])
    mixed = {**without_hashes, "2.targets.json": first["1.targets.json"]}
    yield Case("mix-targets-without-hashes", [(mixed, "refused")])
    for name in ("timestamp.json", "1.snapshot.json", "1.targets.json"):
        yield Case(f"missing-{name}", [({key: first[key] for key in first if key != name}, "refused")])
    repo = repository()
    longer = repo.files(lambda files: files.update({"1.targets.json": files["1.targets.json"] + " "}))
    yield Case("longer-than-the-snapshot-says", [(longer, "refused")])
    for name, role in {"1.snapshot.json": "snapshot", "1.targets.json": "targets"}.items():
        other = repository()
        getattr(other, role)["expires"] = "2027-01-02T00:00:00Z"  # signed and of the same length, but not the one named
        yield Case(f"{role}-of-another-hash", [({**first, name: other.files()[name]}, "refused")])


def _malformed(first: Files) -> Iterator[Case]:
    repo = repository()
    repo.timestamp["padding"] = "x" * 16_384
    yield Case("oversized-timestamp", [(first, "1.0.0"), (repo.files(), "refused")])
    for name, text in {"no-json": "<html>", "empty": "", "a-list": "[]", "cut": first["timestamp.json"][:200]}.items():
        yield Case(f"timestamp-{name}", [(first, "1.0.0"), ({**first, "timestamp.json": text}, "refused")])
    wrong: dict[str, dict[str, Any]] = {
        "of-another-type": {"_type": "snapshot"},
        "of-another-specification": {"spec_version": "2.0.0"},
        "of-version-zero": {"version": 0},
        "without-end": {"expires": "never"},
    }
    for name, changes in wrong.items():
        repo = repository()
        repo.timestamp |= changes
        yield Case(f"timestamp-{name}", [(repo.files(), "refused")])
    fraction = first["timestamp.json"].replace('"version":1}},', '"version":1}},"x":0.5,', 1)
    yield Case("fraction-in-signed", [({**first, "timestamp.json": fraction}, "refused")])


def _makers() -> Iterator[Case]:
    hostile = with_maker(packs=(MAKERS_PACK, PACK, "flowers"))
    yield Case("maker-signs-a-foreign-pack", [(hostile.files(), "1.0.0")])
    yield Case("maker-signs-outside-the-namespace", [(hostile.files(), "absent")], pack="flowers")
    yield Case("a-name-that-only-begins-alike", [(hostile.files(), "absent")], pack="museumparis")
    repo = with_maker()
    repo.signers[MAKER] = ("thief",)
    yield Case("makers-wrong-key", [(repo.files(), "refused")], pack=MAKERS_PACK)
    repo = with_maker()
    repo.makers[MAKER]["expires"] = EXPIRED
    yield Case("makers-targets-expired", [(repo.files(), "refused")], pack=MAKERS_PACK)
    yield Case("another-makers-trouble", [(repo.files(), "1.0.0")])
    repo = with_maker(packs=())
    deeper = {**repo.targets["delegations"]["roles"][0], "name": "deeper", "paths": ["museum-*/pack.json"]}
    repo.makers[MAKER]["delegations"] = {"keys": public(("maker",)), "roles": [deeper]}
    repo.makers["deeper"] = signed("targets", targets={f"{MAKERS_PACK}/pack.json": target(MAKERS_PACK, "6.6.6")})
    repo.signers["deeper"] = ("maker",)
    yield Case("delegation-of-a-maker", [(repo.files(), "absent")], pack=MAKERS_PACK)
    repo = with_maker(packs=())
    repo.targets["delegations"]["roles"].append({**repo.targets["delegations"]["roles"][0], "name": "second"})
    repo.makers["second"] = signed("targets", targets={f"{MAKERS_PACK}/pack.json": target(MAKERS_PACK, "6.6.6")})
    repo.signers["second"] = ("maker",)
    yield Case("a-second-maker-of-the-namespace", [(repo.files(), "absent")], pack=MAKERS_PACK)
    repo = with_maker()
    repo.targets["delegations"]["roles"][0]["name"] = "../museum"
    yield Case("a-makers-name-that-climbs", [(repo.files(), "refused")], pack=MAKERS_PACK)
    repo = with_maker()
    repo.targets["delegations"]["roles"][0]["threshold"] = 2
    yield Case("makers-too-few-signatures", [(repo.files(), "refused")], pack=MAKERS_PACK)
    repo = with_maker()
    repo.unlisted = (MAKER,)
    yield Case("maker-not-in-the-snapshot", [(repo.files(), "refused")], pack=MAKERS_PACK)


def vectors() -> dict[str, Any]:
    """Return the content of the file. Equal texts stand there once."""
    texts: dict[str, str] = {}

    def kept(text: str) -> str:
        key = hashlib.sha256(text.encode()).hexdigest()[:12]
        texts[key] = text
        return key

    cases = [
        {
            "name": case.name,
            "now": case.now,
            "pack": case.pack,
            "pinned": "1.root.json",
            "steps": [
                {"files": {name: kept(text) for name, text in sorted(files.items())}, "verdict": verdict}
                for files, verdict in case.steps
            ],
        }
        for case in (*good(), *rotations(), *root_thresholds(), *recoveries(), *attacks())
    ]
    return {"format": 1, "cases": cases, "texts": texts}


def vectors_text() -> str:
    """Return the text of the file."""
    return json.dumps(vectors(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(vectors_text(), encoding="utf-8")
