"""Local-feature nets that several packs share: packs that were built with one net hold the same bytes.

They share what the net found in the last photos, too: a photo is described once, however many packs compare it.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.manifest import LocalFeaturesSpec, Manifest
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.search.geometry.point_methods import NetMethod, PointMethod


class PointMethods:
    """The ways in which packs find points: each distinct net is loaded once. Thread-safe.

    Two nets are the same if their files have the same SHA-256 and are used by the same recipes. A net stays loaded
    while something uses it, and no longer.
    """

    def __init__(self) -> None:
        """Load nothing yet."""
        self._nets: WeakValueDictionary[tuple[object, ...], NetMethod] = WeakValueDictionary()
        self._lock = Lock()

    def of(self, pack: Pack) -> PointMethod:
        """Return how points are found with a pack.

        Raises:
            SetupError: The pack has no local-feature net, and OpenCV is missing.
            PackDamagedError: A file differs from the manifest, or cannot be loaded.
        """
        from edge_identify.edge_runtime.search.geometry.local_feature_net import open_feature_net
        from edge_identify.edge_runtime.search.geometry.point_methods import NetMethod, SiftMethod

        spec = pack.manifest.local_features
        if spec is None:
            return SiftMethod()
        key = _identity(pack.manifest, spec)
        with self._lock:
            method = self._nets.get(key)
            if method is None:
                net = open_feature_net(pack)
                assert net is not None, "the manifest has its entry"
                method = self._nets[key] = NetMethod(net)
            return method


def _identity(manifest: Manifest, spec: LocalFeaturesSpec) -> tuple[object, ...]:
    variant = spec.onnx_variant
    hashes = sorted(manifest.files[path].sha256 for path in variant.files)
    tensors = variant.input, variant.descriptors, variant.heat, variant.reliability
    recipes = spec.photo, spec.reference, spec.dim, spec.side_step_px, spec.least_heat, spec.least_similarity
    return *hashes, *tensors, *recipes
