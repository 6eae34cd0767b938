"""Describes reference images for packs that show no pictures: their points, in 4 bits a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.progress import Progress
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.edge_runtime.pack.descriptors_file import StoredPoints, encode_points, write_descriptors
from edge_identify.edge_runtime.search.geometry.local_feature_net import LocalFeatureNet

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

_KIND = "descriptors"
_KEPT_TOGETHER = 50


def add_descriptors(
    path: Path,
    net: LocalFeatureNet,
    net_sha256: str,
    images: Sequence[CatalogueImage],
    *,
    cache: BuildCache,
    progress: Progress,
) -> None:
    """Write the descriptors of a pack's images.

    Args:
        path: The file to write.
        net: The pack's net.
        net_sha256: Hash of its file.
        images: The images that are in the index.
        cache: Keeps descriptors.
        progress: Shows the progress over the images.

    Raises:
        PhotoError: An image file has vanished or changed since it was embedded.
    """
    in_order = sorted(images, key=lambda image: image.index_id)
    encoded = _encoded(in_order, net, net_sha256, cache, progress)
    most_points = net.spec.reference.most_points
    write_descriptors(path, encoded, count=len(in_order), dim=net.spec.dim, most_points=most_points)


def _encoded(
    images: Sequence[CatalogueImage], net: LocalFeatureNet, net_sha256: str, cache: BuildCache, progress: Progress
) -> Iterator[tuple[int, bytes]]:
    recipe = asdict(net.spec.reference)
    keys = [cache_key(image.sha256, net_sha256, recipe, net.spec.least_heat, code_fingerprint()) for image in images]
    batches = [slice(at, at + _KEPT_TOGETHER) for at in range(0, len(images), _KEPT_TOGETHER)]
    for batch in progress("describing images", batches):
        known = cache.read(_KIND, keys[batch])
        new: dict[str, bytes] = {}
        for key, image in zip(keys[batch], images[batch], strict=True):
            if key not in known:
                known[key] = new[key] = describe(open_reference_image(image), net)
            yield image.index_id, known[key]
        cache.keep(_KIND, new)


def describe(image: Image, net: LocalFeatureNet) -> bytes:
    """Return the points of an upright RGB image as the descriptors file stores them."""
    side_px = net.spec.reference.side_px
    image = image.copy()
    image.thumbnail((side_px, side_px))  # positions are stored in 16 bits
    points = net.find_points(image, net.spec.reference)
    return encode_points(StoredPoints(size=points.size, positions=points.positions, descriptors=points.descriptors))
