"""`edge-build list`, `show`, `remove`, `withdraw`, `restore` and `export`: read and change a catalogue."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.catalogue_option import add_catalogue_option
from edge_identify.convert.cli.options.subcommand import add_json_option, subcommand
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage, ImageFacts
    from edge_identify.edge_runtime.pack.references import Reference


def add_parser(commands: Any) -> None:
    """Add the subcommands."""
    listing = _add(commands, "list", "list the references of a catalogue", "--namespace Paris", _list, ids="none")
    listing.add_argument_group("filters").add_argument(
        "--namespace", metavar="NAME", help="only references of this namespace"
    )
    add_json_option(listing).add_argument(
        "--pictures", action="store_true", help="list the images, with the known facts of each"
    )
    show = "show everything that a catalogue holds on some references"
    add_json_option(_add(commands, "show", show, "PA_01", _show, ids="some"))
    remove = "remove references from a catalogue; image files stay on disk, index ids are never used again"
    add_json_option(_add(commands, "remove", remove, "PA_01", _remove, ids="some"))
    withdraw = "exclude references from all later packs, even if a source adds them again"
    withdrawing = _add(commands, "withdraw", withdraw, 'PA_01 --reason "destroyed"', _withdraw, ids="some")
    withdrawing.add_argument_group("withdrawal").add_argument(
        "--reason", default="", metavar="TEXT", help="the reason, shown by edge-build show"
    )
    add_json_option(withdrawing)
    restore = "include withdrawn references in packs again"
    add_json_option(_add(commands, "restore", restore, "PA_01", _restore, ids="some"))
    export = "write a catalogue as a CSV table; edge-build add image-list:FILE reads it back, for example after editing"
    exporting = _add(commands, "export", export, "--out references.csv", _export, ids="any")
    exporting.add_argument_group("output").add_argument(
        "--out", type=Path, metavar="FILE", help="the table to write; - is standard output (default: standard output)"
    )


def _add(commands: Any, name: str, summary: str, example: str, run: Any, *, ids: str) -> argparse.ArgumentParser:
    parser = subcommand(commands, name, summary, f"edge-build {name} --catalogue my.catalogue {example}")
    if ids != "none":
        all_of_them = " (default: all)" if ids == "any" else ""
        parser.add_argument(
            "ids", nargs="+" if ids == "some" else "*", metavar="ID", help=f"id of a reference{all_of_them}"
        )
    add_catalogue_option(parser)
    parser.set_defaults(run=run)
    return parser


def _open(options: argparse.Namespace) -> Catalogue:
    from edge_identify.datasets.catalogue.catalogue import Catalogue

    return Catalogue.open_existing(options.catalogue)


def _list(options: argparse.Namespace) -> ExitCode:
    with _open(options) as catalogue:
        references, images, withdrawn = catalogue.references(), catalogue.images(), catalogue.withdrawals()
    counts = Counter(image.reference_id for image in images)
    listed = _of_namespace(options, references)
    if options.pictures:
        return _list_images(options, {each.id: each for each in listed}, images)
    if options.json:
        rows = [
            {
                "id": each.id,
                "name": each.name,
                "namespace": each.namespace,
                "labels": dict(each.labels),
                "licence": each.licence,
                "pictures": counts[each.id],
                "withdrawn": each.id in withdrawn,
            }
            for each in listed
        ]
        print(json.dumps({"references": rows}, ensure_ascii=False, indent=2))
        return ExitCode.DONE
    for each in listed:
        note = "  withdrawn" if each.id in withdrawn else ""
        where = f"  {each.namespace}" if each.namespace else ""
        print(printable(f"{each.id}  {each.name}{where}{_labels(each)}  {counted(counts[each.id], 'image')}{note}"))
    total = sum(counts[each.id] for each in listed)
    print(f"{counted(len(listed), 'reference')}, {counted(total, 'image')}", file=sys.stderr)
    return ExitCode.DONE


def _labels(reference: Reference) -> str:
    from edge_identify.datasets.sources.rows.described_images import LABELS

    kinds = [*(kind for kind in LABELS if kind in reference.labels), *sorted(set(reference.labels) - set(LABELS))]
    return "".join(f"  {kind}={reference.labels[kind]}" for kind in kinds)


def _of_namespace(options: argparse.Namespace, references: Sequence[Reference]) -> list[Reference]:
    """Return the references that `--namespace` asks for; an empty name asks for those without a namespace."""
    if not options.namespace:
        return [each for each in references if options.namespace is None or not each.namespace]
    from edge_identify.edge_runtime.search.filtering import known_as

    known = sorted({each.namespace for each in references} - {""})
    wanted = known_as(options.namespace, known, "namespace", of=str(options.catalogue))
    return [each for each in references if each.namespace in wanted]


def _list_images(
    options: argparse.Namespace, references: Mapping[str, Reference], images: Sequence[CatalogueImage]
) -> ExitCode:
    have_own = {
        image.reference_id for image in images if image.licence
    }  # such a reference's licence applies only to those images
    rows = [
        _image_row(image, references[image.reference_id], shares_licence=image.reference_id not in have_own)
        for image in images
        if image.reference_id in references
    ]
    if options.json:
        print(json.dumps({"pictures": rows}, ensure_ascii=False, indent=2))
        return ExitCode.DONE
    for row in rows:
        facts = "  ".join(str(row[name]) for name in ("label", "namespace", "licence", "provenance") if row[name])
        print(printable(f"{row['reference']}  {row['path']}  {row['type']}  {facts}".rstrip()))
    print(f"{counted(len(rows), 'image')} of {counted(len(references), 'reference')}", file=sys.stderr)
    return ExitCode.DONE


def _image_row(image: CatalogueImage, reference: Reference, *, shares_licence: bool) -> dict[str, Any]:
    return {
        "reference": reference.id,
        "index_id": image.index_id,
        "type": image.type,
        "filename": image.file_name,
        "path": str(image.path),
        "source_path": image.source_path,
        "extension": Path(image.file_name).suffix,
        "label": reference.labels.get("label"),
        "namespace": reference.namespace,
        "licence": image.licence or (reference.licence if shares_licence else None),
        "provenance": image.provenance,
    }


def _show(options: argparse.Namespace) -> ExitCode:
    with _open(options) as catalogue:
        withdrawn = catalogue.withdrawals()
        named = _named(catalogue, options.ids)
        shown = [_as_json(each, catalogue.image_facts(each.id), withdrawn) for each in named]
    if options.json:
        print(json.dumps({"references": shown}, ensure_ascii=False, indent=2))
        return ExitCode.DONE
    for reference in shown:
        for name, value in reference.items():
            if name == "images":
                for image in value:
                    facts = ", ".join(f"{key} {fact}" for key, fact in image.items() if fact is not None)
                    print(printable(f"  image: {facts}"))
            elif value not in (None, "", {}):
                text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
                print(printable(f"{'' if name == 'id' else '  '}{name}: {text}"))
    return ExitCode.DONE


def _named(catalogue: Catalogue, ids: Sequence[str]) -> list[Reference]:
    """Return the references with these ids, in any Unicode form, each once."""
    by_id = {reference.id: reference for reference in catalogue.references()}
    composed_ids = {composed(name): name for name in by_id}
    found = {each: by_id.get(each) or by_id.get(composed_ids.get(composed(each), "")) for each in ids}
    missing = next((each for each, reference in found.items() if reference is None), None)
    if missing is not None:
        raise SetupError(f"there is no reference {missing!r} in the catalogue; `edge-build list` lists all references")
    return list({each.id: each for each in found.values() if each is not None}.values())


def _as_json(reference: Reference, images: Sequence[ImageFacts], withdrawn: dict[str, str]) -> dict[str, Any]:
    facts = asdict(reference) | {"labels": dict(reference.labels), "attributes": dict(reference.attributes)}
    if reference.id in withdrawn:
        facts["withdrawn"] = withdrawn[reference.id] or "no reason given"
    return facts | {"images": [_image_as_json(each) for each in images]}


def _image_as_json(facts: ImageFacts) -> dict[str, Any]:
    image = facts.image
    return {
        "index_id": image.index_id,
        "type": image.type,
        "filename": image.file_name,
        "extension": Path(image.file_name).suffix,
        "path": str(image.path),
        "source_path": image.source_path,
        "origin": image.origin,
        "licence": image.licence,
        "provenance": image.provenance,
        "width": facts.width_px,
        "height": facts.height_px,
        "length_bytes": facts.length_bytes,
        "sha256": image.sha256,
    }


def _remove(options: argparse.Namespace) -> ExitCode:
    with _open(options) as catalogue:
        pictures = catalogue.remove(list(dict.fromkeys(options.ids)))
    return _say(options, removed=len(set(options.ids)), pictures=pictures)


def _withdraw(options: argparse.Namespace) -> ExitCode:
    with _open(options) as catalogue:
        catalogue.withdraw(options.ids, reason=options.reason)
    return _say(options, withdrawn=len(set(options.ids)))


def _restore(options: argparse.Namespace) -> ExitCode:
    with _open(options) as catalogue:
        catalogue.restore(options.ids)
    return _say(options, restored=len(set(options.ids)))


def _say(options: argparse.Namespace, **counts: int) -> ExitCode:
    told = {"pictures": lambda count: counted(count, "image")}
    words = (told[name](count) if name in told else f"{count} {name}" for name, count in counts.items())
    print(json.dumps(counts) if options.json else ", ".join(words))
    return ExitCode.DONE


def _export(options: argparse.Namespace) -> ExitCode:
    import io

    from edge_identify.datasets.catalogue.table_export import write_table
    from edge_identify.edge_runtime.io.disk import disk_errors_explained
    from edge_identify.edge_runtime.io.output_files import check_nothing_lost, check_writable
    from edge_identify.edge_runtime.io.output_writes import STANDARD_OUTPUT, write_output

    if options.out is not None:
        check_writable(options.out, "--out")
    with _open(options) as catalogue:
        chosen = _named(catalogue, options.ids) if options.ids else catalogue.references()
        images = catalogue.images()
    check_nothing_lost({"--out": options.out}, [options.catalogue, *(image.path for image in images)])
    table = io.StringIO(newline="")
    count = write_table(chosen, images, table)
    if options.out in (None, STANDARD_OUTPUT):
        print(table.getvalue(), end="")
    else:
        text = table.getvalue()
        with disk_errors_explained(options.out.parent):
            # Excel takes a file without a byte order mark for an 8-bit code page, and damages every accent.
            write_output(options.out, text.encode("ascii" if text.isascii() else "utf-8-sig"))
        told = f"{counted(count, 'image')} of {counted(len(chosen), 'reference')}"
        print(f"{told} in {options.out}", file=sys.stderr)
    return ExitCode.DONE
