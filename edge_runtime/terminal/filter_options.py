"""The options `--namespace` and `--label`, which two commands share."""

from __future__ import annotations

import argparse

from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters


def add_filter_options(parser: argparse.ArgumentParser) -> None:
    """Add `--namespace` and `--label`."""
    parser.add_argument(
        "--namespace",
        action="append",
        default=[],
        metavar="NAME",
        help="only references of this namespace, or of these if given several times",
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        type=_label,
        metavar="KEY=VALUE",
        help="only references with this label; several values of one key are alternatives, several keys are all needed",
    )


def chosen_filters(options: argparse.Namespace) -> Filters:
    """Return the filters that the options say.

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
