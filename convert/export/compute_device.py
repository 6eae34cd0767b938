"""Where embeddings are computed, and how many at once.

What a newcomer would get wrong: a pack's references are embedded by the exported file, in ONNX Runtime, and not by
torch; torch runs the original that the exported file is compared with, and learns adapters. So a device counts for
torch, and for ONNX Runtime only where that has the same one; the vectors that it gives there are then compared with the
processor's before they are used, since devices in people's hands compute on theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.convert.export.variants import Batch, Embed, ExportedVariant

#: Larger batches gain nothing on a processor and cost memory. A transformer in int8 scales its activations by the
#: largest of the whole batch: 32 drawn images by a tiny one, alone and together, have cosines of .9997 and more (mean
#: .9999), which is what int8 itself costs it; in float32, 1 - 3e-7.
BATCH_SIZE = 32

CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"

#: Two float32 implementations of one graph differ by rounding: cosines of 1 - 1e-6. An int8 graph rounds to steps of
#: 1/127 in each layer, and a value on the edge of a step goes either way.
_LEAST_COSINE = 0.999
COMPARED_IMAGES = 8

#: How ONNX Runtime and torch, whose own classes are not for memory alone, say that there is none left.
_SAID_OF_MEMORY = (
    "out of memory",  # CUDA and MPS
    "can't allocate memory",  # torch on the processor
    "failed to allocate memory",  # ONNX Runtime's arena
    "bad_alloc",
    "available memory",  # ONNX Runtime's arena with a limit
)

Tell = Callable[[str], None]


class Device(StrEnum):
    """Where torch computes."""

    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


def tell_nobody(_message: str) -> None:
    """Drop a message."""


class Batches:
    """Embeds any number of inputs, some at a time, and fewer at a time where memory does not suffice.

    Attributes:
        size: How many at a time, 1 at least; halved whenever memory runs out.
    """

    def __init__(self, size: int = BATCH_SIZE, *, tell: Tell = tell_nobody) -> None:
        """Begin with `size` at a time; `tell` is told of each halving."""
        self.size = size
        self._tell = tell

    def embed(self, embed: Embed, inputs: Batch | Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the embeddings, float32 [n, dim], of at least one input.

        Raises:
            SetupError: Memory does not suffice for one.
        """
        import numpy as np

        parts: list[NDArray[np.float32]] = []
        at = 0
        while at < len(inputs):
            count = min(self.size, len(inputs) - at)
            try:
                some = inputs[at : at + count]
                parts.append(embed(some if isinstance(some, np.ndarray) else np.stack(some)))
                at += count
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(count, error)
        return np.concatenate(parts)

    def _halve(self, count: int, error: Exception) -> None:
        if count == 1:
            raise SetupError(
                f"memory does not suffice to embed a single picture ({_first_line(error)}); "
                "choose a smaller --model, close other programs, or try --device cpu"
            ) from error
        self.size = count // 2
        self._tell(f"memory does not suffice for {count} pictures at a time; going on with {self.size}")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or one that it wraps, says that there is no memory left, here or on an accelerator."""
    if isinstance(error, MemoryError):
        return True
    if any(said in str(error).lower() for said in _SAID_OF_MEMORY):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """How a build computes embeddings.

    Attributes:
        device: Where torch does.
        batches: How many at once.
        tell: Is told, in one line, of what is otherwise than was asked for.
    """

    device: Device = Device.CPU
    batches: Batches = field(default_factory=Batches)
    tell: Tell = tell_nobody


def choose_device(wanted: str) -> Device:
    """Return the device of that name; for `auto` the fastest that there is.

    Raises:
        SetupError: This machine, or this torch, has none such.
    """
    import torch

    present = [Device.CPU]
    if torch.backends.mps.is_available():
        present.insert(0, Device.MPS)
    if torch.cuda.is_available():
        present.insert(0, Device.CUDA)
    if wanted == "auto":
        return present[0]
    if wanted not in present:
        raise SetupError(
            f"--device {wanted}: torch {torch.__version__} finds none on this machine; there is "
            f"{' and '.join(present)}. {_WHAT_IT_NEEDS[Device(wanted)]}"
        )
    return Device(wanted)


_WHAT_IT_NEEDS = {
    Device.CUDA: "CUDA needs an NVIDIA graphics card, its driver, and a torch that was built for it",
    Device.MPS: "MPS needs a Mac with Apple silicon",
    Device.CPU: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedEmbedder:
    """What embeds a pack's references, where it runs.

    Attributes:
        provider: ONNX Runtime's name of the place.
        embed: Asks for unit vectors.
    """

    provider: str
    embed: Embed


def place_embedder(
    variant: ExportedVariant, folder: Path, sample: Callable[[], Sequence[NDArray[np.uint8]]], computing: Computing
) -> PlacedEmbedder:
    """Return an exported encoder on the chosen device, or on the processor where it cannot run there as it should.

    Args:
        variant: The encoder, an ONNX file.
        folder: The pack's folder.
        sample: Returns some images' pixels, to compare the two; none keep the processor.
        computing: Where, and who is told.
    """
    here = PlacedEmbedder(provider=CPU_PROVIDER, embed=variant.embed)
    if computing.device is not Device.CUDA:
        return here
    placed = _on_cuda(variant, folder)
    if placed is None:
        computing.tell("references are embedded on the processor: this ONNX Runtime has no CUDA (see onnxruntime-gpu)")
        return here
    pixels = sample()
    if not len(pixels):
        return here
    cosines = (computing.batches.embed(placed, pixels) * computing.batches.embed(variant.embed, pixels)).sum(axis=1)
    if not cosines.min() >= _LEAST_COSINE:
        computing.tell(
            f"references are embedded on the processor: {variant.name} gives other vectors with CUDA "
            f"(least cosine {cosines.min():.4f}, needs {_LEAST_COSINE})"
        )
        return here
    return PlacedEmbedder(provider=CUDA_PROVIDER, embed=placed)


def _on_cuda(variant: ExportedVariant, folder: Path) -> Embed | None:
    import onnxruntime

    from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder

    if CUDA_PROVIDER not in onnxruntime.get_available_providers():
        return None
    encoder = OnnxEncoder(
        folder / variant.model,
        name=variant.name,
        input_name=variant.input.name,
        output_name=variant.output.name,
        many=True,
        providers=(CUDA_PROVIDER, CPU_PROVIDER),
    )
    # ONNX Runtime goes on without a provider whose libraries it cannot load.
    return encoder.embed if CUDA_PROVIDER in encoder.providers else None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
