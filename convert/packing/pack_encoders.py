"""The encoders of a pack: exports both towers as the chosen variants and applies the fidelity gate."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_identify.convert.export.fidelity import drift_error, drifting
from edge_identify.convert.export.fidelity_samples import FidelityBench
from edge_identify.convert.export.kept_exports import export_kept
from edge_identify.convert.export.tower_exports import image_tower_export, text_tower_export
from edge_identify.convert.export.variants import ONNX_VARIANTS, ExportedVariant
from edge_identify.convert.models.model_loading import LoadedModel
from edge_identify.convert.progress import Progress, during, no_progress
from edge_identify.edge_runtime.pack.manifest import Fidelity, Variant

Exported = Mapping[str, ExportedVariant]
Measured = Mapping[str, Fidelity]

_FIDELITY = "comparing with the original"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoders:
    """The encoders of a pack.

    Attributes:
        embedder: The variant of the image tower that embeds the references.
        image: Manifest entries of the image tower's variants, by name.
        text: Manifest entries of the text tower's variants, by name; empty if devices cannot tokenise its texts.
        dropped: Variants that were dropped, each with its figures in words.
        exported: The image tower's variants, by name, to compute embeddings.
        exported_texts: The text tower's variants, by name, to compute embeddings.
    """

    embedder: ExportedVariant
    image: Mapping[str, Variant]
    text: Mapping[str, Variant]
    dropped: tuple[str, ...]
    exported: Exported
    exported_texts: Exported


def export_encoders(
    model: LoadedModel,
    names: tuple[str, ...],
    bench: FidelityBench,
    folder: Path,
    *,
    drop_drifting: bool,
    progress: Progress = no_progress,
) -> Encoders:
    """Export both towers into a pack's folder and apply the fidelity gate.

    Args:
        model: The model.
        names: Names from `variants.ALL_VARIANTS`, at least one of ONNX.
        bench: Measures the fidelity.
        folder: The pack's folder.
        drop_drifting: Whether a variant below its threshold is dropped instead of stopping the build.
        progress: Shows the progress of the export.

    Raises:
        SetupError: A variant of the image tower is below its threshold and may not be dropped, or no ONNX variant is
            left.
    """
    gate = FidelityGate(folder, drop_drifting=drop_drifting)
    exported = export_kept(
        "image", model, names, folder, lambda: image_tower_export(model, progress), bench.cache, progress
    )
    image = gate.pass_through(
        "image",
        exported,
        lambda variants: during(
            progress, _FIDELITY, lambda: bench.measure_images(variants, preferred_embedder(variants))
        ),
    )
    text: Mapping[str, Variant] = {}
    texts: Exported = {}
    if model.tokenizer is not None:
        texts = export_kept(
            "text", model, tuple(image), folder, lambda: text_tower_export(model), bench.cache, progress
        )
        text = gate.pass_through(
            "text",
            texts,
            lambda variants: during(progress, _FIDELITY, lambda: bench.measure_texts(variants)),
            is_optional=True,  # an adapter is learnt from images and may hurt a text tower; photos need none
        )
    kept = {name: exported[name] for name in image}
    return Encoders(
        embedder=preferred_embedder(kept),
        image=image,
        text=text,
        dropped=tuple(gate.dropped),
        exported=kept,
        exported_texts={name: texts[name] for name in text},
    )


def preferred_embedder(variants: Exported) -> ExportedVariant:
    """Return the variant that embeds the references: the first of `ONNX_VARIANTS`, which most devices use."""
    return next(variants[name] for name in ONNX_VARIANTS if name in variants)


class FidelityGate:
    """The fidelity gate: refuses or drops variants that are below their threshold.

    Attributes:
        dropped: Variants that were dropped so far, each with its figures in words.
    """

    def __init__(self, folder: Path, *, drop_drifting: bool) -> None:
        """Set up the gate.

        Args:
            folder: The pack's folder.
            drop_drifting: See `export_encoders`.
        """
        self._folder = folder
        self._drop_drifting = drop_drifting
        self.dropped: list[str] = []

    def pass_through(
        self, kind: str, exported: Exported, measure: Callable[[Exported], Measured], *, is_optional: bool = False
    ) -> Mapping[str, Variant]:
        """Return the manifest entries of the variants that pass; remove the files of dropped variants.

        Args:
            kind: `image` or `text`, for messages.
            exported: The tower's variants.
            measure: Compares variants with the original.
            is_optional: Whether a pack is useful without this tower. Its failing variants are always dropped, and all
                of them if no ONNX variant passes.

        Raises:
            SetupError: A variant is below its threshold and may not be dropped, or no ONNX variant would be left.
        """
        measured = measure(exported)
        kept, failures = dict(exported), dict[str, list[str]]()
        while failed := {name: short for name, short in _failing(exported, measured).items() if name in kept}:
            # All are compared with references that the embedder embedded: if it fails, the others' figures are invalid.
            embedder = preferred_embedder(kept).name
            failures |= {embedder: failed[embedder]} if embedder in failed else failed
            kept = {name: variant for name, variant in exported.items() if name not in failures}
            if not set(kept) & set(ONNX_VARIANTS):
                break
            measured = measure(kept)
        has_onnx = bool(set(kept) & set(ONNX_VARIANTS))
        if is_optional and not has_onnx:
            failures |= {name: ["no ONNX variant of it passed"] for name in exported if name not in failures}
            kept = {}
        elif failures and not is_optional and not (self._drop_drifting and has_onnx):
            raise drift_error(kind, {name: failures[name] for name in exported if name in failures})
        for name, figures in failures.items():
            shutil.rmtree((self._folder / exported[name].model).parent)
            self.dropped.append(f"{kind} encoder {name} drifts from the original: {'; '.join(figures)}")
        return {name: variant.judged(measured[name], self._folder) for name, variant in kept.items()}


def _failing(exported: Exported, measured: Measured) -> Mapping[str, list[str]]:
    """Return the faults of each variant in words: figures below the threshold, and products that may overflow."""
    failing = {name: list(figures) for name, figures in drifting(measured).items()}
    for name, variant in exported.items():
        if variant.saturating:
            failing.setdefault(name, []).append(
                f"{len(variant.saturating)} of its 8-bit products overflow on processors without VNNI, "
                f"first {variant.saturating[0]!r}"
            )
    return failing
