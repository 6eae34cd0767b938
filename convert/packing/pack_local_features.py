"""Local features of a pack, if requested: the net, and the descriptors of packs that show no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.local_features.feature_graph import write_feature_graph
from edge_identify.convert.local_features.net_description import describe_features
from edge_identify.convert.local_features.net_weights import WEIGHTS, read_net_weights
from edge_identify.convert.local_features.reference_descriptors import add_descriptors
from edge_identify.convert.progress import Progress
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file, write_bytes
from edge_identify.edge_runtime.pack.manifest import FeatureForm, LocalFeaturesSpec
from edge_identify.edge_runtime.search.geometry.local_feature_net import LocalFeatureNet

if TYPE_CHECKING:
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

NET_FILE = "features/net.onnx"
DESCRIPTORS_FILE = "features/points.bin"

#: Longer side of thumbnails that points are found in. They are enlarged for that, so more pixels hold little more: with
#: 384 px, recall@1 of packages by points was no better.
FEATURE_THUMBNAIL_PX = 256

_KIND = "feature net"


def add_local_features(
    folder: Path,
    form: FeatureForm,
    images: Sequence[CatalogueImage],
    *,
    cache: BuildCache,
    progress: Progress,
) -> LocalFeaturesSpec:
    """Write the local features of a pack's images into its folder.

    Args:
        folder: Folder of the pack that is being built.
        form: What the pack holds of its reference images. Thumbnails are written by `add_thumbnails`.
        images: The images that are in the index.
        cache: Keeps the net and descriptors.
        progress: Shows the progress over the images.

    Returns:
        The manifest's entry.

    Raises:
        PhotoError: An image file has vanished or changed since it was embedded.
    """
    _write_net(folder / NET_FILE, cache)
    if form is FeatureForm.THUMBNAILS:
        return describe_features(NET_FILE, form)
    spec = describe_features(NET_FILE, form, descriptors_file=DESCRIPTORS_FILE)
    net = LocalFeatureNet(folder / NET_FILE, spec, spec.onnx_variant)
    net_sha256 = sha256_of_file(folder / NET_FILE)
    add_descriptors(folder / DESCRIPTORS_FILE, net, net_sha256, images, cache=cache, progress=progress)
    return spec


def _write_net(path: Path, cache: BuildCache) -> None:
    path.parent.mkdir()
    key = cache_key(sha256_of_file(WEIGHTS), code_fingerprint())
    kept = cache.read(_KIND, [key]).get(key)
    if kept is not None:
        write_bytes(path, kept)
        return
    write_feature_graph(read_net_weights(), path)
    cache.keep(_KIND, {key: path.read_bytes()})
