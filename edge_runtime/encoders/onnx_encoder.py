"""An encoder tower run by ONNX Runtime on the CPU.

Two defaults of ONNX Runtime are changed. Waiting threads do not spin: spinning doubles the time of each image on a
machine with other work. Weights are not prepacked for a single answer: prepacking speeds up every image, but takes
longer than it saves for a few.
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

_ERRORS_ONLY = 3  # log level; ONNX Runtime's warnings concern its own optimisations
_THREADS_FOR_ONE = 1  # starting a thread pool takes longer than it saves for one image
_THREADS_FOR_MANY = 0  # means one thread for each core
_LACK_OF_MEMORY = ("bad_alloc", "bad allocation", "Failed to allocate memory")  # in the messages of ONNX Runtime
_PROVIDERS = ("CPUExecutionProvider",)
_AT_ONCE = 8  # inputs; 48 images of the built-in encoder at once take four times the memory, and longer: the caches


class OnnxEncoder:
    """A tower in an ONNX file.

    Threads may share an encoder: ONNX Runtime allows concurrent runs of one session, and each run has its own inputs
    and outputs. A run keeps its session alive.
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
        """Load a model. Its hash must have been checked.

        Args:
            path: The model file.
            name: The variant's name in the manifest.
            input_name: Name of the graph's input.
            output_name: Name of the graph's output, the unit vectors.
            many: Optimise for many inputs instead of a fast first answer.
            providers: ONNX Runtime's execution providers, best first.

        Raises:
            PackDamagedError: ONNX Runtime cannot load it.
            MemoryError: There is too little memory for it.
        """
        self._path = path
        self._name, self._input_name, self._output_name = name, input_name, output_name
        import onnxruntime  # noqa: F401  -- outside the `try`: a missing library is not damage of the pack

        try:
            self._session = onnx_session(path, many=many, providers=providers)
        except Exception as error:  # ONNX Runtime's exceptions have no narrower common base
            raise_if_lack_of_memory(error, path)
            raise PackDamagedError(f"{path}: ONNX Runtime cannot load this model ({first_line(error)})") from error
        self._is_on_the_cpu = self._session.get_providers() == list(_PROVIDERS)

    @property
    def variant_name(self) -> str:
        """The variant's name in the manifest."""
        return self._name

    @property
    def providers(self) -> Sequence[str]:
        """The execution providers in use, by ONNX Runtime's names, best first."""
        found: list[str] = self._session.get_providers()
        return found

    def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of a batch; see `Encoder.embed`.

        Raises:
            PackDamagedError: The graph differs from the manifest (names, input or output), or returns NaN.
            MemoryError: There is too little memory to run it.
        """
        import numpy as np

        if len(batch) <= _AT_ONCE or not self._is_on_the_cpu:
            return self._run(batch)
        parts = [self._run(batch[at : at + _AT_ONCE]) for at in range(0, len(batch), _AT_ONCE)]
        if len({part.shape[1] for part in parts}) > 1:
            raise PackDamagedError(f"{self._path}: returns embeddings of several lengths")
        return np.concatenate(parts)

    def _run(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        import numpy as np

        try:
            (found,) = self._session.run([self._output_name], {self._input_name: batch})
        except Exception as error:  # as above
            raise_if_lack_of_memory(error, self._path)
            raise PackDamagedError(f"{self._path}: does not run as the manifest says ({first_line(error)})") from error
        embeddings: NDArray[np.float32] = found
        if embeddings.ndim != 2 or len(embeddings) != len(batch) or not np.isfinite(embeddings).all():
            raise PackDamagedError(f"{self._path}: returns shape {embeddings.shape} or NaN for {len(batch)} inputs")
        return embeddings


def onnx_session(
    path: Path, *, many: bool = False, providers: Sequence[str] = _PROVIDERS
) -> onnxruntime.InferenceSession:
    """Return ONNX Runtime's session of a model whose hash was checked; see `OnnxEncoder`.

    Its exceptions are those of ONNX Runtime.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # for Windows, and if the process loaded ONNX Runtime before this package
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = _THREADS_FOR_MANY if many else _THREADS_FOR_ONE
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without it, a file may be in another format, which `graph_check` cannot read.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    model: str | bytes = str(path)
    if not many:
        # ViT-B-32 in int8: loads in 33 ms of CPU time instead of 185, and takes 5 ms more for each image.
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
        with suppress(UnknownLayoutError):  # then ONNX Runtime loads the file itself, or reports the error
            model = graph_with_mapped_weights(path)
    # With its fallback, ONNX Runtime would print to standard output and try the CPU, which is the default here.
    return onnxruntime.InferenceSession(model, options, providers=list(providers), enable_fallback=0)


def raise_if_lack_of_memory(error: Exception, path: Path) -> None:
    """Raise `MemoryError` if that is what an error of ONNX Runtime means: the model's file is not to blame."""
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text for words in _LACK_OF_MEMORY):
        raise MemoryError(f"{path}: too little memory") from error


def first_line(error: Exception) -> str:
    """Return the first line of a message of ONNX Runtime; the others name files of its own source."""
    return (str(error).splitlines() or [type(error).__name__])[0]
