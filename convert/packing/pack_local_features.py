"""Local features of a pack, if requested: the net, and the descriptors of packs that show no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.local_features.feature_graph import write_feature_graph
from edge_identify.convert.local_features.net_description import (
    PHOTO,
    REFERENCE,
    describe_coreml,
    describe_features,
)
from edge_identify.convert.local_features.net_weights import WEIGHTS, read_net_weights
from edge_identify.convert.local_features.reference_descriptors import add_descriptors
from edge_identify.convert.progress import Progress, during
from edge_identify.datasets.drawn.demo import draw_conformance_photos
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file, write_bytes
from edge_identify.edge_runtime.pack.manifest import FeatureForm, FeatureVariant, LocalFeaturesSpec
from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.edge_runtime.search.geometry.local_feature_net import LocalFeatureNet

if TYPE_CHECKING:
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

NET_FILE = "features/net.onnx"
PACKAGE = "features/net.mlpackage"
DESCRIPTORS_FILE = "features/points.bin"

#: Longer side of thumbnails that points are found in. They are enlarged for that, so more pixels hold little more: with
#: 384 px, recall@1 of packages by points was no better.
FEATURE_THUMBNAIL_PX = 256

_KIND, _PACKAGE_KIND = "feature net", "feature package"


def add_local_features(
    folder: Path,
    form: FeatureForm,
    images: Sequence[CatalogueImage],
    *,
    with_coreml: bool = False,
    cache: BuildCache,
    progress: Progress,
) -> LocalFeaturesSpec:
    """Write the local features of a pack's images into its folder.

    Args:
        folder: Folder of the pack that is being built.
        form: What the pack holds of its reference images. Thumbnails are written by `add_thumbnails`.
        images: The images that are in the index.
        with_coreml: Whether the net is written for Core ML, too; packs with an encoder for it have it.
        cache: Keeps the net and descriptors.
        progress: Shows the progress over the images.

    Returns:
        The manifest's entry.

    Raises:
        PhotoError: An image file has vanished or changed since it was embedded.
        SetupError: coremltools is missing, or its form of the net differs from the ONNX form.
    """
    _write_net(folder / NET_FILE, cache)
    coreml = during(progress, "local features, Core ML", lambda: _add_package(folder, cache)) if with_coreml else None
    if form is FeatureForm.THUMBNAILS:
        return describe_features(NET_FILE, form, coreml=coreml)
    spec = describe_features(NET_FILE, form, descriptors_file=DESCRIPTORS_FILE, coreml=coreml)
    net = LocalFeatureNet(folder / NET_FILE, spec, spec.onnx_variant)
    net_sha256 = sha256_of_file(folder / NET_FILE)
    add_descriptors(folder / DESCRIPTORS_FILE, net, net_sha256, images, cache=cache, progress=progress)
    return spec


def _add_package(folder: Path, cache: BuildCache) -> FeatureVariant:
    """Write the net for Core ML, or take it from the cache, which holds only what has passed the comparison."""
    from edge_identify.convert.export.coreml.mlpackage import FILES, REQUIRES

    package = folder / PACKAGE
    keys = {path: cache_key(sha256_of_file(WEIGHTS), code_fingerprint(), path) for path in FILES}
    kept = cache.read(_PACKAGE_KIND, list(keys.values()))
    if len(kept) < len(keys):
        _make_package(folder)
        cache.keep(_PACKAGE_KIND, {key: (package / path).read_bytes() for path, key in keys.items()})
    for path, key in keys.items():
        if key in kept and len(kept) == len(keys):
            (package / path).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(package / path, kept[key])
    return describe_coreml(PACKAGE, REQUIRES)


def _make_package(folder: Path) -> None:
    from edge_identify.convert.local_features.feature_mlpackage import check_feature_package, write_feature_package

    spec = describe_features(NET_FILE, FeatureForm.THUMBNAILS)
    write_feature_package(folder / PACKAGE, [PHOTO.side_px, *(recipe.side_px for recipe in REFERENCE.values())])
    net = LocalFeatureNet(folder / NET_FILE, spec, spec.onnx_variant)
    drawn = [decode_image(data, name=name) for name, data in draw_conformance_photos()]
    pixels = [net.pixels(photo, PHOTO) for photo in drawn]
    check_feature_package(folder / PACKAGE, pixels, [net.maps(each) for each in pixels])


def _write_net(path: Path, cache: BuildCache) -> None:
    path.parent.mkdir()
    key = cache_key(sha256_of_file(WEIGHTS), code_fingerprint())
    kept = cache.read(_KIND, [key]).get(key)
    if kept is not None:
        write_bytes(path, kept)
        return
    write_feature_graph(read_net_weights(), path)
    cache.keep(_KIND, {key: path.read_bytes()})
