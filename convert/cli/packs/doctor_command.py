"""`edge-build doctor`: what will go wrong with a pack or a catalogue, before it does."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.subcommand import subcommand
from edge_identify.convert.progress import shown_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.convert.doctor.findings import DoctorFinding, Examination

_MOST_SHOWN = 5  # cases of a finding on one screen; --json has them all


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "doctor",
        "list what will go wrong with a pack or a catalogue, before it does",
        "edge-build doctor my.catalogue",
    )
    parser.add_argument(
        "subject", type=Path, metavar="PACK-OR-CATALOGUE", help="a pack's folder, or a catalogue's file"
    )
    parser.add_argument("--json", action="store_true", help="print all findings as one JSON object")
    parser.set_defaults(run=_examine)


def _examine(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.doctor.examination import examine_catalogue, examine_pack

    subject: Path = options.subject
    today = datetime.now(UTC).date()
    if subject.is_dir():
        examination = examine_pack(subject, today=today)
    elif subject.exists():
        examination = examine_catalogue(subject, today=today, progress=shown_progress)
    else:
        raise SetupError(f"{subject}: nothing is there; give the folder of a pack or the file of a catalogue")
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
        f"{examination.subject} of {examination.reference_count} references, {examination.picture_count} pictures: "
        f"{counts['serious']} serious, {counts['warning']} warnings, {counts['note']} notes"
    )


def _case_lines(finding: DoctorFinding) -> Iterator[str]:
    for case in finding.cases[:_MOST_SHOWN]:
        parts = [part for part in (", ".join(case.ids), case.detail) if part]
        yield f"  {': '.join(parts)}"
    if len(finding.cases) > _MOST_SHOWN:
        yield f"  and {len(finding.cases) - _MOST_SHOWN} more; --json lists them"


def _counts(examination: Examination) -> Counter[str]:
    return Counter(str(finding.severity) for finding in examination.findings)
