"""`edge-identify sync`, `packs` and `verify`: fetch, list and check the packs on this device."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.cli.options.byte_amounts import byte_rate
from edge_identify.edge_runtime.cli.options.pack_options import (
    add_pack_options,
    add_store_option,
    chosen_store,
)
from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack, verify_pack_files
from edge_identify.edge_runtime.store.default_pack import (
    missing_default,
    read_default_pack,
    remove_default_pack,
    write_default_pack,
)
from edge_identify.edge_runtime.store.installed_packs import forget_checks, open_installed
from edge_identify.edge_runtime.store.open_by_name import is_folder_path
from edge_identify.edge_runtime.sync.listing import time_text
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode, exit_code_for

if TYPE_CHECKING:
    from edge_identify.edge_runtime.io.progress import Progress
    from edge_identify.edge_runtime.store.installed_packs import InstalledPack
    from edge_identify.edge_runtime.store.pack_store import PackStore
    from edge_identify.edge_runtime.sync.sync_client import SyncReport


def sync_main(words: list[str]) -> int:
    """Run `edge-identify sync`."""
    options = sync_parser().parse_args(words)
    return run_command(lambda: _sync(options))


def sync_parser() -> CommandParser:
    """Return the parser of `edge-identify sync`."""
    parser = CommandParser(
        prog="edge-identify sync",
        examples=["edge-identify sync http://192.168.1.20:8000/", "edge-identify sync --limit-rate 500k"],
        description="Fetches the newest version of a pack from a server. Only what has changed is fetched, and a "
        "download that was cut off goes on. Without URL, updates every installed pack from the server it came from. "
        "The server's signatures are checked against the root that edge-identify trust pinned.",
        exit_codes=[ExitCode.PACK, ExitCode.NETWORK],
    )
    parser.add_argument("url", metavar="URL", nargs="?", help="address of the server")
    transfer = parser.add_argument_group("transfer")
    transfer.add_argument(
        "--mirror",
        metavar="URL",
        action="append",
        default=[],
        help="another address of the same repository, asked for what URL does not give; may be repeated; remembered",
    )
    transfer.add_argument(
        "--limit-rate", metavar="RATE", type=byte_rate, help="most bytes per second, such as 500k or 2M"
    )
    group = parser.add_argument_group("pack")
    group.add_argument("--pack", metavar="NAME", help="name of the pack; required if the server offers several")
    add_store_option(group)
    parser.add_argument_group("trust").add_argument(
        "--unsigned", action="store_true", help="accept a server that is not signed, this time"
    )
    parser.add_argument_group("output").add_argument(
        "--json", action="store_true", help="print one JSON object: files fetched and kept"
    )
    return parser


def packs_main(words: list[str]) -> int:
    """Run `edge-identify packs`."""
    options = packs_parser().parse_args(words)
    return run_command(lambda: _packs(options))


def packs_parser() -> CommandParser:
    """Return the parser of `edge-identify packs`."""
    parser = CommandParser(
        prog="edge-identify packs",
        examples=["edge-identify packs", "edge-identify packs --default street-art"],
        description="Lists the packs on this device. Without a default pack, a photo is answered from all of them.",
        exit_codes=[ExitCode.PACK],
    )
    group = parser.add_argument_group("pack")
    default = group.add_mutually_exclusive_group()
    default.add_argument("--default", metavar="NAME", help="make this pack the one that answers without --pack")
    default.add_argument("--no-default", action="store_true", help="have no default pack: all packs answer")
    add_store_option(group)
    parser.add_argument_group("output").add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def verify_main(words: list[str]) -> int:
    """Run `edge-identify verify`."""
    options = verify_parser().parse_args(words)
    return run_command(lambda: _verify(options))


def verify_parser() -> CommandParser:
    """Return the parser of `edge-identify verify`."""
    parser = CommandParser(
        prog="edge-identify verify",
        examples=["edge-identify verify", "edge-identify verify --pack street-art"],
        description="Checks every file of the installed packs against the hashes in their manifests, and runs each "
        "pack's self-test.",
        exit_codes=[ExitCode.PACK],
    )
    add_pack_options(parser)
    parser.add_argument_group("output").add_argument("--json", action="store_true", help="print one JSON object")
    return parser


class _Failures:
    """Reports the failure of one pack and lets the others go on. The exit code is that of the first failure."""

    def __init__(self) -> None:
        self.code = ExitCode.DONE

    @contextmanager
    def reported(self) -> Iterator[None]:
        try:
            yield
        except EdgeIdentifyError as error:
            print(f"error: {printable(str(error))}", file=sys.stderr)
            self.code = self.code or exit_code_for(error)


def _sync(options: argparse.Namespace) -> ExitCode:
    store = chosen_store(options)
    failures = _Failures()
    reports: list[SyncReport] = []
    for name in _names_to_sync(store, options.url, options.pack):
        with failures.reported():
            url, mirrors = (options.url, ()) if options.url else _source(store, name)
            reports.append(_sync_one(store, url, name, options.mirror or mirrors, options))
    if options.json:
        print(json.dumps({"synced": [report_as_json(report) for report in reports]}, indent=2))
        return failures.code
    for report in reports:
        print(printable(report_in_words(report)))
    return failures.code


def _names_to_sync(store: PackStore, url: str | None, name: str | None) -> Sequence[str | None]:
    """Return the names of the packs to sync; None is the only pack that the server offers."""
    if url is not None or name is not None:
        return [name]
    if names := store.names():
        return names
    raise PackNotFoundError("no pack is installed; give the address of a server: edge-identify sync URL")


def _source(store: PackStore, name: str | None) -> tuple[str, Sequence[str]]:
    """Return the address that an installed pack came from, and its mirrors."""
    assert name is not None, "without URL, every pack to sync has a name"
    # `pointer`, not `active`: sync repairs damaged packs.
    installed = store.pointer(name) or store.active(name)
    if "://" not in installed.source:
        raise SetupError(
            f"{name} was installed from the file {installed.source}; give the address of a server: "
            f"edge-identify sync URL --pack {name}"
        )
    return installed.source, installed.mirrors


def _sync_one(
    store: PackStore, url: str, name: str | None, mirrors: Sequence[str], options: argparse.Namespace
) -> SyncReport:
    from edge_identify.edge_runtime.io.progress import during
    from edge_identify.edge_runtime.sync.device_sync import sync_to_device
    from edge_identify.edge_runtime.terminal.step_progress import shown_progress

    with shown_progress.closing():
        return during(
            shown_progress,
            "comparing with the server and checking files",
            lambda: sync_to_device(
                store,
                url,
                name=name,
                unsigned=options.unsigned,
                progress=partial(shown_progress.report_bytes, "fetching"),
                mirrors=mirrors,
                bytes_per_s=options.limit_rate,
            ),
        )


def report_in_words(report: SyncReport) -> str:
    """Return the line that tells what a sync has done."""
    patched = f"{report.patched_files} patched, " if report.patched_files else ""
    return (
        f"{report.name} {report.version}: {report.note}; {counted(report.fetched_files, 'file')} "
        f"({report.fetched_bytes / 1e6:.1f} MB) fetched, {patched}{report.reused_files} kept, "
        f"{_amount(report.received_bytes)} received, {report.seconds:.1f} s; "
        f"{signature_text(report.signed_utc)}{_expiry_text(report.expired_utc)}"
    )


def _expiry_text(expired_utc: str | None) -> str:
    """Return what an expired signature of an `.edgepack` file means, in words."""
    if expired_utc is None:
        return ""
    days = (datetime.now(UTC) - datetime.fromisoformat(expired_utc)).days
    return f"; that was valid until {expired_utc[:10]} ({counted(days, 'day')} ago), so there may be a newer version"


def _amount(length_bytes: int) -> str:
    return f"{length_bytes / 1e3:.1f} kB" if length_bytes < 10**6 else f"{length_bytes / 1e6:.1f} MB"


def report_as_json(report: SyncReport) -> dict[str, Any]:
    """Return what a sync has done, for `--json`."""
    return {
        "name": report.name,
        "version": str(report.version),
        "action": str(report.action),
        "note": report.note,
        "source": report.source,
        "signed_utc": report.signed_utc,
        "expired_utc": report.expired_utc,
        "fetched_files": report.fetched_files,
        "fetched_bytes": report.fetched_bytes,
        "patched_files": report.patched_files,
        "received_bytes": report.received_bytes,
        "reused_files": report.reused_files,
        "seconds": round(report.seconds, 3),
    }


def _packs(options: argparse.Namespace) -> ExitCode:
    store = chosen_store(options)
    _change_default(store, options)
    failures = _Failures()
    names = store.names()
    default: str | None = None
    with failures.reported():
        default = read_default_pack(store.root)
        if default is not None and default not in names:
            raise missing_default(default, store.root)
    rows: list[dict[str, Any]] = []
    for name in names:
        with failures.reported():
            rows.append(_described(store.active(name)) | {"is_default": name == default})
    if options.json:
        known = {"store": str(store.root), "default": default, "packs": rows}
        print(json.dumps(known, ensure_ascii=False, indent=2))
        return failures.code
    for row in rows:
        line = (
            f"{row['name']} {row['version']}  {counted(row['references'], 'reference')}, "
            f"{row['size_bytes'] / 1e6:.1f} MB, {', '.join(row['variants'])}  from {row['source']}, {row['signature']}"
            f"{_age_in_words(row['published_utc'])}"
            f"{'  (rolled back from ' + row['other_version'] + ')' if row['is_rolled_back'] else ''}"
            f"{'  (default)' if row['is_default'] else ''}"
        )
        print(printable(line))
    if not names:
        print(f"no packs in {store.root}; fetch one with `edge-identify sync URL`", file=sys.stderr)
    return failures.code


def _change_default(store: PackStore, options: argparse.Namespace) -> None:
    if options.no_default:
        remove_default_pack(store.root)
    if options.default is None:
        return
    if options.default not in store.names():
        known = ", ".join(store.names()) or "none"
        raise PackNotFoundError(
            f"no pack {options.default!r} is installed in {store.root}; installed: {known}; "
            "--no-default removes the default pack"
        )
    write_default_pack(store.root, options.default)


def _described(installed: InstalledPack) -> dict[str, Any]:
    manifest = open_installed(installed).manifest
    return {
        "name": installed.name,
        "version": str(installed.version),
        "title": manifest.title,
        "references": manifest.reference_count,
        "size_bytes": sum(entry.length_bytes for entry in manifest.files_for(installed.variant_names)),
        "variants": list(installed.variant_names),
        "model": manifest.model.name,
        "source": installed.source,
        "mirrors": list(installed.mirrors),
        "published_utc": None if installed.published_utc is None else time_text(installed.published_utc),
        "other_version": None if installed.previous is None else str(installed.previous),
        "is_rolled_back": installed.is_rolled_back,
        "signed_utc": installed.signed_utc,
        "signature": signature_text(installed.signed_utc, _pinned_by(installed)),
    }


def _age_in_words(published_utc: str | None) -> str:
    """Return the day of publication and the age in days; the age only if this device's clock is after that day."""
    if published_utc is None:
        return ""
    days = (datetime.now(UTC) - datetime.fromisoformat(published_utc)).days
    age = f", {counted(days, 'day')} ago" if days > 0 else ""
    return f"  published {published_utc[:10]}{age}"


def _pinned_by(installed: InstalledPack) -> str | None:
    """Return how the root of a pack's server was chosen; None if no root is pinned for it."""
    from edge_identify.edge_runtime.sync.trust.trusted_roots import TrustedRoots

    store = installed.folder.parent.parent.parent
    with suppress(EdgeIdentifyError):
        trusted = TrustedRoots(store).root_of(installed.source)
        return None if trusted is None else str(trusted.pinned_by)
    return None


def signature_text(signed_utc: str | None, pinned_by: str | None = None) -> str:
    """Return whether a pack came signed, in words.

    Args:
        signed_utc: As in `InstalledPack`.
        pinned_by: How the server's root was chosen; None if it is not known.
    """
    if signed_utc is None:
        return "unsigned"
    believed = " (root trusted on first use)" if pinned_by == "first-use" else ""
    return f"signed, as of {signed_utc[:10] or 'an unknown day'}{believed}"


def _verify(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.terminal.step_progress import shown_progress

    with shown_progress.closing():
        findings = [(name, _problem_of(open_it, shown_progress)) for name, open_it in _packs_to_verify(options)]
    if options.json:
        rows = [{"name": name, "problem": None if problem is None else str(problem)} for name, problem in findings]
        print(json.dumps({"packs": rows}, ensure_ascii=False, indent=2))
    else:
        for name, problem in findings:
            print(printable(f"{name}: {problem or 'all files match their hashes; the self-test passed'}"))
    return next((exit_code_for(problem) for _, problem in findings if problem is not None), ExitCode.DONE)


def _packs_to_verify(options: argparse.Namespace) -> list[tuple[str, Callable[[], Pack]]]:
    if options.pack is not None and is_folder_path(options.pack):
        return [(options.pack, lambda: open_pack(Path(options.pack)))]
    store = chosen_store(options)
    names = store.names() if options.pack is None else (options.pack,)
    if not names:
        raise SetupError(f"no packs in {store.root}; fetch one with `edge-identify sync URL`")
    return [(name, lambda name=name: open_installed(store.active(name))) for name in names]  # type: ignore[misc]


def _problem_of(open_it: Callable[[], Pack], progress: Progress) -> EdgeIdentifyError | None:
    """Return the error of a pack, or None."""
    from edge_identify.edge_runtime.io.progress import during
    from edge_identify.edge_runtime.store.bounded_self_test import self_test_within_limits

    pack: Pack | None = None
    try:
        pack = open_it()
        verify_pack_files(pack.folder, pack.manifest, pack.variant_names, progress)
        during(
            progress,
            f"testing {pack.manifest.name}",
            lambda: self_test_within_limits(pack.folder, pack.manifest, pack.variant_names),
        )
    except PackNotFoundError:
        raise  # a wrong name, not a damaged pack
    except EdgeIdentifyError as error:
        if pack is not None and isinstance(error, PackError):
            forget_checks(pack.folder)  # so that a sync looks for the damage, and repairs it
        return error
    return None
