"""`edge-build history`: list past builds. Also records each build, in the catalogue and in MLflow."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.catalogue_option import add_catalogue_option
from edge_identify.convert.cli.options.subcommand import add_json_option, print_note, subcommand
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.convert.packing.pack_request import BuildReport
    from edge_identify.convert.reporting.mlflow_runs import MlflowRuns
    from edge_identify.datasets.catalogue.build_history import BuildRecord
    from edge_identify.datasets.catalogue.catalogue import Catalogue

#: Options of `edge-build pack` that do not change what is built.
_NOT_PARAMETERS = frozenset({"catalogue", "out", "replace", "json", "run", "name", "version", "title", "mlflow"})

#: Options whose value may be the path of a file.
_MAY_BE_PATHS = frozenset({"pretrained"})

_SHOWN_DIGITS = 12  # of a hash: enough to tell the builds of one catalogue apart


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "history",
        "list the packs that were built from a catalogue",
        "edge-build history --catalogue my.catalogue",
    )
    add_catalogue_option(parser)
    add_json_option(parser, "one JSON object, with all parameters and figures")
    parser.set_defaults(run=_history)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add `--mlflow` of `edge-build pack`."""
    parser.add_argument_group("tracking").add_argument(
        "--mlflow",
        metavar="URI",
        help="record the build in MLflow too (default: MLFLOW_TRACKING_URI, if set; extra [mlflow])",
    )


def open_mlflow(options: argparse.Namespace) -> MlflowRuns | None:
    """Return the MLflow tracking of the next build; None if it is not tracked.

    Raises:
        SetupError: MLflow of `--mlflow` is not available. For MLFLOW_TRACKING_URI a note is printed instead.
    """
    from edge_identify.convert.reporting.mlflow_runs import MlflowRuns, mlflow_address

    address = mlflow_address(options.mlflow, os.environ)
    if address is None:
        return None
    try:
        return MlflowRuns(address)
    except SetupError as error:
        if options.mlflow:
            raise
        print_note(f"this build is not recorded in MLflow: {error}")
        return None


def record_build(
    options: argparse.Namespace,
    catalogue: Catalogue,
    report: BuildReport,
    seconds: float,
    device: str,
    runs: MlflowRuns | None,
) -> None:
    """Record a build in the catalogue and in MLflow. A failure prints a note and raises nothing: the pack is built."""
    record = _record_of(options, report, seconds, device)
    try:
        catalogue.build_history().add(record)
        if runs is not None:
            runs.record(record)
    except SetupError as error:
        print_note(f"the pack is built but not recorded: {error}")


def _record_of(options: argparse.Namespace, report: BuildReport, seconds: float, device: str) -> BuildRecord:
    from edge_identify import __version__
    from edge_identify.datasets.catalogue.build_history import BuildRecord

    manifest = report.manifest
    return BuildRecord(
        finished_utc=datetime.now(UTC),
        pack_name=manifest.name,
        pack_version=str(manifest.version),
        software=__version__,
        parameters=parameters_of(options) | {"device": device},
        data_sha256=report.data_sha256,
        encoder=report.encoder,
        reference_count=manifest.reference_count,
        picture_count=manifest.index.count,
        figures={**_figures(report), "size_bytes": float(manifest.size_bytes()), "seconds": round(seconds, 1)},
    )


def parameters_of(options: argparse.Namespace) -> dict[str, str]:
    """Return the options of a build as text, by name. Paths are cut to file names: a path may hold a person's name."""
    named = {name: value for name, value in vars(options).items() if name not in _NOT_PARAMETERS}
    texts = {name: _as_text(value) for name, value in named.items()}
    return texts | {name: _file_name(texts[name]) for name in _MAY_BE_PATHS & texts.keys()}


def _file_name(text: str) -> str:
    return PureWindowsPath(text).name  # splits at both slashes


def _as_text(value: object) -> str:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _figures(report: BuildReport) -> dict[str, float]:
    measured: dict[str, dict[str, Any]] = {}
    for kind, variants in (("image", report.manifest.image_variants), ("text", report.manifest.text_variants)):
        measured |= {f"fidelity.{kind}.{variant.name}": asdict(variant.fidelity) for variant in variants.values()}
    measured |= {f"calibration.{name}": asdict(found) for name, found in report.calibration.calibrations.items()}
    measured |= {f"text_calibration.{name}": asdict(found) for name, found in report.texts.calibrations.items()}
    return {
        f"{what}.{name}": float(value)
        for what, facts in measured.items()
        for name, value in facts.items()
        if isinstance(value, int | float)
    }


def _history(options: argparse.Namespace) -> ExitCode:
    from edge_identify.datasets.catalogue.catalogue import Catalogue

    with Catalogue.open_existing(options.catalogue) as catalogue:
        records = catalogue.build_history().records()
    if options.json:
        rows = [{**asdict(record), "finished_utc": record.finished_utc.isoformat()} for record in records]
        print(json.dumps({"builds": rows}, ensure_ascii=False, indent=2))
        return ExitCode.DONE
    for record in records:
        print(printable(_line(record)))
    print(f"{counted(len(records), 'build')}", file=sys.stderr)
    return ExitCode.DONE


def _line(record: BuildRecord) -> str:
    accepted = [
        f"{name.split('.')[1]} accepts {100 * value:.0f} % of known things"
        for name, value in record.figures.items()
        if name.startswith("calibration.") and name.endswith(".true_accepts")
    ]
    what = [
        f"{record.finished_utc:%Y-%m-%d %H:%M} UTC",
        f"{record.pack_name} {record.pack_version}",
        record.parameters.get("model", ""),
        f"{counted(record.reference_count, 'reference')}, {counted(record.picture_count, 'image')}",
        f"data {record.data_sha256[:_SHOWN_DIGITS]}",
        f"encoder {record.encoder[:_SHOWN_DIGITS]}",
        *accepted,
    ]
    return "  ".join(what)
