"""Lazy import of coremltools, without irrelevant messages and with one additional operator.

On Linux, coremltools logs a dozen lines about parts that only macOS has, and one about an untested version of torch.
Its progress bars have no option. Exactly those lines are dropped, by their text; all other messages pass.
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

#: Beginnings of log lines that do not concern the exported package.
_HARMLESS = (
    "Failed to load _ML",  # predict and compile exist on macOS only; nothing here calls them elsewhere
    "Failed to load '_ML",  # the same, for a remote device
    "Torch version",  # "has not been tested": each export is compared with torch, and the version is pinned
    "scikit-learn version",  # "is not supported": only k-means palettes need it
    "Saving value type of int64 into a builtin type of int32",  # token ids and axes, all far below 2**31
)

#: The modules that show progress bars, and the name of tqdm in each.
_PROGRESS_BARS = (
    ("coremltools.converters.mil.frontend.torch.ops", "_tqdm"),
    ("coremltools.converters.mil.mil.passes.pass_pipeline", "tqdm"),
    ("coremltools.optimize.coreml._quantization_passes", "tqdm"),
)

#: Warnings that do not concern the user, by category and beginning.
_FOREIGN_WARNINGS: tuple[tuple[type[Warning], str], ...] = (
    # torch's pytree, when coremltools copies a program.
    (FutureWarning, r"`isinstance\(treespec, LeafSpec\)`"),
    # In the conversion: a deprecated lookup, and a temporary folder that the garbage collector removes.
    (DeprecationWarning, r"Function _TORCH_OPS_REGISTRY\."),
    (ResourceWarning, "Implicitly cleaning up <TemporaryDirectory"),
    # A channel of (nearly) zeros has scale 0 in float16; any int8 value times 0 is 0 again.
    (RuntimeWarning, "divide by zero encountered in divide"),
    (RuntimeWarning, "invalid value encountered in divide"),
    (RuntimeWarning, "invalid value encountered in cast"),
)


def load_coremltools() -> Any:
    """Import coremltools without its messages, register the operator `alias`, and return the module.

    Raises:
        SetupError: coremltools is not installed.
    """
    _drop_harmless_lines()
    try:
        with warnings.catch_warnings():
            # Deprecations inside coremltools' own imports.
            warnings.simplefilter("ignore", DeprecationWarning)
            coremltools = importlib.import_module("coremltools")
            importlib.import_module("coremltools.optimize.coreml")
    except ImportError as error:
        raise SetupError(f"{MISSING_EXTRA} ({error})") from error
    _register_alias()
    return coremltools


@contextmanager
def conversion() -> Iterator[None]:
    """Run one conversion: number operators from zero, hide progress bars and the warnings listed above."""
    _number_names_from_zero()
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


def _number_names_from_zero() -> None:
    # coremltools numbers operators with a counter of the process and rarely clears it. Without this, the bytes of a
    # package would depend on what was read or converted before it.
    importlib.import_module("coremltools.converters.mil.mil").Builder.name_count.clear()


def _set_silent(module: ModuleType, name: str) -> None:
    setattr(module, name, functools.partial(getattr(module, name), disable=True))


class _Harmless(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(_HARMLESS)


def _drop_harmless_lines() -> None:
    logger = logging.getLogger("coremltools")
    if not any(isinstance(present, _Harmless) for present in logger.filters):
        logger.addFilter(_Harmless())


@functools.cache  # registered once per process
def _register_alias() -> None:
    # torch.export leaves `alias` (the same tensor under a second name) in SigLIP's pooling head, and coremltools 9.0
    # has no translation for it.
    operators = importlib.import_module("coremltools.converters.mil.frontend.torch.ops")
    registry = importlib.import_module("coremltools.converters.mil.frontend.torch.torch_op_registry")

    def alias(context: Any, node: Any) -> None:
        (tensor,) = operators._get_inputs(context, node, expected=1)
        context.add(tensor, torch_name=node.name)

    registry.register_torch_op(alias, torch_alias=["alias_copy"], override=True)
