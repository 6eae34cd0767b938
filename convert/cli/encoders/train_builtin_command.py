"""`edge-build train-builtin`: the built-in encoder's towers, anew."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_identify.convert.cli.options.subcommand import show_stage_progress, subcommand
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "train-builtin",
        "train a tower of the built-in encoder: image first, then text into the image tower's space",
        "edge-build train-builtin image --data captioned-pictures --out image_tower.safetensors",
    )
    towers = parser.add_subparsers(dest="tower", required=True, metavar="TOWER")
    _add_image_parser(towers)
    _add_text_parser(towers)


def _add_image_parser(towers: Any) -> None:
    parser = subcommand(
        towers,
        "image",
        "train the image tower to find a reference by a simulated photo of it; 80 minutes on two cores",
        "edge-build train-builtin image --data captioned-pictures --out image_tower.safetensors",
    )
    _add_common_options(parser)
    parser.add_argument(
        "--views",
        type=_whole,
        metavar="N",
        help="pictures the trunk learns from, two for each thing (default: the full run's); 0 keeps the trunk of "
        "--start-from and makes its last layer anew",
    )
    parser.add_argument(
        "--layer-things",
        type=_count,
        metavar="N",
        help="pairs of views the last layer is made of (default: as many as the shipped weights had)",
    )
    parser.add_argument("--teacher", type=Path, metavar="FILE", help="an image encoder (.onnx) whose answers to follow")
    parser.add_argument("--start-from", type=Path, metavar="FILE", help="go on from the trunk of these weights")
    parser.add_argument("--batch", type=_count, metavar="N", help="things in a batch")
    parser.add_argument(
        "--learning-rate", type=_rate, metavar="R", help="the highest; lower when going on from weights"
    )
    parser.add_argument("--workers", type=_whole, default=1, metavar="N", help="processes that draw and photograph")
    parser.set_defaults(run=_train_image)


def _add_text_parser(towers: Any) -> None:
    parser = subcommand(
        towers,
        "text",
        "train the text tower into the space of the shipped image tower; minutes on one core",
        "edge-build train-builtin text --data captioned-pictures --out text_tower.safetensors",
    )
    _add_common_options(parser)
    parser.add_argument(
        "--steps", type=_count, metavar="N", help="optimiser steps (default: as many as the shipped weights had)"
    )
    parser.set_defaults(run=_train_text)


def _add_common_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="holds labels.jsonl and the pictures it names"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the weights to write (.safetensors)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _count(text: str) -> int:
    if _whole(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return rate


def _train_image(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.training.train_image_tower import ImageTowerRun, train_image_tower

    given = {
        "views": options.views,
        "layer_things": options.layer_things,
        "batch": options.batch,
        "learning_rate": options.learning_rate,
    }
    run = ImageTowerRun(
        data=options.data,
        out=options.out,
        teacher=options.teacher,
        start_from=options.start_from,
        seed=options.seed,
        workers=options.workers,
        **{name: value for name, value in given.items() if value is not None},
    )
    report = train_image_tower(run, progress=show_stage_progress)
    if options.json:
        print(json.dumps(asdict(report), indent=2))
        return ExitCode.DONE
    marks = report.marks
    print(
        f"{options.out}: {report.views:,} views of {report.photographs:,} photographs and of drawn things, and "
        f"{report.layer_things:,} pairs of them for the last layer\n"
        f"simulated photos of things never seen: photographs {marks.photographs:.3f}, drawn {marks.drawn:.3f}, "
        f"near-twins told apart {marks.near_twins:.3f}\n"
        f"curve: {run.log}"
    )
    return ExitCode.DONE


def _train_text(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.training.train_text_tower import DEFAULT_STEPS, train_text_tower

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
