"""The local-feature net of a pack, run by ONNX Runtime: from an image to its points. It needs no OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.encoders.graph_check import check_graph
from edge_identify.edge_runtime.encoders.onnx_encoder import first_line, onnx_session, raise_if_lack_of_memory
from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.manifest import FeatureVariant, LocalFeaturesSpec, PointsRecipe
from edge_identify.edge_runtime.search.geometry.net_points import descriptors_at, find_peaks
from edge_identify.edge_runtime.search.geometry.points import Points

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.edge_runtime.pack.pack_reader import Pack


class LocalFeatureNet:
    """Finds the points of images. Threads may share it, as they share an `OnnxEncoder`."""

    def __init__(self, path: Path, spec: LocalFeaturesSpec, variant: FeatureVariant) -> None:
        """Load the net. Its hash must have been checked.

        Args:
            path: The ONNX file.
            spec: The manifest's entry.
            variant: The variant in that file.

        Raises:
            PackDamagedError: ONNX Runtime cannot load it.
        """
        self._path, self._spec, self._variant = path, spec, variant
        try:
            self._session = onnx_session(path)
        except Exception as error:  # ONNX Runtime's exceptions have no narrower common base
            raise_if_lack_of_memory(error, path)
            raise PackDamagedError(f"{path}: ONNX Runtime cannot load this model ({first_line(error)})") from error

    @property
    def spec(self) -> LocalFeaturesSpec:
        """The manifest's entry."""
        return self._spec

    def find_points(self, image: Image, recipe: PointsRecipe) -> Points:
        """Return the points of an upright RGB image of any size, the best first; a blank image has none.

        Raises:
            PackDamagedError: The net differs from the manifest.
        """
        pixels = self.pixels(image, recipe)
        descriptors, heat, reliability = self.maps(pixels)
        found = find_peaks(heat, reliability, least_heat=self._spec.least_heat, most=recipe.most_points)
        scale = np.array(image.size) / np.array([pixels.shape[1], pixels.shape[0]])
        # Scale about the pixel's edge, half a pixel from its centre.
        positions = ((found + 0.5) * scale - 0.5).astype(np.float32)
        return Points(size=image.size, positions=positions, descriptors=descriptors_at(found, descriptors, heat.shape))

    def pixels(self, image: Image, recipe: PointsRecipe) -> NDArray[np.uint8]:
        """Return an upright RGB image in the net's size, uint8 [height, width, 3]."""
        return _pixels(image, recipe.side_px, self._spec.side_step_px)

    def maps(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return descriptors [dim, rows, columns], heat [height, width] and reliability [rows, columns].

        Raises:
            PackDamagedError: The net differs from the manifest.
        """
        outputs = [self._variant.descriptors.name, self._variant.heat.name, self._variant.reliability.name]
        try:
            found = self._session.run(outputs, {self._variant.input.name: pixels[None]})
        except Exception as error:  # as above
            raise_if_lack_of_memory(error, self._path)
            raise PackDamagedError(f"{self._path}: does not run as the manifest says ({first_line(error)})") from error
        descriptors, heat, reliability = (array[0] for array in found)
        fits = (
            heat.shape == pixels.shape[:2]
            and descriptors.shape == (self._spec.dim, *reliability.shape)
            and all(np.isfinite(array).all() for array in found)
        )
        if not fits:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(outputs, found, strict=True))
            raise PackDamagedError(f"{self._path}: returns {shapes}, or NaN, for pixels {pixels.shape}")
        return descriptors, heat, reliability


def open_feature_net(pack: Pack) -> LocalFeatureNet | None:
    """Load the local-feature net of a pack, after checking the hashes of its files; None if the pack has none.

    Raises:
        PackDamagedError: A file differs from the manifest, or cannot be loaded.
    """
    spec = pack.manifest.local_features
    if spec is None:
        return None
    variant = spec.onnx_variant
    for path in variant.files:
        pack.file(path)  # checks the hash before native code reads the file
    if not pack.is_tried:
        check_graph(pack.folder / variant.model, {Path(variant.model).name})
    return LocalFeatureNet(pack.folder / variant.model, spec, variant)


def _pixels(image: Image, side_px: int, step_px: int) -> NDArray[np.uint8]:
    """Return an image in the net's size, uint8 [height, width, 3]."""
    from PIL.Image import Resampling

    scale = side_px / max(image.size)
    width, height = (step_px * max(1, round(side * scale / step_px)) for side in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Resampling.BICUBIC)
    return np.asarray(image, dtype=np.uint8)
