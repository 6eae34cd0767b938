"""`edge-build train-builtin`: the built-in encoder's text tower, anew."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_identify.convert.commands.presenting import show_stage_progress, subcommand
from edge_identify.edge_runtime.commands.running import ExitCode


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "train-builtin",
        "train the built-in encoder's text tower into its image tower's space",
        "edge-build train-builtin --data captioned-pictures --out text_tower.safetensors",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="holds labels.jsonl and the pictures it names"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the weights to write (.safetensors)")
    parser.add_argument(
        "--steps", type=_count, metavar="N", help="optimiser steps (default: as many as the shipped weights had)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.set_defaults(run=_train)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _train(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.training.text_tower import DEFAULT_STEPS, train_text_tower

    report = train_text_tower(
        options.data, options.out, seed=options.seed, steps=options.steps or DEFAULT_STEPS, progress=show_stage_progress
    )
    if options.json:
        print(json.dumps(asdict(report), indent=2))
        return ExitCode.DONE
    print(
        f"{options.out}: {len(report.labels)} labels, {report.training_pictures} pictures, {report.steps} steps\n"
        f"held out ({report.held_out_pictures} pictures): nearest caption right {report.top1:.3f}, among five "
        f"{report.top5:.3f}; with a sentence not trained with {report.top1_unseen_template:.3f}; always the most "
        f"frequent label {report.majority:.3f}"
    )
    return ExitCode.DONE
