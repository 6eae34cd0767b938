"""Makes `import torchvision` work beside a CPU-only torch. Call it before the first `import open_clip`.

open_clip imports torchvision. The Linux wheel of torchvision on the public index is linked against CUDA, and beside a
CPU-only torch its extension does not load. The import then fails with "operator torchvision::nms does not exist",
because torchvision registers shape rules for two operators that nothing has declared. This project calls neither, so
declaring them suffices. If the extension loads (macOS, aarch64, a CUDA machine), nothing is declared.

It must come first, because a failed import leaves partly imported modules, and a second import fails on them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from torch.library import Library

MISSING_EXTRA = "working with models needs torch and open_clip; run `pip install 'edge-identify[convert]'`"

_OPERATORS = ("nms", "qnms")  # the operators that torchvision 0.28 needs when it is imported

_declared: Library | None = None  # kept, because torch drops an operator with the library object that declared it


def ensure_torchvision_operators() -> None:
    """Make torchvision importable; do nothing if it already is.

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
    except OSError:  # the dynamic linker does not find the CUDA libraries
        return False
    return True
