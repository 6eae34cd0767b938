"""`edge-serve init`, `withdraw`, `refresh`, `rotate-key`, `delegate`, `new-key` and `status`: keys and signatures."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, write_bytes
from edge_identify.edge_runtime.pack.pack_names import checked_pack_name
from edge_identify.edge_runtime.sync.listing import time_text
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.sync_server.publishing.signing.key_ring import AskPassphrase, KeyRing, RingKey
    from edge_identify.sync_server.publishing.signing.signed_repository import RoleState, SignedRepository
    from edge_identify.sync_server.publishing.signing.tree_signing import SignableTree, TreeSigning

_CODES = (ExitCode.PACK, ExitCode.NETWORK)
_MOST_ROOT_KEYS = 20


def add_signing_commands(commands: Any) -> None:
    """Add the subcommands to the parser of `edge-serve`."""
    init = commands.add_parser(
        "init",
        help="make keys and sign a published tree",
        examples=["edge-serve init --repo ./repo", "edge-serve init --repo ./repo --root-keys 3 --root-threshold 2"],
        description="Makes the keys of a tree, signs what is already published there, and prints the fingerprint that "
        "devices pin. The keys lie in DIR.keys beside the tree, encrypted with a passphrase, and root.json with them. "
        "Keep copies of them apart from the server.",
        exit_codes=_CODES,
    )
    _add_place(init)
    group = init.add_argument_group("keys")
    group.add_argument("--root-keys", type=int, default=1, metavar="N", help="root keys to make (default: 1)")
    group.add_argument(
        "--root-threshold", type=int, default=1, metavar="N", help="root keys that must sign a new root (default: 1)"
    )
    group.add_argument("--online-days", type=int, metavar="N", help="validity of snapshot and timestamp (default: 14)")
    group.add_argument("--offline-days", type=int, metavar="N", help="validity of root and targets (default: 365)")
    withdraw = commands.add_parser(
        "withdraw",
        help="take a pack off a published tree",
        examples=["edge-serve withdraw --pack street-art --repo ./repo"],
        description="Takes a pack off the listing and the signed targets. Devices keep the version that they have.",
        exit_codes=_CODES,
    )
    withdraw.add_argument_group("pack").add_argument("--pack", required=True, metavar="NAME", help="name of the pack")
    _add_place(withdraw)
    _add_refresh(commands)
    _add_rotation(commands)
    _add_makers(commands)
    status = commands.add_parser(
        "status",
        help="show roles, keys and expiry of a signed tree",
        examples=["edge-serve status --repo ./repo"],
        description="Shows the roles of a signed tree, when each expires, and which keys are here. The exit code says "
        "whether something expires soon or has expired.",
        exit_codes=(*_CODES, ExitCode.FOUND_SERIOUS),
    )
    _add_place(status)
    status.add_argument_group("output").add_argument("--json", action="store_true", help="print one JSON object")


def _add_refresh(commands: Any) -> None:
    refresh = commands.add_parser(
        "refresh",
        help="renew the signatures before they expire",
        examples=["edge-serve refresh --repo ./repo", "edge-serve refresh --repo ./repo --offline"],
        description="Renews snapshot and timestamp if half of their time is over, or if signed versions wait for them. "
        "Needs the online key only; run it from cron where edge-serve run does not renew them.",
        exit_codes=_CODES,
    )
    _add_place(refresh)
    group = refresh.add_argument_group("renewal")
    group.add_argument("--force", action="store_true", help="renew them now")
    group.add_argument("--offline", action="store_true", help="renew root and targets, too; needs their keys")


def _add_rotation(commands: Any) -> None:
    rotate = commands.add_parser(
        "rotate-key",
        help="replace a key",
        examples=["edge-serve rotate-key online --repo ./repo", "edge-serve rotate-key root --repo ./repo"],
        description="Replaces a key of a role by a new one, signed by the root keys. Devices follow at their next "
        "sync. A key of a KMS or HSM is given by its URI and its public half.",
        exit_codes=_CODES,
    )
    rotate.add_argument("role", metavar="ROLE", choices=("root", "targets", "online"), help="root, targets or online")
    _add_place(rotate)
    group = rotate.add_argument_group("key")
    group.add_argument("--old", metavar="KEYID", help="the key to replace; needed if the role has several")
    group.add_argument(
        "--new-key", metavar="URI", help="use this key instead of a new file: env:VARIABLE, awskms:..., hsm:..."
    )
    group.add_argument("--public-key", type=Path, metavar="FILE", help="its public half, PEM")
    group.add_argument("--threshold", type=int, metavar="N", help="keys of the role that must sign from now on")


def _add_makers(commands: Any) -> None:
    delegate = commands.add_parser(
        "delegate",
        help="let another maker sign the packs of a namespace",
        examples=["edge-serve delegate museum --public-key museum.pub.pem --repo ./repo"],
        description="Gives a maker the packs NAME and NAME-..., and nothing else. Run again to replace the maker's "
        "keys. The maker publishes with a key of `edge-serve new-key`.",
        exit_codes=_CODES,
    )
    delegate.add_argument("maker", metavar="NAME", help="name of the maker, and of the namespace")
    _add_place(delegate)
    group = delegate.add_argument_group("keys of the maker")
    how = group.add_mutually_exclusive_group(required=True)
    how.add_argument("--public-key", type=Path, action="append", metavar="FILE", help="public key, PEM; repeatable")
    how.add_argument("--remove", action="store_true", help="take the namespace back")
    group.add_argument("--threshold", type=int, default=1, metavar="N", help="keys that must sign (default: 1)")
    new_key = commands.add_parser(
        "new-key",
        help="make a maker's key",
        examples=["edge-serve new-key museum --root root.json --keys ./museum.keys"],
        description="Makes the key with which a maker signs, and writes its public half for `edge-serve delegate`.",
        exit_codes=_CODES,
    )
    new_key.add_argument("maker", metavar="NAME", help="name of the maker, and of the namespace")
    group = new_key.add_argument_group("keys")
    group.add_argument("--root", type=Path, required=True, metavar="FILE", help="root.json of the tree's operator")
    group.add_argument("--keys", type=Path, required=True, metavar="DIR", help="new folder for the key")


def _add_place(parser: argparse.ArgumentParser) -> None:
    add_keys_option(add_place(parser))


def add_place(parser: argparse.ArgumentParser) -> Any:
    """Add the options for a published tree; `opened_tree` opens it. Return their group."""
    group = parser.add_argument_group("published tree")
    place = group.add_mutually_exclusive_group(required=True)
    place.add_argument("--repo", type=Path, metavar="DIR", help="folder that is published")
    place.add_argument("--to", metavar="ADDRESS", help="bucket that is published: s3://BUCKET/PREFIX, gs://, az://")
    group.add_argument("--endpoint", metavar="URL", help="an S3-compatible server other than Amazon's")
    return group


def add_keys_option(group: Any) -> None:
    """Add the option for the folder of keys."""
    group.add_argument(
        "--keys", type=Path, metavar="DIR", help="folder of the keys (default: DIR.keys beside the folder of --repo)"
    )


def keys_folder(options: argparse.Namespace) -> Path | None:
    """Return the folder of the keys: as given, or that beside the tree if it exists; None if there is none."""
    if options.keys is not None:
        return Path(options.keys)
    default = default_keys(options.repo)
    return default if default is not None and default.is_dir() else None


def default_keys(repo: Path | None) -> Path | None:
    """Return where the keys of a tree in a folder lie by default: beside it, and never inside."""
    if repo is None:
        return None
    whole = Path(repo).resolve()
    return whole.with_name(f"{whole.name}.keys")


def asked_passphrases() -> AskPassphrase:
    """Return what gives passphrases: the environment, then the person at the terminal."""
    from edge_identify.sync_server.publishing.signing.key_ring import passphrases_from

    prompt: Callable[[str], str] | None = getpass.getpass if sys.stdin is not None and sys.stdin.isatty() else None
    known: dict[str, str | None] = {}
    ask = passphrases_from(os.environ, prompt)

    def once(role: str) -> str | None:
        if role not in known:
            known[role] = ask(role)
        return known[role]

    return once


def opened_tree(options: argparse.Namespace) -> SignableTree:
    """Return the tree of `--repo` or `--to`.

    Raises:
        SetupError: `--endpoint` without a bucket.
    """
    from edge_identify.sync_server.publishing.bucket_objects import Bucket
    from edge_identify.sync_server.publishing.bucket_tree import BucketTree
    from edge_identify.sync_server.publishing.folder_tree import FolderTree

    if options.endpoint and not options.to:
        raise SetupError("--endpoint needs a bucket: --to s3://BUCKET/PREFIX")
    return BucketTree(Bucket(options.to, endpoint=options.endpoint)) if options.to else FolderTree(options.repo)


def signing_for(options: argparse.Namespace, tree: SignableTree) -> TreeSigning | None:
    """Return what signs the tree of the options; None if the tree is unsigned."""
    from edge_identify.sync_server.publishing.signing.tree_signing import signing_of

    place = str(options.to or options.repo)
    return signing_of(tree, keys_folder(options), asked_passphrases(), place=place, now_utc=datetime.now(UTC))


def _signing(options: argparse.Namespace, tree: SignableTree) -> TreeSigning:
    found = signing_for(options, tree)
    if found is None:
        raise SetupError(f"{options.to or options.repo}: is not signed; make keys with `edge-serve init`")
    return found


def run_init(options: argparse.Namespace) -> ExitCode:
    """Run `edge-serve init`."""
    from edge_identify.sync_server.publishing.signing.tree_signing import TreeSigning, write_page

    folder = options.keys or default_keys(options.repo)
    if folder is None:
        raise SetupError("--to needs --keys: the folder for the keys, not in the bucket")
    if options.repo is not None and Path(folder).resolve().is_relative_to(options.repo.resolve()):
        raise SetupError(f"{folder}: is inside the published tree; choose --keys outside of it")
    tree = opened_tree(options)
    ask = asked_passphrases()
    with tree.publishing():
        ring = _new_ring(options, Path(folder), ask)
        signing = TreeSigning(tree, ring, ask, now_utc=datetime.now(UTC))
        root = signing.repository.initialise(root_threshold=options.root_threshold)
        ring = replace(ring, root=root)
        ring.save()
        signing = TreeSigning(tree, ring, ask, now_utc=datetime.now(UTC))
        count = signing.sign_listed()
        write_page(tree, signing)
    print(f"fingerprint {signing.fingerprint}")
    print(
        f"signed {counted(count, 'pack')} in {options.to or options.repo}; keys and root.json are in {folder}: keep "
        "copies of the root key apart from this machine",
        file=sys.stderr,
    )
    return ExitCode.DONE


def _new_ring(options: argparse.Namespace, folder: Path, ask: AskPassphrase) -> KeyRing:
    from edge_identify.sync_server.publishing.signing.key_ring import (
        DEFAULT_OFFLINE_DAYS,
        DEFAULT_ONLINE_DAYS,
        KEYS_NAME,
        MAX_DAYS,
        ONLINE,
        KeyRing,
        check_passphrase,
        make_key,
    )

    days = {
        "online": options.online_days or DEFAULT_ONLINE_DAYS,
        "offline": options.offline_days or DEFAULT_OFFLINE_DAYS,
    }
    if not all(1 <= value <= MAX_DAYS for value in days.values()):
        raise SetupError(f"--online-days and --offline-days go from 1 to {MAX_DAYS}")
    if not 1 <= options.root_threshold <= options.root_keys <= _MOST_ROOT_KEYS:
        raise SetupError(f"--root-threshold is at most --root-keys, and that at most {_MOST_ROOT_KEYS}")
    if (folder / KEYS_NAME).exists():
        raise SetupError(f"{folder}: has keys already; give another folder with --keys")
    roles = ["root"] * options.root_keys + ["targets", ONLINE]
    phrases = {role: ask(role) for role in roles}
    for role, phrase in phrases.items():  # before anything is written
        check_passphrase(role, phrase)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    keys = tuple(make_key(folder, role, passphrase=phrases[role]) for role in roles)
    return KeyRing(folder=folder, keys=keys, root=b"", online_days=days["online"], offline_days=days["offline"])


def run_withdraw(options: argparse.Namespace) -> ExitCode:
    """Run `edge-serve withdraw`."""
    from edge_identify.sync_server.publishing.signing.tree_signing import withdraw

    tree = opened_tree(options)
    withdraw(tree, options.pack, signing=signing_for(options, tree))
    print(f"withdrew {options.pack} from {options.to or options.repo}; devices keep the version that they have")
    return ExitCode.DONE


def run_refresh(options: argparse.Namespace) -> ExitCode:
    """Run `edge-serve refresh`."""
    from edge_identify.sync_server.publishing.signing.tree_signing import write_page

    tree = opened_tree(options)
    signing = _signing(options, tree)
    repository = signing.repository
    with tree.publishing():
        if options.offline:
            root = repository.renew_root()
            _save_root(options, root)
            repository.renew_targets()
        is_renewed = repository.renew(is_forced=options.force or options.offline)
        if options.offline:
            write_page(tree, signing)
    ends = min(state.expires_utc for state in repository.states())
    print(f"{'renewed' if is_renewed else 'nothing to renew'}; the next signature expires {time_text(ends)}")
    return ExitCode.DONE


def _save_root(options: argparse.Namespace, root: bytes) -> None:
    """Keep the newest root beside the keys: it is what the operator gives to new devices."""
    from edge_identify.sync_server.publishing.signing.key_ring import read_key_ring

    folder = keys_folder(options)
    assert folder is not None, "the keys have signed"
    replace(read_key_ring(folder), root=root).save()


def run_rotate(options: argparse.Namespace) -> ExitCode:
    """Run `edge-serve rotate-key`."""
    from edge_identify.sync_server.publishing.signing.key_ring import read_key_ring
    from edge_identify.sync_server.publishing.signing.signed_repository import SignedRepository
    from edge_identify.sync_server.publishing.signing.tree_signing import TreeSigning, write_page

    folder = keys_folder(options)
    if folder is None:
        raise SetupError("give the folder of the keys with --keys")
    tree, ring, ask = opened_tree(options), read_key_ring(folder), asked_passphrases()
    now = datetime.now(UTC)
    with tree.publishing():
        repository = SignedRepository(tree, ring, ask, now_utc=now)
        old = options.old or _only_key(repository, options.role)
        key = _new_key(options, folder, ask)
        new_ring = ring.with_key(key).without(old, options.role)
        try:
            root = repository.rotate(options.role, old, new_ring, threshold=options.threshold)
        except SetupError:
            if key.uri.startswith("file:"):
                (folder / key.uri.removeprefix("file:")).unlink()
            raise
        new_ring = replace(new_ring, root=root)
        new_ring.save()
        write_page(tree, TreeSigning(tree, new_ring, ask, now_utc=now))
    print(f"replaced the {options.role} key {old[:8]} by {key.public.keyid[:8]}; fingerprint {sha256_of_bytes(root)}")
    print("devices that pinned an older root follow at their next sync", file=sys.stderr)
    return ExitCode.DONE


def _only_key(repository: SignedRepository, role: str) -> str:
    name = "timestamp" if role == "online" else role
    keyids = repository.root().signed.roles[name].keyids
    if len(keyids) != 1:
        raise SetupError(f"{role} has {len(keyids)} keys; name the one to replace with --old: {', '.join(keyids)}")
    return keyids[0]


def _new_key(options: argparse.Namespace, folder: Path, ask: AskPassphrase) -> RingKey:
    from edge_identify.sync_server.publishing.signing.key_ring import RingKey, make_key, public_key

    if (options.new_key is None) != (options.public_key is None):
        raise SetupError("--new-key and --public-key belong together")
    if options.new_key is None:
        return make_key(folder, options.role, passphrase=ask(options.role))
    public = public_key(options.public_key)
    if public.scheme != "ed25519":
        print(
            f"warning: {options.public_key} is {public.scheme}; web and phone clients check ed25519 only and will "
            "refuse this tree",
            file=sys.stderr,
        )
    return RingKey(role=options.role, public=public, uri=options.new_key)


def run_delegate(options: argparse.Namespace) -> ExitCode:
    """Run `edge-serve delegate`."""
    from edge_identify.sync_server.publishing.signing.key_ring import public_key

    tree = opened_tree(options)
    signing = _signing(options, tree)
    with tree.publishing():
        if options.remove:
            signing.repository.end_delegation(options.maker)
            print(f"took the namespace {options.maker} back")
            return ExitCode.DONE
        keys = [public_key(path) for path in options.public_key]
        signing.repository.delegate(options.maker, keys, threshold=options.threshold)
    print(f"{options.maker} may sign the packs {options.maker} and {options.maker}-...")
    return ExitCode.DONE


def run_new_key(options: argparse.Namespace) -> ExitCode:
    """Run `edge-serve new-key`."""
    from edge_identify.sync_server.publishing.signing.key_ring import KeyRing, check_passphrase, make_key, public_pem

    try:
        root = options.root.read_bytes()
    except OSError as error:
        raise SetupError(
            f"{options.root}: cannot be read ({error.strerror}); ask the operator for root.json"
        ) from error
    maker, folder = checked_pack_name(options.maker), options.keys
    passphrase = asked_passphrases()(maker)
    check_passphrase(maker, passphrase)  # before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    key = make_key(folder, maker, passphrase=passphrase, file_name=f"{maker}.pem")
    write_bytes(folder / f"{maker}.pub.pem", public_pem(key.public))
    KeyRing(folder=folder, keys=(key,), root=root).save()
    print(f"{folder / f'{maker}.pub.pem'}: give this to the operator, for `edge-serve delegate {maker}`")
    return ExitCode.DONE


def run_status(options: argparse.Namespace) -> ExitCode:
    """Run `edge-serve status`."""
    tree = opened_tree(options)
    signing = _signing(options, tree)
    states, now = signing.repository.states(), datetime.now(UTC)
    here = _keyids_here(options)
    rows = [_row(state, now, here) for state in states]
    if options.json:
        print(json.dumps({"fingerprint": signing.fingerprint, "roles": rows}, indent=2))
    else:
        print(f"fingerprint {signing.fingerprint}")
        for row in rows:
            pending = ", waits for edge-serve refresh" if row["is_pending"] else ""
            print(
                f"{row['role']:<10} version {row['version']}, {row['state']} until {row['expires_utc']}, "
                f"{row['threshold']} of {counted(len(row['keyids']), 'key')}, {len(row['keys_here'])} here{pending}"
            )
    return ExitCode.FOUND_SERIOUS if any(row["state"] != "valid" for row in rows) else ExitCode.DONE


def _row(state: RoleState, now: datetime, here: set[str]) -> dict[str, Any]:
    from edge_identify.sync_server.publishing.signing.signature_health import expiry_state

    return {
        "role": state.role,
        "version": state.version,
        "expires_utc": time_text(state.expires_utc),
        "state": expiry_state(state.role, state.expires_utc, now),
        "threshold": state.threshold,
        "keyids": list(state.keyids),
        "keys_here": [keyid for keyid in state.keyids if keyid in here],
        "is_pending": state.is_pending,
    }


def _keyids_here(options: argparse.Namespace) -> set[str]:
    from edge_identify.sync_server.publishing.signing.key_ring import read_key_ring

    folder = keys_folder(options)
    with suppress(SetupError):
        return {key.public.keyid for key in read_key_ring(folder).keys} if folder is not None else set()
    return set()
