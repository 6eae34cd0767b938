"""Checks of a pack as a whole: its bytes, its calibration, its signature, the licence and the age of its encoder."""

from __future__ import annotations

from collections.abc import Iterator

from edge_identify.convert.builtin import EARLIER_WEIGHTS, WEIGHTS_NAME
from edge_identify.convert.doctor.findings import Case, DoctorFinding, Severity, finding_of
from edge_identify.convert.models.model_names import BUILTIN
from edge_identify.convert.models.weights.weights_licences import find_licence
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.decisions.calibration import read_calibrations
from edge_identify.edge_runtime.errors import PackDamagedError, PackFileDamagedError
from edge_identify.edge_runtime.pack.manifest import Manifest
from edge_identify.edge_runtime.pack.pack_reader import Pack, check_file
from edge_identify.edge_runtime.store.installed_packs import installed_at

_RESEARCH_ONLY = "for research only"  # wording of this builder; in other packs, the name of the weights tells
_FEW_ACCEPTED = 0.5  # share of simulated photos of the pack's own references


def damage_finding(pack: Pack, progress: Progress = no_progress) -> DoctorFinding | None:
    """Return the files of a pack that differ from its manifest, as one finding; None if there are none."""
    return finding_of(
        "damaged",
        Severity.SERIOUS,
        "files that differ from the manifest; devices will refuse the pack",
        "build the pack again with `edge-build pack`, or copy it again from where it was built",
        (Case(detail=reason) for reason in _damages(pack, progress)),
    )


def calibration_findings(pack: Pack) -> list[DoctorFinding | None]:
    """Return the findings about the calibration of a pack whose files are undamaged."""
    path = pack.manifest.calibration_file
    calibrations = {} if path is None else read_calibrations(pack.file(path))
    missing = [name for name in pack.manifest.image_variants if name not in calibrations]
    rates = {name: found.true_accepts for name, found in calibrations.items() if found.true_accepts < _FEW_ACCEPTED}
    return [
        finding_of(
            "uncalibrated",
            Severity.WARNING,
            "image encoders without calibration: devices that use them show similarities and decide nothing",
            "build the pack again with `edge-build pack`; it needs at least five references",
            (Case(detail=name) for name in missing),
        ),
        finding_of(
            "hardly-accepts",
            Severity.WARNING,
            "image encoders that accept fewer than half of the simulated photos of the pack's own references: "
            "most photos will be called unknown",
            "add images of each reference, use a larger model, or raise --false-accept-rate",
            (Case(detail=f"{name}: {rate:.0%} accepted") for name, rate in rates.items()),
        ),
    ]


def licence_finding(manifest: Manifest) -> DoctorFinding | None:
    """Return a finding if the encoder's weights are licensed for research only."""
    published = find_licence(manifest.model.name, manifest.model.pretrained)
    is_research_only = _RESEARCH_ONLY in manifest.model.licence or (
        published is not None and published.is_research_only
    )
    return finding_of(
        "research-only",
        Severity.WARNING,
        "the encoder's weights are for research only, and the pack holds them",
        "keep the pack to that use, or build it with other weights (`edge-build models` lists them)",
        [Case(detail=f"{manifest.model.name} ({manifest.model.pretrained}): {manifest.model.licence}")]
        if is_research_only
        else [],
    )


def encoder_finding(manifest: Manifest) -> DoctorFinding | None:
    """Return whether the pack holds an earlier built-in encoder than the one that comes with this software."""
    model = manifest.model
    is_earlier = model.name == BUILTIN and model.pretrained in EARLIER_WEIGHTS
    return finding_of(
        "earlier-encoder",
        Severity.NOTE,
        f"the built-in encoder is an earlier one, and a newer one ({WEIGHTS_NAME}) is there",
        "build the pack again with `edge-build pack` and a new major version: embeddings of the two cannot be compared",
        [Case(detail=f"{model.name} ({model.pretrained})")] if is_earlier else [],
    )


def signature_finding(pack: Pack) -> DoctorFinding | None:
    """Return a finding if the pack is not one that came signed to this device. A folder alone carries no signature."""
    installed = installed_at(pack.folder)
    is_signed = installed is not None and installed.signed_utc is not None
    return finding_of(
        "unsigned",
        Severity.NOTE,
        "the pack is not signed: devices install it from a signed repository, or with --unsigned",
        "make keys with `edge-serve init` and publish it there; `edge-serve carry` writes a signed file"
        if installed is None
        else "sync it from its server, whose root `edge-identify trust` pins, or ask its publisher for a signed one",
        [] if is_signed else [Case(detail=f"{pack.manifest.name} {pack.manifest.version}")],
    )


def _damages(pack: Pack, progress: Progress) -> Iterator[str]:
    for _, entry in progress("checking files", sorted(pack.manifest.files.items())):
        try:
            check_file(pack.folder, entry)
        except PackFileDamagedError as error:
            yield error.problem
        except PackDamagedError as error:
            yield str(error)
