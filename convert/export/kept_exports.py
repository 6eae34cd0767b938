"""Exports the towers of a model, or restores what an earlier build exported.

An exported file depends on the model, the form and this software alone (see `calibration_inputs`), so every pack of a
model can use it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.export.variants import ExportedVariant, TowerExport, export_tower, load_variant
from edge_identify.convert.models.model_loading import LoadedModel
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.pack.manifest import Runtime, Tensor

_KIND = "exported variant"


def export_kept(
    kind: str,
    model: LoadedModel,
    names: tuple[str, ...],
    folder: Path,
    make: Callable[[], TowerExport],
    cache: BuildCache,
    progress: Progress = no_progress,
) -> Mapping[str, ExportedVariant]:
    """Export a tower as the named variants; restore those that the cache holds.

    Args:
        kind: `image` or `text`.
        model: The model. It is loaded only if something must be exported.
        names: Names from `ALL_VARIANTS`.
        folder: The pack's folder; it exists.
        make: Returns the exporters of the tower.
        cache: Keeps the files.
        progress: Shows the progress of the export.

    Returns:
        The variants, by name, in the order of `names`.

    Raises:
        SetupError: See `export_tower`.
    """
    keys = {name: cache_key(_KIND, kind, name, model.key, code_fingerprint()) for name in names}
    found = {name: _restore(kind, name, keys[name], folder, cache) for name in names}
    ready = {name: variant for name, variant in found.items() if variant is not None}
    if missing := tuple(name for name in names if name not in ready):
        exported = export_tower(make(), missing, folder, progress)
        for name, variant in exported.items():
            cache.keep_folder(keys[name], folder / _place(kind, name))
            cache.keep(_KIND, {keys[name]: json.dumps(_as_json(variant)).encode()})
        ready |= exported
    return {name: ready[name] for name in names}


def _place(kind: str, name: str) -> str:
    return f"encoders/{kind}/{name}"


def _restore(kind: str, name: str, key: str, folder: Path, cache: BuildCache) -> ExportedVariant | None:
    facts = cache.read(_KIND, [key]).get(key)
    place = folder / _place(kind, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    if facts is None or not cache.restore_folder(key, place):
        return None
    values: dict[str, Any] = json.loads(facts)
    return load_variant(
        folder,
        name=name,
        runtime=Runtime(values["runtime"]),
        model=f"{_place(kind, name)}/{PurePosixPath(values['model']).name}",  # never outside what was restored
        input=_tensor(values["input"]),
        output=_tensor(values["output"]),
        requires=values["requires"],
        saturating=tuple(values["saturating"]),
        embed_coreml=partial(_embed_package, kind),
    )


def _embed_package(kind: str, package: Path, batch: Any) -> Any:
    from edge_identify.convert.export.coreml.package_embedding import embed_images, embed_tokens

    return embed_images(package, batch) if kind == "image" else embed_tokens(package, batch)


def _as_json(variant: ExportedVariant) -> Mapping[str, Any]:
    return {
        "runtime": variant.runtime.value,
        "model": variant.model,
        "input": [variant.input.name, variant.input.dtype, list(variant.input.shape)],
        "output": [variant.output.name, variant.output.dtype, list(variant.output.shape)],
        "requires": variant.requires,
        "saturating": list(variant.saturating),
    }


def _tensor(values: tuple[str, str, list[int]]) -> Tensor:
    name, dtype, shape = values
    return Tensor(name=name, dtype=dtype, shape=tuple(shape))
