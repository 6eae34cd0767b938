"""Packs in a store, installed from their folders as a sync does, and small packs with names of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx

from colour_packs import with_files, write_many_colours_pack
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.store.pack_store import PackStore

Colours = Mapping[str, tuple[int, int, int]]

WARM: Colours = {"red": (255, 0, 0), "crimson": (220, 20, 60), "orange": (255, 128, 0)}
COLD: Colours = {"blue": (0, 0, 255), "green": (0, 255, 0), "cyan": (0, 255, 255)}


def write_named_pack(
    folder: Path, name: str, colours: Colours, *, own_encoder: bool = False, calibrated: bool = True
) -> Path:
    """Write a small pack of colours, in the namespace of its own name; return its folder.

    Args:
        folder: The new folder.
        name: The pack's name.
        colours: Its references.
        own_encoder: Whether its encoder differs from that of other packs, by its bytes and its embedding space.
        calibrated: Whether it decides.
    """
    things = [(Reference(id=one, name=one, namespace=name), rgb) for one, rgb in colours.items()]
    write_many_colours_pack(folder, things)
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    if own_encoder:
        path = folder / "encoders/model.onnx"
        model = onnx.load(path)
        model.doc_string = name
        onnx.save(model, path)
        manifest = replace(manifest, model=replace(manifest.model, space_id="d" * 64))
    if not calibrated:
        (folder / "calibration.json").unlink()
        manifest = replace(manifest, calibration_file=None)
    manifest = replace(with_files(manifest, folder), name=name)
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    return folder


def install(store: PackStore, pack: Path) -> None:
    """Install a pack from its folder."""
    manifest = read_manifest(pack)
    with store.updating(manifest.name):
        store.stage(manifest.name, (pack / MANIFEST_NAME).read_bytes(), {path: pack / path for path in manifest.files})
        store.activate(
            store.describe(
                manifest.name,
                manifest.version,
                variant_names=manifest.variant_names(),
                source="http://packs.example.org/",
                manifest_sha256=sha256_of_file(pack / MANIFEST_NAME),
            )
        )
