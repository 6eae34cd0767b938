"""The local-feature net as packs hold it, loaded, or as a pack's files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image

from colour_packs import CALIBRATION_FILE, colour_manifest, with_files
from edge_identify.convert.local_features.feature_graph import write_feature_graph
from edge_identify.convert.local_features.net_description import describe_features
from edge_identify.convert.local_features.net_weights import read_net_weights
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FeatureForm, ThumbnailsSpec
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails
from edge_identify.edge_runtime.search.geometry.local_feature_net import LocalFeatureNet

NET_FILE = "features/net.onnx"
NET_SPEC = describe_features(NET_FILE, FeatureForm.THUMBNAILS)


def write_net(folder: Path) -> None:
    """Write the net into a pack's folder."""
    path = folder / NET_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_feature_graph(read_net_weights(), path)


def add_net(folder: Path, pictures: Mapping[int, Image.Image]) -> None:
    """Add the net and thumbnails, by index id, to a colour pack."""
    write_net(folder)
    (folder / "thumbnails.sqlite").unlink(missing_ok=True)
    write_thumbnails(folder / "thumbnails.sqlite", [(at, _webp(image)) for at, image in sorted(pictures.items())])
    manifest = replace(
        colour_manifest(),
        thumbnails=ThumbnailsSpec(file="thumbnails.sqlite", side_px=256),
        local_features=NET_SPEC,
        calibration_file=CALIBRATION_FILE if (folder / CALIBRATION_FILE).exists() else None,
    )
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(with_files(manifest, folder)))


def _webp(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=80)
    return stream.getvalue()


def load_net(folder: Path) -> LocalFeatureNet:
    """Write the net into a folder and load it."""
    write_net(folder)
    return LocalFeatureNet(folder / NET_FILE, NET_SPEC, next(iter(NET_SPEC.variants.values())))
