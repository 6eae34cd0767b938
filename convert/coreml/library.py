"""The one door to coremltools: loaded late, without its noise, and with one operator more.

What a newcomer would get wrong: coremltools prints a dozen lines on Linux about parts that only macOS has,
one about a torch newer than it was tested with, and progress bars that cannot be turned off by an option.
Closing the standard error would also hide real trouble, so exactly those lines are dropped, by their text,
and everything else goes through.
"""

from __future__ import annotations

import functools
import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from edge_identify.edge_runtime.errors import SetupError

MISSING_EXTRA = "Core ML export needs coremltools; run `pip install 'edge-identify[convert]'`"

#: How the log lines begin that say nothing about the package being made.
_HARMLESS = (
    "Failed to load _ML",  # predict and compile exist on macOS only; nothing here calls them elsewhere
    "Failed to load '_ML",  # the same, for a remote device
    "Torch version",  # "has not been tested": each export is compared with torch, and the version is pinned
    "scikit-learn version",  # "is not supported": only k-means palettes need it
    "Saving value type of int64 into a builtin type of int32",  # token ids and axes, all far below 2**31
)

#: The modules whose progress bars speak to a terminal, and the name under which each holds tqdm.
_PROGRESS_BARS = (
    ("coremltools.converters.mil.frontend.torch.ops", "_tqdm"),
    ("coremltools.converters.mil.mil.passes.pass_pipeline", "tqdm"),
    ("coremltools.optimize.coreml._quantization_passes", "tqdm"),
)

#: Warnings by category and beginning, and why they are no concern of the person who exports.
_FOREIGN_WARNINGS: tuple[tuple[type[Warning], str], ...] = (
    # torch's own pytree, met when coremltools copies a program
    (FutureWarning, r"`isinstance\(treespec, LeafSpec\)`"),
    # An output channel of zeros has scale 0, and 0 / 0 is rounded to some int8; times 0 it is 0 again.
    (RuntimeWarning, "invalid value encountered in divide"),
    (RuntimeWarning, "invalid value encountered in cast"),
)


def load_coremltools() -> Any:
    """Import coremltools, quietly, with the operators it lacks; returns the module.

    Raises:
        SetupError: It is not installed.
    """
    _drop_harmless_lines()
    try:
        with warnings.catch_warnings():
            # Deprecations inside coremltools' own imports; whoever exports can do nothing about them.
            warnings.simplefilter("ignore", DeprecationWarning)
            coremltools = importlib.import_module("coremltools")
            importlib.import_module("coremltools.optimize.coreml")
    except ImportError as error:
        raise SetupError(f"{MISSING_EXTRA} ({error})") from error
    _register_alias()
    return coremltools


@contextmanager
def quietly() -> Iterator[None]:
    """Run a block of coremltools' work without progress bars and without the warnings listed above."""
    modules = [(importlib.import_module(module), name) for module, name in _PROGRESS_BARS]
    loud = [getattr(module, name) for module, name in modules]
    try:
        for module, name in modules:
            _set_silent(module, name)
        with warnings.catch_warnings():
            for category, beginning in _FOREIGN_WARNINGS:
                warnings.filterwarnings("ignore", message=beginning, category=category)
            yield
    finally:
        for (module, name), bar in zip(modules, loud, strict=True):
            setattr(module, name, bar)


def _set_silent(module: ModuleType, name: str) -> None:
    setattr(module, name, functools.partial(getattr(module, name), disable=True))


class _Harmless(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(_HARMLESS)


def _drop_harmless_lines() -> None:
    logger = logging.getLogger("coremltools")
    if not any(isinstance(present, _Harmless) for present in logger.filters):
        logger.addFilter(_Harmless())


@functools.cache  # the registry refuses to be asked twice without `override`
def _register_alias() -> None:
    # torch.export leaves `alias` (the tensor itself, under a second name) in SigLIP's pooling head, and
    # coremltools 9.0 has no translation for it.
    operators = importlib.import_module("coremltools.converters.mil.frontend.torch.ops")
    registry = importlib.import_module("coremltools.converters.mil.frontend.torch.torch_op_registry")

    def alias(context: Any, node: Any) -> None:
        (tensor,) = operators._get_inputs(context, node, expected=1)
        context.add(tensor, torch_name=node.name)

    registry.register_torch_op(alias, torch_alias=["alias_copy"], override=True)
