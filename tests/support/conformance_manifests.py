"""Conformance vectors of manifests and listings, good and bad."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest
from edge_identify.edge_runtime.sync.listing import parse_listing

_LISTING = {
    "format": 1,
    "packs": [
        {
            "name": "street-art",
            "title": "Street art",
            "newest": "1.10.0",
            "versions": [
                {
                    "version": version,
                    "manifest": {"path": f"manifests/street-art/{version}.json", "length_bytes": 9, "sha256": "a" * 64},
                    "size_bytes": 5,
                    "published_utc": "2026-01-31T12:00:00Z",
                }
                for version in ("1.9.0", "1.10.0")
            ],
        }
    ],
}
_Change = Callable[[dict[str, Any]], object]
_FILE = {"length_bytes": 1, "sha256": "0" * 64}

_MANIFEST_CHANGES: dict[str, _Change] = {
    "as it is": lambda _: None,
    "a field of later": lambda fields: fields.update(colour="blue"),
    "photo views": lambda fields: fields["preprocessing"].update(photo_views=[1.0, 0.5]),
    "a newer format": lambda fields: fields.update(format=2),
    "no name": lambda fields: fields.pop("name"),
    "a name with capitals": lambda fields: fields.update(name="Colours"),
    "a name of a device": lambda fields: fields.update(name="con"),
    "a version of two numbers": lambda fields: fields.update(version="1.0"),
    "a path that climbs": lambda fields: fields["files"].update({"../x": _FILE}),
    "a path that begins with a slash": lambda fields: fields["files"].update({"/x": _FILE}),
    "a path with a backslash": lambda fields: fields["files"].update({"a\\b": _FILE}),
    "paths that differ in case": lambda fields: fields["files"].update({"REFERENCES.sqlite": _FILE}),
    "a path that is also a folder": lambda fields: fields["files"].update({"images.faiss/x": _FILE}),
    "itself among its files": lambda fields: fields["files"].update({MANIFEST_NAME: _FILE}),
    "a hash in capitals": lambda fields: fields["files"]["images.faiss"].update(sha256="A" * 64),
    "a negative length": lambda fields: fields["files"]["images.faiss"].update(length_bytes=-1),
    "a length that is a text": lambda fields: fields["files"]["images.faiss"].update(length_bytes="9"),
    "an index that is not listed": lambda fields: fields["index"].update(file="other.faiss"),
    "an index of another dimension": lambda fields: fields["index"].update(dim=4),
    "an index of an unknown kind": lambda fields: fields["index"].update(kind="hnsw"),
    "no image encoder": lambda fields: fields["encoders"].update(image={}),
    "a text encoder without a tokenizer": lambda fields: fields["encoders"].update(text=fields["encoders"]["image"]),
    "a view that is too small": lambda fields: fields["preprocessing"].update(photo_views=[0.05]),
    "an unknown resize mode": lambda fields: fields["preprocessing"].update(resize_mode="fit"),
    "a lone surrogate": lambda fields: fields.update(title="\ud800"),
    "a file outside its model": lambda fields: fields["encoders"]["image"]["onnx-fp32"].update(files=["images.faiss"]),
}
_LISTING_CHANGES: dict[str, _Change] = {
    "as it is": lambda _: None,
    "a newer format": lambda fields: fields.update(format=2),
    "a pack twice": lambda fields: fields.update(packs=fields["packs"] * 2),
    "another newest version": lambda fields: fields["packs"][0].update(newest="1.9.0"),
    "no version": lambda fields: fields["packs"][0].update(versions=[]),
    "a path that climbs": lambda fields: fields["packs"][0]["versions"][0]["manifest"].update(path="../x"),
}


def manifest_vectors(pack: Path) -> list[dict[str, Any]]:
    """Return manifests as texts; of a good one what is in it, of a bad one that it is refused."""
    data = (pack / MANIFEST_NAME).read_bytes()
    texts = {name: _changed(data, change) for name, change in _MANIFEST_CHANGES.items()}
    texts |= {
        "half of it": data.decode()[: len(data) // 2],
        "a list": "[]",
        "a number without end": '{"format": 1e999}',
    }
    return [{"name": name, "text": text, **_outcome_of_manifest(text)} for name, text in texts.items()]


def listing_vectors() -> list[dict[str, Any]]:
    """Return listings of a server as texts, with the newest version of each pack."""
    data = json.dumps(_LISTING).encode()
    texts = {name: _changed(data, change) for name, change in _LISTING_CHANGES.items()}
    return [{"name": name, "text": text, **_outcome_of_listing(text)} for name, text in texts.items()]


def _changed(data: bytes, change: _Change) -> str:
    fields = json.loads(data)
    change(fields)
    return json.dumps(fields, sort_keys=True)


def _outcome_of_manifest(text: str) -> dict[str, Any]:
    try:
        manifest = parse_manifest(text.encode())
    except PackFormatError as error:
        return {"refused": _kind(error)}
    return {
        "pack": manifest.name,
        "version": str(manifest.version),
        "files": [entry.path for entry in manifest.files_for(("onnx-fp32",))],
        "photo_views": list(manifest.preprocessing.photo_views),
        "size_bytes": manifest.size_bytes(),
    }


def _outcome_of_listing(text: str) -> dict[str, Any]:
    try:
        listing = parse_listing(text.encode())
    except PackFormatError as error:
        return {"refused": _kind(error)}
    return {"newest": {name: str(pack.newest.version) for name, pack in listing.packs.items()}}


def _kind(error: PackFormatError) -> str:
    return "newer-format" if "this software reads up to" in str(error) else "format"
