"""Drops the log records of libraries for the length of a step.

Trap: open_clip logs through the root logger. Raising the level of the root logger, or `logging.disable`, would drop the
records of this program, too. So open_clip's records are recognised by their source file. Its first record would also
install a handler on a root logger without one, permanently.
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
    """Drop the log records of some packages while the block runs; exceptions are not affected.

    Args:
        packages: Top-level import names, such as `open_clip`.
    """
    root = logging.getLogger()
    loggers = [logging.getLogger(package) for package in packages]
    levels = [logger.level for logger in loggers]
    placeholder = logging.NullHandler()  # if there is a handler, logging.warning() installs none

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
    """Drop the log records and warnings of open_clip and timm while they build and fill a model."""
    with muted("open_clip", "timm"), warnings.catch_warnings():
        # open_clip warns for each model whose weights are loaded later.
        warnings.filterwarnings("ignore", message=".*[Nn]o pretrained weights.*")
        yield
