"""The options that say which encoder: the same wherever one is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add `--model`, `--pretrained`, `--model-config`, `--tokenizer` and `--accept-licence`."""
    parser.add_argument(
        "--model",
        default="builtin",
        metavar="NAME[/TAG]",
        help="builtin (default), or open_clip's, such as ViT-B-32/openai",
    )
    parser.add_argument(
        "--pretrained",
        metavar="TAG|FILE",
        help="a tag, a checkpoint (.safetensors or .pt), or random for trying a model out",
    )
    parser.add_argument(
        "--model-config",
        type=Path,
        metavar="FILE",
        help="instead of --model: a configuration in open_clip's format (JSON), with --pretrained FILE or random",
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="the tokenizer.json of a model such as SigLIP's; without one, it has no text encoder",
    )
    parser.add_argument(
        "--accept-licence",
        action="store_true",
        help="use weights whose licence is for research only; a pack will say that it was accepted",
    )
