"""`edge-build train-builtin`: the built-in encoder's text tower, anew."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge_identify.convert.commands.presenting import subcommand
from edge_identify.edge_runtime.commands.running import ExitCode


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "train-builtin",
        "train the built-in encoder's text tower into its image tower's space",
        "edge-build train-builtin --data captioned-pictures --out text_tower.safetensors",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds labels.jsonl and the pictures it names")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the weights to write (.safetensors)")
    parser.add_argument("--steps", type=int, default=None, metavar="N", help="optimiser steps (default: the shipped recipe's)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.set_defaults(run=_train)


