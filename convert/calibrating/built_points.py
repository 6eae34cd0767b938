"""Counts agreeing points with the reference images of a pack's folder, finished or not, as a device does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.caching.build_cache import cache_key
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, sha256_of_file
from edge_identify.edge_runtime.pack.descriptors_file import DescriptorTable
from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable
from edge_identify.edge_runtime.search.geometry.local_feature_net import LocalFeatureNet
from edge_identify.edge_runtime.search.geometry.point_counting import (
    DescribedPoints,
    PointCounter,
    ThumbnailPoints,
)
from edge_identify.edge_runtime.search.geometry.point_methods import NetMethod

if TYPE_CHECKING:
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
    from edge_identify.edge_runtime.pack.manifest import LocalFeaturesSpec, ThumbnailsSpec
    from edge_identify.edge_runtime.pack.references import ReferenceImage


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPoints:
    """The means to count points.

    Attributes:
        counter: Counts as a device does.
        image_key: Returns, by index id, a key of all that the points of that image depend on: the thumbnail's or the
            descriptors' own bytes, because a pack may hold those of other software.
    """

    counter: PointCounter
    image_key: Callable[[int], str]


@contextmanager
def built_points(
    folder: Path,
    features: LocalFeaturesSpec | None,
    thumbnails: ThumbnailsSpec | None,
    images: Sequence[CatalogueImage | ReferenceImage],
) -> Iterator[BuiltPoints | None]:
    """Open what a pack's folder holds of its reference images; None if it has no local features.

    Args:
        folder: Folder of the pack.
        features: The manifest's entry of the local features. Their files are written, or their hashes were checked.
        thumbnails: The manifest's entry of the thumbnails; the same holds for its file.
        images: The images that are in the pack.
    """
    if features is None:
        yield None
        return
    variant = features.onnx_variant
    net = LocalFeatureNet(folder / variant.model, features, variant)
    method = NetMethod(net)
    with ExitStack() as stack:
        references: DescribedPoints | ThumbnailPoints
        if features.descriptors_file is not None:
            table = DescriptorTable(
                folder / features.descriptors_file,
                dim=features.dim,
                most_points=features.reference.most_points,
                most_images=len(images),
            )
            references = DescribedPoints(table)
        else:
            assert thumbnails is not None, "the request was checked"
            opened = stack.enter_context(ThumbnailTable(folder / thumbnails.file, thumbnails.side_px))
            references = ThumbnailPoints(opened, method)
        recipe = [str(features), sha256_of_file(folder / variant.model)]

        @cache
        def image_key(index_id: int) -> str:
            data = references.stored(index_id)
            return cache_key(None if data is None else sha256_of_bytes(data), recipe)

        yield BuiltPoints(counter=stack.enter_context(PointCounter(method, references)), image_key=image_key)
