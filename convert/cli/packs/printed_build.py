"""What `edge-build pack` prints of a pack that it built: lines, or one JSON object."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.subcommand import megabytes
from edge_identify.edge_runtime.io.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from edge_identify.convert.packing.pack_request import BuildReport
    from edge_identify.edge_runtime.decisions.calibration import Calibration, PointCalibration
    from edge_identify.edge_runtime.pack.manifest import Manifest, Variant


def print_build(report: BuildReport, out: Path, seconds: float, *, as_json: bool) -> None:
    """Print the size of a new pack, its encoders with their fidelity, and its calibrations.

    Args:
        report: Result of the build.
        out: Folder of the pack.
        seconds: Wall time of the build.
        as_json: Print one JSON object.
    """
    manifest = report.manifest
    if as_json:
        print(json.dumps(_build_as_json(out, report, seconds), ensure_ascii=False, indent=2))
        return
    print(
        f"{manifest.name} {manifest.version}: {counted(manifest.reference_count, 'reference')}, "
        f"{counted(manifest.index.count, 'image')}, {megabytes(manifest.size_bytes())} in {out}"
    )
    for kind, variants in (("image", manifest.image_variants), ("text", manifest.text_variants)):
        for variant in variants.values():
            print(f"  {kind:<5} {variant.name:<12} {_variant_line(manifest, variant)}")
    for name, found in report.calibration.calibrations.items():
        print(f"  decisions with {name}: of simulated photos, {_accepted(found)}")
        if found.points is not None:
            print(f"  decisions with {name} and agreeing points: {_accepted(found.points)}")
    for line in real_photo_lines(report.calibration.calibrations):
        print(f"  {line}")
    for name, texts in report.texts.calibrations.items():
        print(
            f"  bands for texts with {name}: of texts of labels and names, {100 * texts.genuine_strong:.0f} % are "
            f"strong and {100 * texts.genuine_fair:.0f} % fair or strong; of others, "
            f"{100 * texts.impostors_strong:.0f} and {100 * texts.impostors_fair:.0f} %"
        )
    if not manifest.text_variants:
        print("  no text encoder: it needs the model's tokenizer; see --tokenizer")


def real_photo_lines(calibrations: Mapping[str, Calibration]) -> Iterator[str]:
    """Yield what real photos told of the decisions, one line for each variant that measured."""
    for name, calibration in calibrations.items():
        told = calibration.real_photos
        if told is None or calibration.measured_with != name:
            continue
        yield (
            f"real photos with {name}: {counted(told.count, 'photo')}, each answered by a fit to the others: "
            f"{_named('identified', told.identified, told.identified_right)}, "
            f"{_named('probably', told.probably, told.probably_right)}; confidence off by "
            f"{100 * told.calibration_error:.0f} percentage points"
        )
        if told.sets_accept:
            yield (
                f"not called unknown: {100 * _false_accepts(calibration):.1f} % of the photos of other things, "
                f"{100 * calibration.false_accept_rate:g} % allowed"
            )


def _false_accepts(calibration: Calibration) -> float:
    rule = calibration if calibration.points is None else calibration.points
    return rule.false_accepts


def _named(word: str, share: float, right: float | None) -> str:
    return f"{100 * share:.0f} % {word}" + ("" if right is None else f" ({100 * right:.0f} % of them right)")


def _accepted(rule: Calibration | PointCalibration) -> str:
    siblings = "" if rule.sibling_accepts is None else f", {100 * rule.sibling_accepts:.0f} % of siblings"
    return (
        f"{100 * rule.true_accepts:.0f} % of the references are accepted{siblings} and "
        f"{100 * rule.false_accepts:.1f} % of strangers; see PACK.md"
    )


def _variant_line(manifest: Manifest, variant: Variant) -> str:
    fidelity = variant.fidelity
    centred = "" if fidelity.cosine_centred is None else f", centred {fidelity.cosine_centred:.4f}"
    return (
        f"{megabytes(_variant_bytes(manifest, variant)):>9}  cosine to the original: mean {fidelity.cosine_mean:.4f}, "
        f"least {fidelity.cosine_min:.4f}{centred}; same nearest reference {100 * fidelity.top1_agreement:.0f} %"
    )


def _build_as_json(out: Path, report: BuildReport, seconds: float) -> dict[str, Any]:
    manifest = report.manifest
    return {
        "pack": str(out),
        "name": manifest.name,
        "version": str(manifest.version),
        "references": manifest.reference_count,
        "pictures": manifest.index.count,
        "skipped": len(report.left_out),
        "size_bytes": manifest.size_bytes(),
        "seconds": round(seconds, 1),
        "calibration": {name: asdict(found) for name, found in report.calibration.calibrations.items()},
        "text_calibration": {name: asdict(found) for name, found in report.texts.calibrations.items()},
        "encoders": {
            kind: {
                variant.name: {
                    "size_bytes": _variant_bytes(manifest, variant),
                    **asdict(variant.fidelity),
                }
                for variant in variants.values()
            }
            for kind, variants in (("image", manifest.image_variants), ("text", manifest.text_variants))
        },
    }


def _variant_bytes(manifest: Manifest, variant: Variant) -> int:
    return sum(manifest.files[path].length_bytes for path in variant.files)
