"""`edge-build doctor`: check a catalogue or a pack for problems."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.subcommand import add_json_option, subcommand
from edge_identify.convert.progress import shown_progress
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.convert.doctor.findings import DoctorFinding, Examination

_MOST_SHOWN = 5  # cases of a finding; --json has all


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "doctor",
        "check a catalogue or a pack for problems before they reach users",
        "edge-build doctor --catalogue my.catalogue",
        "edge-build doctor --pack ./street-art-pack",
        exit_codes=[ExitCode.PACK, ExitCode.FOUND_SERIOUS],
    )
    group = parser.add_argument_group("subject")
    subject = group.add_mutually_exclusive_group(required=True)
    subject.add_argument("--catalogue", type=Path, metavar="FILE", help="catalogue file to check")
    subject.add_argument("--pack", type=Path, metavar="DIR", help="folder of the pack to check")
    add_json_option(parser, "all findings as one JSON object")
    parser.set_defaults(run=_examine)


def _examine(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.caching.build_cache import BuildCache, cache_folder
    from edge_identify.convert.doctor.examination import examine_catalogue, examine_pack

    today = datetime.now(UTC).date()
    if options.pack is not None:
        examination = examine_pack(options.pack, today=today, progress=shown_progress)
    else:
        cache = BuildCache(cache_folder(options.catalogue))
        examination = examine_catalogue(options.catalogue, today=today, progress=shown_progress, cache=cache)
    if options.json:
        print(json.dumps(_as_json(examination), ensure_ascii=False, indent=2))
    else:
        for line in _lines(examination):
            print(printable(line))
    return ExitCode.FOUND_SERIOUS if examination.is_serious else ExitCode.DONE


def _as_json(examination: Examination) -> dict[str, Any]:
    """Return `{"subject", "references", "pictures", "serious", "warnings", "notes", "findings", "not_checked", ...}`.

    A finding: `kind`, `severity`, `what`, `advice`, `cases`, each of which has `ids` and `detail`.
    """
    counts = _counts(examination)
    return {
        "subject": examination.subject,
        "references": examination.reference_count,
        "pictures": examination.picture_count,
        "serious": counts["serious"],
        "warnings": counts["warning"],
        "notes": counts["note"],
        "near_duplicate_similarity": examination.near_duplicate_similarity,
        "findings": [asdict(finding) for finding in examination.findings],
        "not_checked": list(examination.not_checked),
    }


def _lines(examination: Examination) -> Iterator[str]:
    counts = _counts(examination)
    for finding in examination.findings:
        yield f"{finding.severity}, {len(finding.cases)}: {finding.what}"
        yield from _case_lines(finding)
        yield f"  do: {finding.advice}"
    for line in examination.not_checked:
        yield f"not checked: {line}"
    yield (
        f"{examination.subject} of {counted(examination.reference_count, 'reference')}, "
        f"{counted(examination.picture_count, 'image')}: {counts['serious']} serious, "
        f"{counted(counts['warning'], 'warning')}, {counted(counts['note'], 'note')}"
    )


def _case_lines(finding: DoctorFinding) -> Iterator[str]:
    for case in finding.cases[:_MOST_SHOWN]:
        parts = [part for part in (", ".join(case.ids), case.detail) if part]
        yield f"  {': '.join(parts)}"
    if len(finding.cases) > _MOST_SHOWN:
        yield f"  and {len(finding.cases) - _MOST_SHOWN} more; --json lists them"


def _counts(examination: Examination) -> Counter[str]:
    return Counter(str(finding.severity) for finding in examination.findings)
