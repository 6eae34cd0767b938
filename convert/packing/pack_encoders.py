"""The encoders of a pack: both towers in every form that was asked for, each past the fidelity gate."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_identify.convert.export.fidelity import drift_error, drifting
from edge_identify.convert.export.fidelity_samples import FidelityBench
from edge_identify.convert.export.tower_exports import image_tower_export, text_tower_export
from edge_identify.convert.export.variants import ONNX_VARIANTS, ExportedVariant, export_tower
from edge_identify.convert.models.model_loading import LoadedModel
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.pack.manifest import Fidelity, Variant

Exported = Mapping[str, ExportedVariant]
Measured = Mapping[str, Fidelity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoders:
    """What a pack says of its encoders.

    Attributes:
        embedder: The variant of the image tower that embeds the references.
        image: The image tower's variants, by name.
        text: The text tower's; empty where devices cannot split its text.
        dropped: Variants that were left out, each with its figures in words.
        exported: The image tower's variants once more, by name, to be asked for embeddings.
        exported_texts: The text tower's.
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
    """Export both towers into a pack's folder and let them pass the gate.

    Args:
        model: The encoder.
        names: From `variants.ALL_VARIANTS`, at least one for ONNX.
        bench: What they are judged on.
        folder: The pack's folder.
        drop_drifting: Leave a variant below its threshold out, rather than refuse to build.
        progress: Shows how far the export is.

    Raises:
        SetupError: A variant drifts from the original and may not be dropped, or none for ONNX is left.
    """
    gate = FidelityGate(folder, drop_drifting=drop_drifting)
    exported = export_tower(image_tower_export(model, bench.images, progress), names, folder, progress)
    image = gate.pass_through(
        "image", exported, lambda variants: bench.measure_images(variants, preferred_embedder(variants))
    )
    text: Mapping[str, Variant] = {}
    texts: Exported = {}
    if model.tokenizer is not None:
        texts = export_tower(text_tower_export(model, bench.texts), tuple(image), folder, progress)
        text = gate.pass_through("text", texts, bench.measure_texts)
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
    """Return the variant that embeds the references: the one that most devices will ask with."""
    return next(variants[name] for name in ONNX_VARIANTS if name in variants)


class FidelityGate:
    """Lets faithful variants into a pack.

    Attributes:
        dropped: Variants that were left out so far, each with its figures in words.
    """

    def __init__(self, folder: Path, *, drop_drifting: bool) -> None:
        """Stand before a pack's folder; see `export_encoders` for `drop_drifting`."""
        self._folder = folder
        self._drop_drifting = drop_drifting
        self.dropped: list[str] = []

    def pass_through(
        self, kind: str, exported: Exported, measure: Callable[[Exported], Measured]
    ) -> Mapping[str, Variant]:
        """Return the manifest's entries of the variants that pass; the files of those that are dropped are removed.

        Args:
            kind: `image` or `text`, for messages.
            exported: The tower's variants.
            measure: Compares variants with the original.

        Raises:
            SetupError: A variant drifts and may not be dropped, or none for ONNX would be left.
        """
        measured = measure(exported)
        kept, failures = dict(exported), dict[str, list[str]]()
        while failed := {name: short for name, short in _failing(exported, measured).items() if name in kept}:
            # All are asked against what the embedder put into the index: if it fails, the others' figures say nothing.
            embedder = preferred_embedder(kept).name
            failures |= {embedder: failed[embedder]} if embedder in failed else failed
            kept = {name: variant for name, variant in exported.items() if name not in failures}
            if not set(kept) & set(ONNX_VARIANTS):
                break
            measured = measure(kept)
        if failures and not (self._drop_drifting and set(kept) & set(ONNX_VARIANTS)):
            raise drift_error(kind, {name: failures[name] for name in exported if name in failures})
        for name, figures in failures.items():
            shutil.rmtree((self._folder / exported[name].model).parent)
            self.dropped.append(f"{kind} encoder {name} drifts from the original: {'; '.join(figures)}")
        return {name: variant.judged(measured[name], self._folder) for name, variant in kept.items()}


def _failing(exported: Exported, measured: Measured) -> Mapping[str, list[str]]:
    """Return what is wrong with each variant that drifts here or would drift on another processor, in words."""
    failing = {name: list(figures) for name, figures in drifting(measured).items()}
    for name, variant in exported.items():
        if variant.saturating:
            failing.setdefault(name, []).append(
                f"{len(variant.saturating)} of its 8-bit products overflow on processors without VNNI, "
                f"first {variant.saturating[0]!r}"
            )
    return failing
