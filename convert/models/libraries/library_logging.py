"""Keeping what libraries log about themselves off the user's screen, for the length of one step.

A newcomer would raise the level of the root logger, which silences this program too, or set
`logging.disable`, which silences everybody. open_clip logs through the root logger itself, so its records
are told apart by the file they come from; its first record would also install a handler on a root logger
that has none, for good.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ABOVE_ALL = logging.CRITICAL + 1


@contextmanager
def muted(*packages: str) -> Iterator[None]:
    """Drop the log records of some packages while the block runs; errors are raised as ever.

    Args:
        packages: Top-level import names, such as `open_clip`.
    """
    root = logging.getLogger()
    loggers = [logging.getLogger(package) for package in packages]
    levels = [logger.level for logger in loggers]
    placeholder = logging.NullHandler()  # with a handler in place, logging.warning() installs none

    def comes_from_elsewhere(record: logging.LogRecord) -> bool:
        return not set(packages) & set(Path(record.pathname).parts)

    root.addHandler(placeholder)
    root.addFilter(comes_from_elsewhere)
    for logger in loggers:
        logger.setLevel(_ABOVE_ALL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        root.removeFilter(comes_from_elsewhere)
        root.removeHandler(placeholder)


@contextmanager
def quiet_open_clip() -> Iterator[None]:
    """Drop what open_clip and timm say while they build and fill a model."""
    with muted("open_clip", "timm"), warnings.catch_warnings():
        # Said of every model whose weights are loaded afterwards, as this project does.
        warnings.filterwarnings("ignore", message=".*[Nn]o pretrained weights.*")
        yield
