"""An exported tower run by ONNX Runtime on the CPU.

A newcomer would keep ONNX Runtime's default threads: they spin while they wait, and on a machine with other work
that doubles the time of each picture. And would let it prepare ("prepack") the weights, which speeds up every
picture but costs more than it brings when there are only a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.encoders.mapped_weights import graph_with_mapped_weights
from edge_identify.edge_runtime.encoders.protobuf_fields import UnknownLayoutError
from edge_identify.edge_runtime.errors import PackDamagedError

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray

_ERRORS_ONLY = 3  # ONNX Runtime's log level; its warnings are about its own optimisations
_THREADS_FOR_ONE = 1  # starting a pool costs more than one small picture gains from it
_THREADS_FOR_MANY = 0  # ONNX Runtime's word for "one for each core"
_PROVIDERS = ("CPUExecutionProvider",)


class OnnxEncoder:
    """A tower in an ONNX file.

    Threads may share it: ONNX Runtime promises that one session runs for several threads at once, and each run has
    inputs and outputs of its own. A run keeps its session alive.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        input_name: str,
        output_name: str,
        many: bool = False,
        providers: Sequence[str] = _PROVIDERS,
    ) -> None:
        """Load a model whose hash has been checked.

        Args:
            path: The model file.
            name: The variant's name in the manifest.
            input_name: What the graph calls its input.
            output_name: What it calls its unit vectors.
            many: Prepare for many inputs rather than for a fast single answer.
            providers: Where ONNX Runtime is to compute, by its own names, the best first.

        Raises:
            PackDamagedError: ONNX Runtime cannot load it.
        """
        self._path = path
        self._name, self._input_name, self._output_name = name, input_name, output_name
        import onnxruntime  # noqa: F401  -- a library that cannot be imported is no damage of the pack

        try:
            self._session = _session(path, many=many, providers=providers)
        except Exception as error:  # ONNX Runtime raises its own classes, which share no base but this
            raise PackDamagedError(f"{path}: ONNX Runtime cannot load this model ({_first_line(error)})") from error

    @property
    def variant_name(self) -> str:
        """The variant's name in the manifest."""
        return self._name

    @property
    def providers(self) -> Sequence[str]:
        """Where ONNX Runtime does compute."""
        found: list[str] = self._session.get_providers()
        return found

    def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the unit vectors of a batch; see `Encoder.embed`.

        Raises:
            PackDamagedError: The graph is not what the manifest says: other names, another input, other results.
        """
        import numpy as np

        try:
            (found,) = self._session.run([self._output_name], {self._input_name: batch})
        except Exception as error:  # as above
            raise PackDamagedError(f"{self._path}: does not run as its manifest says ({_first_line(error)})") from error
        embeddings: NDArray[np.float32] = found
        if embeddings.ndim != 2 or len(embeddings) != len(batch) or not np.isfinite(embeddings).all():
            raise PackDamagedError(f"{self._path}: returns {embeddings.shape} or no numbers for {len(batch)} inputs")
        return embeddings


def _session(path: Path, *, many: bool, providers: Sequence[str]) -> onnxruntime.InferenceSession:
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # for Windows, and for a process that had loaded it before us
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = _THREADS_FOR_MANY if many else _THREADS_FOR_ONE
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model: str | bytes = str(path)
    if not many:
        # ViT-B-32 in int8: ready after 33 ms of CPU time instead of 185, and 5 ms more for each picture.
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
        with suppress(UnknownLayoutError):  # ONNX Runtime says what is wrong with it, or reads what we cannot
            model = graph_with_mapped_weights(path)
    return onnxruntime.InferenceSession(model, options, providers=list(providers))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
