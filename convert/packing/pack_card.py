"""`PACK.md`, the description of a pack for people who receive it. It holds no date: equal packs have equal cards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from edge_identify.convert.calibrating.photo_calibration import CalibrationOutcome
from edge_identify.edge_runtime.decisions.calibration import Calibration, PointCalibration
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.pack.manifest import Fidelity, Manifest, Variant
from edge_identify.edge_runtime.pack.references import Reference

if TYPE_CHECKING:
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

CARD_NAME = "PACK.md"

_DECISIONS = "## Decisions"
_SPEED = "Speed depends on the machine: `edge-identify --benchmark` measures it."


def pack_card(
    manifest: Manifest,
    references: Sequence[Reference],
    images: Sequence[CatalogueImage],
    calibration: CalibrationOutcome,
) -> str:
    """Return the card of a pack as Markdown.

    Args:
        manifest: The pack's manifest.
        references: The catalogue's references, for their licences and namespaces.
        images: The images in the pack, for their licences and provenance.
        calibration: The pack's calibration, or why it has none.
    """
    model, recipe = manifest.model, manifest.preprocessing
    lines = [
        f"# {_inline(manifest.title)}",
        "",
        f"Pack `{manifest.name}`, version {manifest.version}, made by {manifest.generator}.",
        "",
        f"- {counted(manifest.reference_count, 'reference')}, {counted(manifest.index.count, 'picture')}",
        f"- licences of the pictures: {_counted(_licences(references, images))}",
        f"- provenance: stated of {sum(image.provenance is not None for image in images)} of "
        f"{counted(len(images), 'picture')}",
        f"- namespaces: {_counted(reference.namespace or 'none' for reference in references)}",
        f"- encoder: {model.name} ({model.pretrained}), {model.dim} numbers, pictures of {recipe.size_px} pixels",
        f"- licence of the encoder: {model.licence}",
        f"- index: {manifest.index.kind}, {manifest.files[manifest.index.file].length_bytes:,} bytes, made by "
        f"{manifest.index.embedded_with}",
        f"- thumbnails: {_thumbnails(manifest)}",
        f"- local features: {_local_features(manifest)}",
        "",
        "## Encoders, and how closely they follow the original",
        "",
        "Measured on the files in this pack when it was built: cosine with the fp32 original (mean, worst, and mean",
        "after the embeddings' common part is taken away), nearest and five nearest references in common, change of",
        "recall.",
        "",
        "| tower | variant | MB | runs on | cosine | worst | centred | same 1st | same 5 | recall |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *_rows("image", manifest.image_variants, manifest),
        *_rows("text", manifest.text_variants, manifest),
        "",
        *(f"- {kind}: {sample}" for kind, sample in _samples(manifest)),
        "",
        _DECISIONS,
        "",
        *_decisions(calibration),
        "",
        _SPEED,
        "",
    ]
    return "\n".join(lines)


def card_with_decisions(card: str, manifest: Manifest, calibration: CalibrationOutcome) -> str:
    """Return a card with another version and other decisions; one without that part gets it at its end.

    Args:
        card: A card that `pack_card` made.
        manifest: The new manifest.
        calibration: The new calibration.
    """
    before, _, after = card.partition(f"{_DECISIONS}\n")
    before = re.sub(
        rf"^(Pack `{re.escape(manifest.name)}`, version )[0-9.]+(?=,)",
        rf"\g<1>{manifest.version}",
        before,
        count=1,
        flags=re.MULTILINE,
    )
    _, speed, rest = after.partition(_SPEED)
    end = f"{speed}{rest}" if speed else f"{_SPEED}\n"
    return "\n".join([before.rstrip("\n"), "", _DECISIONS, "", *_decisions(calibration), "", end])


def _licences(references: Sequence[Reference], images: Sequence[CatalogueImage]) -> Iterable[str]:
    of_reference = {reference.id: reference.licence for reference in references}
    have_own = {image.reference_id for image in images if image.licence}  # their reference's licence names these
    for image in images:
        shared = None if image.reference_id in have_own else of_reference[image.reference_id]
        yield image.licence or shared or "not stated"


def _thumbnails(manifest: Manifest) -> str:
    spec = manifest.thumbnails
    if spec is None:
        return "none; no picture of a reference is in the pack"
    size = f"{manifest.files[spec.file].length_bytes:,} bytes"
    return f"every picture, its longer side {spec.side_px} pixels at most, {size}"


def _local_features(manifest: Manifest) -> str:
    spec = manifest.local_features
    if spec is None:
        return "none"
    net = f"a net of {sum(manifest.files[path].length_bytes for path in spec.paths()):,} bytes"
    if spec.descriptors_file is None:
        return f"{net}, which finds points of the thumbnails"
    size = f"{manifest.files[spec.descriptors_file].length_bytes:,} bytes"
    return f"{net} together with up to {spec.reference.most_points} points of every picture ({size})"


def _decisions(calibration: CalibrationOutcome) -> list[str]:
    if calibration.left_out_because is not None:
        return [f"None: {calibration.left_out_because}."]
    return [
        *_POPULATIONS,
        "",
        "| image variant | decided by | references | siblings | strangers | allowed | identified | probably |",
        "|---|---|---|---|---|---|---|---|",
        *(row for name, found in calibration.calibrations.items() for row in _accepted(name, found)),
        "",
        *(_measurement(name, found) for name, found in calibration.calibrations.items()),
        *_real_photos(calibration),
    ]


_POPULATIONS = (
    "Measured with photos of three kinds:",
    "",
    "- references: photos of the things in the pack, simulated if the line below the table does not call them real",
    "- siblings: the same photos, with their reference left out of the pack. They stand for things that are not in the",
    "  pack and resemble a reference, such as another flavour of a package",
    "- strangers: photos of unrelated things",
    "",
    "The table has the shares that are accepted: the pack may call them something else than unknown. At most the share",
    "allowed of the strangers are. The last two columns are the least confidences for these words. Agreeing points are",
    "compared where similarity alone does not identify a photo.",
    "",
    "Real photos differ: `edge-build evaluate` measures with yours.",
)


def _measurement(name: str, found: Calibration) -> str:
    kind = "real photos" if found.real_photos is not None and found.real_photos.sets_accept else "photos"
    return (
        f"- {name}: measured with {found.measured_with}, {found.genuine_count} {kind} of references and "
        f"{found.impostor_count} of strangers"
    )


def _accepted(name: str, found: Calibration) -> Iterator[str]:
    """Yield a row for answers from similarity, and one for answers whose points were compared."""
    rules: list[tuple[str, Calibration | PointCalibration]] = [("similarity", found)]
    if found.points is not None:
        rules.append(("similarity and points", found.points))
    for by, rule in rules:
        certainty = rule.certainty
        words = "- | -" if certainty is None else f"from {certainty.identified:.3f} | from {certainty.probably:.3f}"
        yield (
            f"| {name} | {by} | {rule.true_accepts:.3f} | {_share(rule.sibling_accepts)} | {rule.false_accepts:.3f} | "
            f"{found.false_accept_rate:g} | {words} |"
        )


def _real_photos(calibration: CalibrationOutcome) -> Iterator[str]:
    """Yield what real photos told, by variant."""
    told = [(name, found.real_photos) for name, found in calibration.calibrations.items() if found.real_photos]
    if told:
        yield from (
            "",
            "Fitted to real photos, too. Each photo was answered by constants fitted without it and without the other "
            "photos",
            "of its reference.",
            "",
            "| variant | real photos | identified | of these right | probably | of these right | confidence off by |",
            "|---|---|---|---|---|---|---|",
        )
    for name, figures in told:
        yield (
            f"| {name} | {figures.count} | {figures.identified:.3f} | {_share(figures.identified_right)} | "
            f"{figures.probably:.3f} | {_share(figures.probably_right)} | {figures.calibration_error:.3f} |"
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _counted(values: Iterable[str]) -> str:
    return ", ".join(f"{_inline(value)} ({count})" for value, count in sorted(Counter(values).items()))


def _inline(text: str) -> str:
    """Return text on one line, with Markdown characters escaped."""
    return re.sub(r"([\\`*_\[\]<>|#&~])", r"\\\1", " ".join(text.split()))


def _rows(kind: str, variants: Mapping[str, Variant], manifest: Manifest) -> list[str]:
    cells = [
        (kind, variant.name, _megabytes(manifest, variant), variant.requires, _figures(variant.fidelity))
        for variant in variants.values()
    ]
    return [f"| {' | '.join(row)} |" for row in cells]


def _megabytes(manifest: Manifest, variant: Variant) -> str:
    return f"{sum(manifest.files[path].length_bytes for path in variant.files) / 1e6:.1f}"


def _figures(fidelity: Fidelity) -> str:
    cosines = (fidelity.cosine_mean, fidelity.cosine_min, fidelity.cosine_centred)
    shares = (fidelity.top1_agreement, fidelity.top5_agreement)
    change = "-" if fidelity.recall_change is None else f"{fidelity.recall_change:+.3f}"
    shown = [*("-" if value is None else f"{value:.4f}" for value in cosines)]
    shown += ["-" if value is None else f"{value:.3f}" for value in shares]
    return " | ".join([*shown, change])


def _samples(manifest: Manifest) -> list[tuple[str, str]]:
    towers = (("image", manifest.image_variants), ("text", manifest.text_variants))
    return [
        (kind, f"{fidelity.count} queries, {fidelity.sample}")
        for kind, variants in towers
        for fidelity in [variant.fidelity for variant in variants.values()][:1]
    ]
