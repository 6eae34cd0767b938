"""Device and batch size of embedding computations.

Torch runs the original model: for the fidelity comparison and to learn adapters. ONNX Runtime runs the exported file,
which embeds a pack's references. `--device` applies to torch. It applies to ONNX Runtime only if that has CUDA, too.

Before ONNX Runtime embeds references on CUDA, some vectors are compared with those of the CPU, because users' devices
compute on the CPU.
"""

from __future__ import annotations

import sys
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

#: Larger batches are no faster on a CPU and need more memory. An int8 transformer scales its activations by the largest
#: value of the whole batch, so embeddings depend on the batch. Measured with a tiny one on 32 drawn images, one by one
#: and as a batch: cosines of .9997 and more (mean .9999), as much as int8 itself costs; in float32, 1 - 3e-7.
BATCH_SIZE = 32

CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"

#: Two float32 implementations of one graph differ by rounding: cosines of 1 - 1e-6. An int8 graph rounds to steps of
#: 1/127 in each layer, and a value between two steps may be rounded either way.
_LEAST_COSINE = 0.999
COMPARED_IMAGES = 8

#: Texts by which ONNX Runtime and torch report exhausted memory; their exception classes have other causes, too.
_SAID_OF_MEMORY = (
    "out of memory",  # CUDA and MPS
    "can't allocate memory",  # torch on the CPU
    "failed to allocate memory",  # ONNX Runtime's arena
    "bad_alloc",
    "available memory",  # ONNX Runtime's arena with a limit
)

Tell = Callable[[str], None]


class Device(StrEnum):
    """A device of torch."""

    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


def tell_nobody(_message: str) -> None:
    """Ignore a message."""


class Batches:
    """Embeds any number of inputs in batches; halves the batch size when memory runs out.

    Attributes:
        size: Current batch size, at least 1.
    """

    def __init__(self, size: int = BATCH_SIZE, *, tell: Tell = tell_nobody) -> None:
        """Start with a batch size.

        Args:
            size: The batch size, at least 1.
            tell: Called with one line of text each time the size is halved.
        """
        self.size = size
        self._tell = tell

    def embed(self, embed: Embed, inputs: Batch | Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the embeddings of n inputs, float32 [n, dim].

        Args:
            embed: Embeds a batch.
            inputs: The inputs, at least one.

        Raises:
            SetupError: Memory does not suffice for one input.
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
                f"memory does not suffice to embed a single image ({_first_line(error)}); "
                "choose a smaller --model, close other programs, or try --device cpu"
            ) from error
        self.size = count // 2
        self._tell(f"memory does not suffice for {count} images at a time; going on with {self.size}")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or one of its causes, means that memory of the CPU or the device is exhausted."""
    if isinstance(error, MemoryError):
        return True
    if any(said in str(error).lower() for said in _SAID_OF_MEMORY):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """Device and batch size of a build's embedding computations.

    Attributes:
        wanted: `auto` or the value of a `Device`.
        batches: Splits inputs into batches.
        tell: Called with one line of text when the build deviates from the requested device.
    """

    wanted: str = Device.CPU
    batches: Batches = field(default_factory=Batches)
    tell: Tell = tell_nobody

    @property
    def device(self) -> Device:
        """The device of torch. For `auto`, torch is loaded to choose it; a named one was checked with the options."""
        return choose_device(self.wanted) if self.wanted == "auto" else Device(self.wanted)

    @property
    def used(self) -> Device:
        """The device that computed: the CPU if nothing needed torch."""
        return self.device if "torch" in sys.modules else Device.CPU


def choose_device(wanted: str) -> Device:
    """Return the device of that name; for `auto`, the first of CUDA, MPS and CPU that is available.

    Args:
        wanted: `auto` or the value of a `Device`.

    Raises:
        SetupError: Torch does not find the device on this machine.
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
            f"--device {wanted}: torch {torch.__version__} finds none on this machine; available: "
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
    """The encoder that embeds a pack's references, on its device.

    Attributes:
        provider: ONNX Runtime's name of the execution provider.
        embed: Returns unit vectors, float32 [n, dim].
    """

    provider: str
    embed: Embed


def place_embedder(
    variant: ExportedVariant, folder: Path, sample: Callable[[], Sequence[NDArray[np.uint8]]], computing: Computing
) -> PlacedEmbedder:
    """Return an exported encoder on CUDA if chosen, available and faithful to the CPU; otherwise on the CPU.

    Args:
        variant: The encoder, an ONNX variant.
        folder: The pack's folder.
        sample: Returns the pixels of some images, for the comparison; if it returns none, the CPU is used.
        computing: The chosen device; its `tell` is called if the CPU is used instead.
    """
    here = PlacedEmbedder(provider=CPU_PROVIDER, embed=variant.embed)
    if computing.wanted == "auto" and not _has_cuda():
        return here  # without loading torch
    if computing.device is not Device.CUDA:
        return here
    placed = _on_cuda(variant, folder)
    if placed is None:
        computing.tell("references are embedded on the CPU: this ONNX Runtime has no CUDA (see onnxruntime-gpu)")
        return here
    pixels = sample()
    if not len(pixels):
        return here
    cosines = (computing.batches.embed(placed, pixels) * computing.batches.embed(variant.embed, pixels)).sum(axis=1)
    if not cosines.min() >= _LEAST_COSINE:
        computing.tell(
            f"references are embedded on the CPU: {variant.name} gives other vectors with CUDA "
            f"(least cosine {cosines.min():.4f}, needs {_LEAST_COSINE})"
        )
        return here
    return PlacedEmbedder(provider=CUDA_PROVIDER, embed=placed)


def _has_cuda() -> bool:
    import onnxruntime

    return CUDA_PROVIDER in onnxruntime.get_available_providers()


def _on_cuda(variant: ExportedVariant, folder: Path) -> Embed | None:
    from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder

    if not _has_cuda():
        return None
    encoder = OnnxEncoder(
        folder / variant.model,
        name=variant.name,
        input_name=variant.input.name,
        output_name=variant.output.name,
        many=True,
        providers=(CUDA_PROVIDER, CPU_PROVIDER),
    )
    # ONNX Runtime silently drops a provider whose libraries it cannot load.
    return encoder.embed if CUDA_PROVIDER in encoder.providers else None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
