"""A pack with all features of the service: both encoders, decisions, namespaces, labels, positions, thumbnails."""

import io
import json
from dataclasses import replace
from pathlib import Path

from PIL import Image

from colour_packs import CERTAINTY, COLOURS, add_calibration, with_files
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, ThumbnailsSpec
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.references import NOTHING_KNOWN, Reference, ReferenceImage, ReferenceImageFacts
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails
from edge_identify.edge_runtime.store.self_test import ConformanceCase, serialise_cases
from letter_packs import TEXTS, with_texts, write_letter_pack

THUMBNAIL_PX = 12

REFERENCES = (
    Reference(
        id="red",
        name="Pure red",
        namespace="Paris",
        labels={"label": "warm"},
        latitude=48.85,
        longitude=2.35,
        url="https://example.org/red",
        licence="CC0-1.0",
        attributes={"image_url": "https://example.org/red.jpg", "s3_path": "nature/red.jpg", "product_id": "7"},
    ),
    Reference(id="crimson", name="Crimson", namespace="Paris", labels={"label": "warm"}),
    Reference(id="green", name="Pure green", namespace="nature", labels={"label": "cold"}),
    Reference(id="blue/2", name="Pure blue", namespace="nature", labels={"label": "cold"}),
)


def write_service_pack(folder: Path, *, name: str = "letters", version: str = "1.0.0", calibrated: bool = True) -> Path:
    """Write the pack into a new folder and return it."""
    write_letter_pack(folder)
    (folder / "references.sqlite").unlink()
    ids = [{"blue": "blue/2"}.get(colour, colour) for colour, _, _ in COLOURS]
    images = [
        ReferenceImage(
            index_id=at + 1,
            reference_id=identifier,
            sha256=f"{at:064x}",
            facts=ReferenceImageFacts(path="art/green.png", type="PNG") if identifier == "green" else NOTHING_KNOWN,
        )
        for at, identifier in enumerate(ids)
    ]
    write_references(folder / "references.sqlite", REFERENCES, images)
    write_thumbnails(folder / "thumbnails.sqlite", [(at + 1, _webp(rgb)) for at, (_, _, rgb) in enumerate(COLOURS)])
    Image.new("RGB", (30, 20), (255, 0, 0)).save(folder / "self-test.png")
    case = ConformanceCase(photo="self-test.png", pixels_sha256="0" * 64, embedding=(1.0, 0.0, 0.0))
    (folder / "cases.json").write_bytes(serialise_cases((case,), tolerance=0.99))
    if calibrated:
        add_calibration(folder)
        variants = json.loads((folder / "calibration.json").read_text())["variants"]
    with_texts(folder, {"onnx-fp32": TEXTS})
    if calibrated:
        (folder / "calibration.json").write_text(json.dumps({"variants": variants, "texts": {"onnx-fp32": TEXTS}}))
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    manifest = replace(
        with_files(manifest, folder),
        name=name,
        version=PackVersion.parse(version),
        thumbnails=ThumbnailsSpec(file="thumbnails.sqlite", side_px=THUMBNAIL_PX),
    )
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    return folder


def add_certainty(folder: Path) -> Path:
    """Add `CERTAINTY` to the calibration of a service pack, so that pure colours are probable; return its folder."""
    path = folder / "calibration.json"
    fields = json.loads(path.read_text())
    for variant in fields["variants"].values():
        variant["certainty"] = CERTAINTY
    path.write_text(json.dumps(fields))
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(with_files(manifest, folder)))
    return folder


def photo_of(rgb: tuple[int, int, int], *, at: tuple[float, float] | None = None) -> bytes:
    """Return a JPEG of one colour; `at` is its EXIF position."""
    exif = Image.Exif()
    if at is not None:
        latitude, longitude = ((abs(degrees), 0.0, 0.0) for degrees in at)
        exif.get_ifd(0x8825).update(
            {1: "N" if at[0] >= 0 else "S", 2: latitude, 3: "E" if at[1] >= 0 else "W", 4: longitude}
        )
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), rgb).save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


def _webp(rgb: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (THUMBNAIL_PX, THUMBNAIL_PX), rgb).save(buffer, "WEBP")
    return buffer.getvalue()
