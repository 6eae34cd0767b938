"""From a 12-megapixel JPEG to the encoder's pixels: the photo's way, the reference's way, and torchvision's way.

    python benchmarks/preprocess.py [--size 224]

Prints one JSON line: median CPU milliseconds of each, interleaved, and ratios to decode-all, resize-all.
"""

from __future__ import annotations

import argparse
import io
import os
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from measuring import cpu_ms_interleaved, print_line
from PIL import Image

from edge_identify.edge_runtime.photos.images import decode_image, decode_photo
from edge_identify.edge_runtime.photos.preprocessing import (
    Interpolation,
    Preprocessing,
    ResizeMode,
    enough_px,
    preprocess,
    preprocess_photo,
)
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224, help="side of the encoder's input, in pixels")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    recipe = Preprocessing(
        size_px=options.size, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC
    )
    data = drawn_photo()

    def photo() -> np.ndarray[Any, Any]:
        return preprocess_photo(decode_photo(data, name="drawn", enough_px=enough_px(recipe)), recipe)

    def reference() -> np.ndarray[Any, Any]:
        return preprocess(decode_image(data, name="drawn"), recipe)

    def decode_all_resize_all() -> np.ndarray[Any, Any]:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        scaled = image.resize((image.width * options.size // image.height, options.size), Image.Resampling.BICUBIC)
        left = (scaled.width - options.size) // 2
        values = np.asarray(scaled.crop((left, 0, left + options.size, options.size)), dtype=np.float32)
        return ((values / 255 - 0.45) / 0.27).transpose(2, 0, 1)

    taken = cpu_ms_interleaved(
        {"photo": photo, "reference": reference, "decode_all_resize_all": decode_all_resize_all}, options.rounds
    )
    difference = np.abs(photo().astype(np.int16) - reference().astype(np.int16))
    print_line(
        "preprocess",
        cpu_ms=taken,
        ratio_photo=round(taken["photo"] / taken["decode_all_resize_all"], 3),
        ratio_reference=round(taken["reference"] / taken["decode_all_resize_all"], 3),
        mean_difference_of_pixels=round(float(difference.mean()), 3),
        photo_bytes=len(data),
    )


if __name__ == "__main__":
    main()
