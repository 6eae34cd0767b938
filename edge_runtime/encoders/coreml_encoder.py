"""An encoder tower run by Core ML, through coremltools, on a Mac.

The image tower's input is an image, not an array, and Core ML takes one image at a time. Threads that share an encoder
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
        """Load a model. The hashes of its files must have been checked.

        Args:
            path: The `.mlpackage` folder.
            variant: Its entry in the manifest.
        """
        import coremltools

        self._variant = variant
        self._one_at_a_time = Lock()  # Core ML does not promise that several threads may share a model
        self._model = coremltools.models.MLModel(str(path))

    @property
    def variant_name(self) -> str:
        """The variant's name in the manifest."""
        return self._variant.name

    def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of a batch; see `Encoder.embed`."""
        import numpy as np

        with self._one_at_a_time:
            rows = [self._model.predict({self._variant.input.name: self._input(item)}) for item in batch]
        return np.stack([np.asarray(row[self._variant.output.name], np.float32).reshape(-1) for row in rows])

    def _input(self, item: NDArray[np.uint8] | NDArray[np.int64]) -> Any:
        if self._variant.input.dtype == "image":
            from PIL import Image

            return Image.fromarray(item)
        return item[None].astype("int32")
