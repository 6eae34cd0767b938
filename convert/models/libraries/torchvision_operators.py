"""Making `import torchvision` work beside a CPU-only torch. Call this before the first `import open_clip`.

A newcomer would just import open_clip. It imports torchvision, and the Linux wheel of torchvision on the
public index is linked against CUDA: beside a CPU torch its extension does not load, and the import then
dies with "operator torchvision::nms does not exist", because torchvision attaches shape rules to two
operators that nobody has declared. Nothing in this project calls either of them, so declaring them is
enough. Where the extension loads (macOS, aarch64, a CUDA machine) nothing is declared.

It must come first: an import that has failed once leaves half-imported modules behind, and a second try
trips on them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from torch.library import Library

MISSING_EXTRA = "working with models needs torch and open_clip; run `pip install 'edge-identify[convert]'`"

_OPERATORS = ("nms", "qnms")  # all that torchvision's import refers to without looking (0.28)

_declared: Library | None = None  # torch forgets an operator when the library that declared it is collected


def ensure_torchvision_operators() -> None:
    """Make torchvision importable; does nothing where it already is, or when called again.

    Raises:
        SetupError: torch or torchvision is not installed.
    """
    global _declared
    try:
        import torch
    except ImportError as error:
        raise SetupError(f"{MISSING_EXTRA} ({error})") from error
    if _declared is not None or hasattr(torch.ops.torchvision, _OPERATORS[0]) or _extension_loads():
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in _OPERATORS:
        schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared = library


def _extension_loads() -> bool:
    import torch

    spec = importlib.util.find_spec("torchvision")  # finds the folder without importing the package
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(f"{MISSING_EXTRA} (No module named 'torchvision')")
    folder = Path(spec.submodule_search_locations[0])
    extension = next((path for ending in ("so", "pyd") for path in folder.glob(f"_C*.{ending}")), None)
    if extension is None:
        return False
    try:
        torch.ops.load_library(str(extension))  # type: ignore[no-untyped-call]
    except OSError:  # the dynamic linker's refusal: the CUDA libraries it wants are not there
        return False
    return True
