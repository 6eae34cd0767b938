"""The options `--namespace` and `--label`, used by `edge-identify` and `edge-build search`."""

from __future__ import annotations

import argparse

from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters


def add_filter_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add `--namespace` and `--label` in a group of their own, and return the group."""
    group = parser.add_argument_group("filters")
    group.add_argument(
        "--namespace",
        action="append",
        default=[],
        metavar="NAME",
        help="only references of this namespace; repeatable: a reference matches any of them",
    )
    group.add_argument(
        "--label",
        action="append",
        default=[],
        type=_label,
        metavar="KEY=VALUE",
        help="only references with this label; repeatable: any value of a key, and all keys, must match",
    )
    return group


def chosen_filters(options: argparse.Namespace) -> Filters:
    """Return the filters of the options.

    Raises:
        SetupError: A label has no key or no value.
    """
    if not (options.namespace or options.label):
        return NO_FILTERS
    from edge_identify.edge_runtime.pack.filters import read_filters

    return read_filters(options.namespace, options.label)


def _label(text: str) -> str:
    from edge_identify.edge_runtime.errors import SetupError
    from edge_identify.edge_runtime.pack.filters import read_filters

    try:
        read_filters([], [text])
    except SetupError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as category=crab") from error
    return text
