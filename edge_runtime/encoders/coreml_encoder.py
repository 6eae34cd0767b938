"""An exported tower run by Core ML, through coremltools, on a Mac.

Core ML takes one picture at a time, as a picture: its input is an image, not an array. Threads that share an encoder
wait for each other.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.pack.manifest import Variant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CoreMLEncoder:
    """A tower in an `.mlpackage`."""

    def __init__(self, path: Path, variant: Variant) -> None:
        """Load a model whose files' hashes have been checked.

        Args:
            path: The `.mlpackage` folder.
            variant: Its entry in the manifest.
        """
        import coremltools

        self._variant = variant
        self._one_at_a_time = Lock()  # Core ML promises nothing of a model that several threads share
        self._model = coremltools.models.MLModel(str(path))

    @property
    def variant_name(self) -> str:
        """The variant's name in the manifest."""
        return self._variant.name

    def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the unit vectors of a batch; see `Encoder.embed`."""
        import numpy as np

        with self._one_at_a_time:
            rows = [self._model.predict({self._variant.input.name: self._input(item)}) for item in batch]
        return np.stack([np.asarray(row[self._variant.output.name], np.float32).reshape(-1) for row in rows])

    def _input(self, item: NDArray[np.uint8] | NDArray[np.int64]) -> Any:
        if self._variant.input.dtype == "image":
            from PIL import Image

            return Image.fromarray(item)
        return item[None].astype("int32")
