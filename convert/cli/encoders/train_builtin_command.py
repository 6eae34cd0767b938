"""`edge-build train-builtin`: train the towers of the built-in encoder."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_identify.convert.cli.options.subcommand import add_json_option, subcommand
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.output_files import check_is_file
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.step_progress import shown_progress

_LARGEST_HOLD = 1000
_IMAGE_EXAMPLE = "edge-build train-builtin image --start-from trunk.safetensors --data images --out tower.safetensors"


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "train-builtin",
        "train a tower of the built-in encoder: first image, then text",
        _IMAGE_EXAMPLE,
        about="The text tower is trained into the embedding space of the image tower.",
    )
    towers = parser.add_subparsers(dest="tower", required=True, metavar="TOWER", title="towers")
    _add_image_parser(towers)
    _add_text_parser(towers)


def _add_image_parser(towers: Any) -> None:
    parser = subcommand(
        towers,
        "image",
        "train the image tower to find a reference from a simulated photo of it",
        _IMAGE_EXAMPLE,
        about="The full run takes hours on one core.",
        exit_codes=[ExitCode.PHOTO],
    )
    group = _add_common_options(parser)
    group.add_argument(
        "--start-from",
        type=Path,
        required=True,
        metavar="FILE",
        help="weights of timm's tf_efficientnet_lite0, or of a built-in image tower: the trunk to start from",
    )
    group.add_argument(
        "--pretrained",
        type=Path,
        metavar="FILE",
        help="weights whose trunk to stay near and to average with (default: those of --start-from)",
    )
    group.add_argument(
        "--views",
        type=_whole,
        metavar="N",
        help="training images for the trunk, two per thing (default: the full run's number); 0 keeps the trunk of "
        "--start-from and computes only the last layers",
    )
    group.add_argument(
        "--layer-things",
        type=_count,
        metavar="N",
        help="pairs of views for the last layer (default: as for the shipped weights)",
    )
    group.add_argument("--batch", type=_count, metavar="N", help="things per batch")
    group.add_argument("--learning-rate", type=_rate, metavar="R", help="peak learning rate of the trunk")
    group.add_argument(
        "--only-coarse",
        action="store_true",
        help="train only the blocks behind the map of stride 16, by which mosaics are told apart: it stays as it is",
    )
    group.add_argument(
        "--hold",
        type=_weight,
        metavar="W",
        help="weight of staying near the pretrained features, beside 1 for the contrast (default: 1)",
    )
    group.add_argument(
        "--tuned-share",
        type=_share,
        metavar="S",
        help="share of the trained weights in the average with the pretrained ones, 0 to 1 (default: 0.75)",
    )
    group.add_argument(
        "--typefaces",
        type=Path,
        metavar="DIR",
        help="folder of fonts (.ttf, .otf): some of the drawn things are then product lines with real print",
    )
    group.add_argument(
        "--workers", type=_whole, default=1, metavar="N", help="processes that make training images (default: 1)"
    )
    parser.set_defaults(run=_train_image)


def _add_text_parser(towers: Any) -> None:
    parser = subcommand(
        towers,
        "text",
        "train the text tower into the embedding space of the shipped image tower",
        "edge-build train-builtin text --classifier trunk.safetensors --data images --out text_tower.safetensors",
        about="Takes minutes on one core.",
        exit_codes=[ExitCode.PHOTO],
    )
    group = _add_common_options(parser)
    group.add_argument(
        "--classifier",
        type=Path,
        required=True,
        metavar="FILE",
        help="weights of timm's tf_efficientnet_lite0, whose classifier knows the names of ImageNet's classes",
    )
    group.add_argument(
        "--steps", type=_count, metavar="N", help="optimiser steps (default: as for the shipped weights)"
    )
    parser.set_defaults(run=_train_text)


def _add_common_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options of both towers, and return the group of training options."""
    group = parser.add_argument_group("training")
    group.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of labels.jsonl and the images that it names"
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    output = add_json_option(parser, "the figures as one JSON object")
    output.add_argument("--out", type=Path, required=True, metavar="FILE", help="weights file to write (.safetensors)")
    return group


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


def _weight(text: str) -> float:
    return _from_zero_to(_LARGEST_HOLD, text)


def _share(text: str) -> float:
    return _from_zero_to(1, text)


def _from_zero_to(largest: int, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= largest:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {largest}")
    return number


def _train_image(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.training.allocator import keep_freed_memory
    from edge_identify.convert.training.layers.contrast_net import Part
    from edge_identify.convert.training.train_image_tower import ImageTowerRun, train_image_tower

    check_is_file(options.out, "--out")
    given = {
        "views": options.views,
        "layer_things": options.layer_things,
        "batch": options.batch,
        "learning_rate": options.learning_rate,
        "hold": options.hold,
        "tuned_share": options.tuned_share,
    }
    run = ImageTowerRun(
        data=options.data,
        out=options.out,
        start_from=options.start_from,
        pretrained=options.pretrained,
        seed=options.seed,
        workers=options.workers,
        typefaces=options.typefaces,
        part=Part.COARSE if options.only_coarse else Part.BOTH,
        **{name: value for name, value in given.items() if value is not None},
    )
    keep_freed_memory()
    report = train_image_tower(run, progress=shown_progress.report)
    if options.json:
        print(json.dumps(asdict(report), indent=2))
        return ExitCode.DONE
    marks = report.marks
    print(
        f"{options.out}: {report.views:,} views of {report.photographs:,} photographs and of drawn things, "
        f"{report.layer_things:,} pairs of views for the last layer\n"
        f"recall@1 on simulated photos of held-out things: photographs {marks.photographs:.3f}, "
        f"drawn {marks.drawn:.3f}, near-twins told apart {marks.near_twins:.3f}\n"
        f"curve: {run.log}"
    )
    return ExitCode.DONE


def _train_text(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.training.train_text_tower import DEFAULT_STEPS, TextTowerRun, train_text_tower

    check_is_file(options.out, "--out")
    run = TextTowerRun(
        data=options.data,
        classifier=options.classifier,
        out=options.out,
        seed=options.seed,
        steps=options.steps or DEFAULT_STEPS,
    )
    report = train_text_tower(run, progress=shown_progress.report)
    if options.json:
        print(json.dumps(asdict(report), indent=2))
        return ExitCode.DONE
    marks = report.marks
    print(
        f"{options.out}: {counted(len(report.labels), 'label')}, {report.classes} classes of ImageNet, "
        f"{counted(report.training_pictures, 'picture')}, {counted(report.steps, 'step')}\n"
        f"held out ({counted(report.held_out_pictures, 'picture')}): nearest caption right {marks.top1:.3f}, "
        f"among five {marks.top5:.3f}; with a sentence not trained with {marks.top1_unseen_template:.3f}; always the "
        f"most frequent label {marks.majority:.3f}\n"
        f"names of ImageNet's classes ({counted(marks.sure_photographs, 'picture')} of which the classifier is sure): "
        f"its first answer {marks.class_top1:.3f}, among five {marks.class_top5:.3f}\n"
        f"two colours of drawn mosaics ({counted(marks.colour_texts, 'text')}): first {marks.colour_top1:.3f}, "
        f"among five {marks.colour_top5:.3f}; five chosen at random {marks.colour_chance:.3f}\n"
        f"words: {run.vocabulary} ({report.words:,})"
    )
    return ExitCode.DONE
