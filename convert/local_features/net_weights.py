"""The weights of the local-feature net that come with this package, in half precision, and its fixed numbers.

They are XFeat's (G. Potje et al., CVPR 2024; Apache-2.0, see `NOTICE`): backbone and heads, without the matcher of the
semi-dense mode.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIM = 64
CELL_PX = 8  # one descriptor for each cell of 8 x 8 pixels
SIDE_STEP_PX = 32  # the coarsest map has a cell of 32 x 32 pixels
VARIANCE_FLOOR = 1e-5  # a blank image has variance 0
WEIGHTS = Path(__file__).with_name("xfeat.safetensors")


def read_net_weights() -> dict[str, NDArray[np.float32]]:
    """Return the net's tensors, by name, in float32."""
    from safetensors.numpy import load_file

    return {name: value.astype("float32") for name, value in load_file(WEIGHTS).items()}
