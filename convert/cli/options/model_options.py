"""The options that choose an encoder."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_model_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add `--model`, `--pretrained`, `--model-config`, `--tokenizer` and `--accept-licence`; return their group."""
    group = parser.add_argument_group("encoder")
    group.add_argument(
        "--model",
        default="builtin",
        metavar="NAME[/TAG]",
        help="builtin (default), or a model of open_clip, such as ViT-B-32/openai; edge-build models lists them",
    )
    group.add_argument(
        "--pretrained",
        metavar="TAG|FILE",
        help="tag of published weights, a checkpoint (.safetensors, .pt), or random (to try a model)",
    )
    group.add_argument(
        "--model-config",
        type=Path,
        metavar="FILE",
        help="configuration of a custom model, in open_clip's JSON format; replaces --model; needs --pretrained",
    )
    group.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="tokenizer.json of a model such as SigLIP; without it, such a pack has no text encoder",
    )
    group.add_argument(
        "--accept-licence",
        action="store_true",
        help="accept weights with a research-only licence; the pack records the acceptance",
    )
    return group
