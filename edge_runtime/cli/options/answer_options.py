"""The options `--top-k` and `--json`."""

from __future__ import annotations

import argparse

from edge_identify.edge_runtime.search.identifier import MAX_TOP_K


def add_answer_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add `--top-k` and `--json` in a group of their own, and return the group."""
    group = parser.add_argument_group("output")
    group.add_argument("--top-k", type=_top_k, default=5, metavar="N", help="number of references to show (default: 5)")
    group.add_argument("--json", action="store_true", help="print one JSON object (schema: answers/answer.schema.json)")
    return group


def _top_k(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_TOP_K:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_TOP_K}")
    return int(text)
