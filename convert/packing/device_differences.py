"""Simulated differences between devices, allowed and faulty, for the photos of a pack's self-test.

Mean and standard deviation are inside the graph, which takes integers from 0 to 255. A client that leaves them out is
simulated by pixels that give the same input of the first layer.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_NOISE_SEED = 20_261_121  # arbitrary; fixed, so that a build repeats the same bytes
_WHITE = 255.0

Triple = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo of the self-test.

    Attributes:
        name: Name of its file.
        data: Bytes of its file.
        pixels: Input of the encoder, uint8 [size, size, 3].
    """

    name: str
    data: bytes
    pixels: NDArray[np.uint8]


def allowed_pixels(photo: Photo, recipe: Preprocessing) -> Mapping[str, NDArray[np.uint8]]:
    """Return the pixels of a photo with allowed differences of decoders, uint8 [size, size, 3], by difference.

    Args:
        photo: The photo.
        recipe: The pack's preprocessing.
    """
    return {
        "one grey level": _one_grey_level_off(photo.pixels),
        "chroma decoded coarsely": preprocess(_with_coarse_chroma(_upright(photo)), recipe),
    }


def faulty_pixels(photo: Photo, recipe: Preprocessing, *, mean: Triple, std: Triple) -> Mapping[str, NDArray[np.uint8]]:
    """Return the pixels of a photo with the faults that clients may have, uint8 [size, size, 3], by fault.

    Args:
        photo: The photo.
        recipe: The pack's preprocessing.
        mean: Mean of each channel (RGB), for pixels of 0 to 1.
        std: Standard deviation of each channel (RGB), for pixels of 0 to 1.
    """
    mode = ResizeMode.SQUASH if recipe.resize_mode is ResizeMode.SHORTEST_SIDE else ResizeMode.SHORTEST_SIDE
    filtering = Interpolation.BILINEAR if recipe.interpolation is Interpolation.BICUBIC else Interpolation.BICUBIC
    unscaled = _WHITE * np.asarray(mean) + photo.pixels * np.asarray(std)
    return {
        "channels swapped": np.ascontiguousarray(photo.pixels[..., ::-1]),
        "EXIF orientation and transparency ignored": preprocess(_as_stored(photo), recipe),
        "the other resize mode": preprocess(_upright(photo), replace(recipe, resize_mode=mode)),
        "the other filter": preprocess(_upright(photo), replace(recipe, interpolation=filtering)),
        "mean and standard deviation left out": np.rint(unscaled).clip(0, _WHITE).astype(np.uint8),
    }


def with_basic_optimisation(model: Path, *, input_name: str, output_name: str) -> Callable[..., NDArray[np.float32]]:
    """Return a function that embeds with an ONNX file under ONNX Runtime's basic graph optimisations.

    Other builds of the runtime fuse and order operators differently. The optimisation level simulates that.

    Args:
        model: The ONNX file.
        input_name: Name of its input.
        output_name: Name of its output.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"], enable_fallback=0)

    def embed(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        (found,) = session.run([output_name], {input_name: batch})
        embeddings: NDArray[np.float32] = found
        return embeddings

    return embed


def _upright(photo: Photo) -> Image:
    return decode_image(photo.data, name=photo.name)


def _as_stored(photo: Photo) -> Image:
    import PIL.Image

    with PIL.Image.open(io.BytesIO(photo.data)) as image:
        return image.convert("RGB")


def _one_grey_level_off(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    noise = np.random.default_rng(_NOISE_SEED).integers(-1, 2, pixels.shape)
    return (pixels + noise).clip(0, _WHITE).astype(np.uint8)


def _with_coarse_chroma(image: Image) -> Image:
    """Halve the resolution of chroma and repeat its pixels, like decoders without smooth upsampling."""
    import PIL.Image
    from PIL.Image import Resampling

    light, *colours = image.convert("YCbCr").split()
    half = (max(1, image.width // 2), max(1, image.height // 2))
    coarse = [colour.resize(half, Resampling.BOX).resize(image.size, Resampling.NEAREST) for colour in colours]
    return PIL.Image.merge("YCbCr", (light, *coarse)).convert("RGB")
