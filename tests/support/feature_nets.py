"""The local-feature net as packs hold it, loaded, or as a pack's files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from colour_packs import CALIBRATION_FILE, add_calibration, colour_manifest, with_files, write_colour_pack
from drawn_views import label, photo_of
from edge_identify.convert.local_features.feature_graph import write_feature_graph
from edge_identify.convert.local_features.net_description import describe_features
from edge_identify.convert.local_features.net_weights import read_net_weights
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FeatureForm, ThumbnailsSpec
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails
from edge_identify.edge_runtime.search.geometry.local_feature_net import LocalFeatureNet

NET_FILE = "features/net.onnx"
NET_SPEC = describe_features(NET_FILE, FeatureForm.THUMBNAILS)

#: Points count most: about 60 agreeing points identify a photo, and the dozen that agree by chance do not.
POINTS = {
    "share_exponent": 0.1,
    "points_exponent": 4.0,
    "evidence_weight": 0.1,
    "count_weight": 3.0,
    "lead_weight": 0.0,
    "intercept": -8.0,
    "accept": 0.0,
    "certainty": {"identified": 0.9, "probably": 0.7},
    "false_accepts": 0.0,
    "sibling_accepts": 0.0,
    "true_accepts": 1.0,
}
_CORNERS = np.array([(100, 60), (420, 100), (410, 350), (90, 400)], float)


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


def write_label_pack(
    folder: Path, *, name: str = "colours", labels: Mapping[int, int] = MappingProxyType({1: 0, 2: 1, 3: 2, 4: 3})
) -> Path:
    """Write a calibrated colour pack whose reference images show drawn labels, with the net and `POINTS`.

    Photos of a pure colour are identified by similarity. A photo of a label is grey by and large, so it is unknown by
    similarity; by its points it is identified.

    Args:
        folder: The new folder.
        name: The pack's name.
        labels: The label's seed of each image, by index id.
    """
    add_calibration(write_colour_pack(folder), points=POINTS)
    add_net(folder, {at: label(seed) for at, seed in labels.items()})
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(replace(manifest, name=name)))
    return folder


def photo_of_label(seed: int) -> bytes:
    """Return a photo of a drawn label, taken at an angle, as PNG."""
    return _png(photo_of(label(seed), _CORNERS))


def plain_photo(*rgb: int) -> bytes:
    """Return a photo of one colour, as PNG."""
    return _png(Image.new("RGB", (64, 48), rgb))


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _webp(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=80)
    return stream.getvalue()


def load_net(folder: Path) -> LocalFeatureNet:
    """Write the net into a folder and load it."""
    write_net(folder)
    return LocalFeatureNet(folder / NET_FILE, NET_SPEC, next(iter(NET_SPEC.variants.values())))
