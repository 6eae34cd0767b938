"""Conformance vectors of images: resizing, points of maps, and points that agree."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode, image_views
from edge_identify.edge_runtime.photos.rgb_pixels import GreyScale, as_rgb
from edge_identify.edge_runtime.search.geometry.local_feature_net import _pixels as net_pixels
from edge_identify.edge_runtime.search.geometry.net_points import descriptors_at, find_peaks
from edge_identify.edge_runtime.search.geometry.point_agreement import find_net_agreement
from edge_identify.edge_runtime.search.geometry.points import Points

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: width, height, channels, size, mode, filter, views
_RESIZED = (
    (40, 30, 3, 16, "shortest-side", "pillow-bicubic", (1.0, 0.85, 0.7)),
    (30, 41, 3, 16, "shortest-side", "pillow-bicubic", (1.0,)),
    (33, 20, 3, 8, "squash", "pillow-bicubic", (1.0, 0.5)),
    (7, 5, 3, 12, "shortest-side", "pillow-bicubic", (1.0,)),
    (1, 20, 3, 4, "shortest-side", "pillow-bicubic", (1.0,)),
    (16, 16, 3, 16, "shortest-side", "pillow-bicubic", (1.0,)),
    (50, 37, 3, 12, "shortest-side", "pillow-bilinear", (1.0, 0.7)),
    (24, 30, 4, 10, "shortest-side", "pillow-bicubic", (1.0,)),
)
_LEAST_SIMILARITY = 0.82


def resize_vectors(random: np.random.Generator) -> list[dict[str, Any]]:
    """Return images with the encoder's pixels of each view: equal in every bit."""
    return [_resized(random, *case) for case in _RESIZED]


def _resized(
    random: np.random.Generator,
    width: int,
    height: int,
    channels: int,
    size_px: int,
    mode: str,
    interpolation: str,
    views: tuple[float, ...],
) -> dict[str, Any]:
    array = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
    recipe = Preprocessing(
        size_px=size_px, resize_mode=ResizeMode(mode), interpolation=Interpolation(interpolation), photo_views=views
    )
    pixels = image_views(as_rgb(Image.fromarray(array), GreyScale(), name="vector"), recipe)
    return {
        "image": image_as_json(array),
        "recipe": {"size_px": size_px, "resize_mode": mode, "interpolation": interpolation, "photo_views": list(views)},
        "pixels": encoded(pixels.tobytes()),
    }


def reduction_vectors(random: np.random.Generator) -> list[dict[str, Any]]:
    """Return images with their pixels in the local-feature net's size, after they were made smaller first."""
    found = []
    for width, height, side_px, step_px in ((61, 47, 24, 8), (40, 90, 32, 4), (20, 15, 32, 8)):
        array = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = Image.fromarray(array)
        image.thumbnail((side_px, side_px))
        pixels = net_pixels(image, side_px, step_px)
        sides = {"side_px": side_px, "side_step_px": step_px}
        found.append({"image": image_as_json(array), **sides, "pixels": image_as_json(pixels)})
    return found


def peak_vectors(random: np.random.Generator) -> list[dict[str, Any]]:
    """Return maps of the net with the peaks and descriptors in them."""
    found = []
    for height, width, cell, dim in ((24, 32, 8, 8), (16, 16, 4, 5)):
        heat = random.random((height, width), dtype=np.float32).round(4)
        reliability = random.random((height // cell, width // cell), dtype=np.float32).round(4)
        maps = random.normal(size=(dim, height // cell, width // cell)).astype(np.float32).round(4)
        peaks = find_peaks(heat, reliability, least_heat=0.5, most=12)
        descriptors = descriptors_at(peaks, maps, heat.shape)
        found.append(
            {
                "height": height,
                "width": width,
                "cell": cell,
                "dim": dim,
                "least_heat": 0.5,
                "most_points": 12,
                "heat": _rounded(heat),
                "reliability": _rounded(reliability),
                "descriptor_maps": _rounded(maps),
                "peaks": peaks.tolist(),
                "descriptors": _rounded(descriptors),
            }
        )
    return found


def agreement_vectors(random: np.random.Generator) -> list[dict[str, Any]]:
    """Return the points of a reference and a photo with those that agree; null where too few do."""
    cases = ((60, 0.0, 0.0), (80, 0.5, 1.0), (90, 0.75, 0.5), (40, 1.0, 0.0), (30, 0.8, 0.3))
    return [_agreement(random, *case) for case in cases]


def _agreement(random: np.random.Generator, count: int, wrong: float, noise_px: float) -> dict[str, Any]:
    reference = _points(random.uniform(0, (200, 150), (count, 2)), random, (200, 150))
    view = np.array([[1.1, 0.15, 20], [-0.1, 1.2, 35], [2e-4, -1e-4, 1]])
    seen = np.c_[reference.positions, np.ones(count)] @ view.T
    places = seen[:, :2] / seen[:, 2:] + random.normal(0, noise_px, (count, 2))
    strange = random.random(count) < wrong
    places[strange] = random.uniform(0, (320, 240), (int(strange.sum()), 2))
    photo = Points(
        size=(320, 240), positions=places.astype(np.float32).round(2), descriptors=reference.descriptors[::-1].copy()
    )
    photo = Points(size=photo.size, positions=photo.positions[::-1].copy(), descriptors=photo.descriptors)
    found = find_net_agreement(photo, reference, least_similarity=_LEAST_SIMILARITY)
    told = {} if found is None else {"outline": _rounded(found.outline, 2)}
    return {
        "photo": _points_as_json(photo),
        "reference": _points_as_json(reference),
        "least_similarity": _LEAST_SIMILARITY,
        "count": 0 if found is None else found.count,
        **told,
    }


def _points(positions: NDArray[np.float64], random: np.random.Generator, size: tuple[int, int]) -> Points:
    descriptors = random.normal(size=(len(positions), 16)).astype(np.float32)
    descriptors = (descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)).round(4)
    return Points(size=size, positions=positions.astype(np.float32).round(2), descriptors=descriptors)


def _points_as_json(points: Points) -> dict[str, Any]:
    width, height = points.size
    return {
        "width": width,
        "height": height,
        "dim": points.descriptors.shape[1],
        "positions": _rounded(points.positions, 2),
        "descriptors": _rounded(points.descriptors, 4),
    }


def _rounded(array: NDArray[Any], digits: int = 5) -> list[float]:
    return [round(float(value), digits) for value in array.ravel()]


def image_as_json(array: NDArray[np.uint8]) -> dict[str, Any]:
    """Return an image, uint8 [height, width, channels], with its bytes in base64."""
    height, width = array.shape[:2]
    return {"width": width, "height": height, "data": encoded(array.tobytes())}


def encoded(data: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(data).decode()
