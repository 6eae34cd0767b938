"""Passes the quantiser of a pack's earlier versions from the catalogue to the build, and a new one back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edge_identify.convert.cli.options.subcommand import print_note
from edge_identify.datasets.catalogue.kept_quantisers import KeptQuantiser
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.counted import counted

if TYPE_CHECKING:
    from edge_identify.convert.packing.pack_request import BuildReport, PackRequest
    from edge_identify.datasets.catalogue.catalogue import Catalogue


def with_kept_quantiser(request: PackRequest, catalogue: Catalogue) -> PackRequest:
    """Return the request with the quantiser of the earlier versions of its major version, if the catalogue keeps it."""
    return replace(request, quantiser=catalogue.kept_quantisers().before(request.name, request.version))


def keep_quantiser(request: PackRequest, report: BuildReport, catalogue: Catalogue) -> None:
    """Keep the quantiser that a build made. A failure prints a note and raises nothing: the pack is built."""
    if report.far_references and request.quantiser is not None:
        print_note(
            f"the index has new ranges: those of {request.quantiser.version} do not fit "
            f"{counted(report.far_references, 'image')}; devices fetch the whole index once"
        )
    manifest = report.manifest
    try:
        if report.new_quantiser is None:
            catalogue.kept_quantisers().forget(manifest.name, manifest.version)
            return
        made = KeptQuantiser(
            version=manifest.version, space_id=manifest.model.space_id, ranges=report.new_quantiser.to_bytes()
        )
        catalogue.kept_quantisers().keep(manifest.name, made)
    except SetupError as error:
        print_note(f"the next version's index will be fetched whole: its ranges were not kept ({error})")
