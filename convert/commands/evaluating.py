"""`edge-build evaluate`: how often a pack is right."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edge_identify.convert.commands.presenting import shown_progress, subcommand
from edge_identify.edge_runtime.commands.running import ExitCode, printable
from edge_identify.edge_runtime.errors import SetupError


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "evaluate",
        "measure a pack with photos whose answer is known",
        "edge-build evaluate street-art-pack --queries photos.csv --group-by tier",
    )
    parser.add_argument("pack", type=Path, metavar="PACK", help="the pack's folder")
    parser.add_argument(
        "--queries",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="columns query (a path), id (empty: not in the pack)",
    )
    parser.add_argument("--group-by", metavar="COLUMN", help="show the figures for each value of a column too")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert import evaluation
    from edge_identify.edge_runtime.pack.reader import open_pack
    from edge_identify.edge_runtime.pack.references import ReferenceTable

    pack = open_pack(options.pack)
    queries = evaluation.read_queries(options.queries)
    if options.group_by is not None:
        evaluation.check_group_column(queries, options.group_by, where=str(options.queries))
    with ReferenceTable(pack.file(pack.manifest.references_file)) as references:
        evaluation.check_known_ids(queries, references.ids(), where=str(options.queries))
    result = evaluation.evaluate_pack(pack, queries, progress=lambda items: shown_progress("asking", items))
    for left_out in result.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    if not result.outcomes:
        raise SetupError(f"{options.queries}: not one usable photo; the lines above say why")
    figures = evaluation.summarise(result.outcomes, group_by=options.group_by) | {"skipped": len(result.left_out)}
    _print_figures(figures, as_json=options.json)
    return ExitCode.SOME_SKIPPED if result.left_out else ExitCode.DONE


def _print_figures(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
        return
    for name, group in (("all", figures["all"]), *figures["groups"].items()):
        recalls = "  ".join(
            f"{key} {value:.3f}" for key, value in group.items() if key.startswith("recall") and value is not None
        )
        print(f"{name:<24} {group['queries']:5d} queries  {recalls}".rstrip())
        if "decisions" in group:
            print(_decisions_line(group["decisions"]))
    if "decisions" not in figures["all"]:
        print("the pack is not calibrated: it decides nothing", file=sys.stderr)


def _decisions_line(decisions: dict[str, Any]) -> str:
    known, others = decisions["known"], decisions["not_in_pack"]
    parts = [
        f"known: {known['identified_right']} identified, {known['identified_wrong']} identified wrongly, "
        f"{known['ambiguous']} ambiguous, {known['unknown']} unknown",
        f"not in pack: {others['identified'] + others['ambiguous']} of {others['photos']} accepted",
        *(
            f"{label} {decisions[key]:.3f}"
            for label, key in (("ECE", "ece"), ("AUROC", "auroc_evidence"))
            if decisions[key] is not None
        ),
    ]
    return f"  {' · '.join(parts)}"
