"""`edge-identify teach` and `edge-identify taught`: things that the pack does not know, taught on this device."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.cli.options.pack_options import add_pack_options, chosen_pack
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.taught.overlay import Overlay
    from edge_identify.edge_runtime.taught.taught_things import TaughtThing


def teach_main(words: list[str]) -> int:
    """Run `edge-identify teach`."""
    options = teach_parser().parse_args(words)
    return run_command(lambda: _teach(options))


def teach_parser() -> CommandParser:
    """Return the parser of `edge-identify teach`."""
    parser = CommandParser(
        prog="edge-identify teach",
        examples=[
            'edge-identify teach photo.jpg --name "Blue door"',
            'edge-identify teach front.jpg side.jpg --name Ark --note "arch 3"',
        ],
        description="Teaches this device a thing that the pack does not know. From then on, photos of it are "
        "identified, and answers say that it is your own. The pack does not change. A name that is known already gets "
        "more pictures. The pictures are kept here, reduced and without EXIF; `edge-identify taught` lists them.",
        exit_codes=[ExitCode.PHOTO, ExitCode.PACK],
    )
    parser.add_argument("photos", metavar="PHOTO", nargs="+", type=Path, help="photos that show the thing")
    group = parser.add_argument_group("thing")
    group.add_argument("--name", required=True, metavar="NAME", help="what the photos show")
    group.add_argument("--note", default="", metavar="TEXT", help="what else is to be said of it")
    group.add_argument(
        "--roi", metavar="X,Y,W,H", help="the part of each photo that shows it, as for `edge-identify --roi`"
    )
    add_pack_options(parser, without="the only installed pack")
    _add_json(parser, "print the thing as one JSON object")
    return parser


def taught_main(words: list[str]) -> int:
    """Run `edge-identify taught`."""
    parser = taught_parser()
    options = parser.parse_args(words)
    if options.export is None and (options.by or options.licence or options.things):
        parser.error(
            "THING, --by and --licence go with --export\nexample: edge-identify taught --export new.contribution.json"
        )
    return run_command(lambda: _taught(options))


def taught_parser() -> CommandParser:
    """Return the parser of `edge-identify taught`."""
    parser = CommandParser(
        prog="edge-identify taught",
        examples=[
            "edge-identify taught",
            'edge-identify taught --forget "Blue door"',
            "edge-identify taught --export new.contribution.json --by Ada --licence CC0-1.0",
        ],
        description="Lists what was taught on this device, forgets a thing, or writes a file for the pack's maker, who "
        "reviews it with `edge-build contributions`. The file holds names, notes and pictures, and no positions.",
        exit_codes=[ExitCode.PACK],
    )
    parser.add_argument("things", metavar="THING", nargs="*", help="with --export: ids or names (default: all)")
    what = parser.add_argument_group("what to do").add_mutually_exclusive_group()
    what.add_argument("--forget", metavar="THING", help="remove a thing and its pictures, by its id or name")
    what.add_argument("--export", type=Path, metavar="FILE", help="write a contribution file")
    credit = parser.add_argument_group("credit")
    credit.add_argument("--by", default="", metavar="NAME", help="your name, for credit (default: none is given)")
    credit.add_argument("--licence", default="", metavar="TEXT", help="the licence that you give the pictures")
    add_pack_options(parser, without="the only installed pack")
    _add_json(parser, "print one JSON object")
    return parser


def _add_json(parser: CommandParser, what: str) -> None:
    parser.add_argument_group("output").add_argument("--json", action="store_true", help=what)


def _teach(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.photos.photo_inputs import open_photo_input
    from edge_identify.edge_runtime.photos.regions import parse_region
    from edge_identify.edge_runtime.search.identifier import Identifier
    from edge_identify.edge_runtime.taught.kept_picture import kept_picture

    region = None if options.roi is None else parse_region(options.roi)
    pictures = [kept_picture(open_photo_input(photo), region) for photo in options.photos]
    pack = chosen_pack(options)
    with Identifier(pack) as identifier:
        assert identifier.taught is not None, "a pack that is opened by name has a place for it"
        thing = identifier.taught.overlay.add(pictures, name=options.name, note=options.note)
        identifier.taught.refresh()  # embeds the new pictures
    if options.json:
        print(json.dumps(_as_json(thing), ensure_ascii=False, indent=2))
    else:
        print(printable(f"taught {thing.name} ({thing.id}, {_pictures(thing)}) beside {_pack(pack)}"))
    return ExitCode.DONE


def _taught(options: argparse.Namespace) -> ExitCode:
    pack = chosen_pack(options)
    overlay = _overlay(pack)
    if options.forget is not None:
        thing = overlay.remove(options.forget)
        print(json.dumps(_as_json(thing)) if options.json else printable(f"forgot {thing.name} ({_pictures(thing)})"))
        return ExitCode.DONE
    if options.export is not None:
        return _export(options, pack, overlay)
    things = overlay.things()
    if options.json:
        print(json.dumps({"things": [_as_json(thing) for thing in things]}, ensure_ascii=False, indent=2))
        return ExitCode.DONE
    for thing in things:
        note = f"  {thing.note}" if thing.note else ""
        print(printable(f"{thing.id}  {thing.name}  {_pictures(thing)}, {thing.taught_utc:%Y-%m-%d}{note}"))
    if not things:
        print(f"nothing was taught beside {_pack(pack)}; see `edge-identify teach --help`", file=sys.stderr)
    return ExitCode.DONE


def _export(options: argparse.Namespace, pack: Pack, overlay: Overlay) -> ExitCode:
    from edge_identify.edge_runtime.io.disk import disk_errors_explained
    from edge_identify.edge_runtime.io.output_files import check_outside_pack, check_writable
    from edge_identify.edge_runtime.io.output_writes import write_output
    from edge_identify.edge_runtime.taught.contribution_file import contribution_of, serialise_contribution

    check_writable(options.export, "--export")
    check_outside_pack({"--export": options.export}, pack.folder)
    contribution = contribution_of(
        overlay,
        pack_name=pack.manifest.name,
        pack_version=pack.manifest.version,
        ids=options.things,
        by=options.by,
        licence=options.licence,
    )
    data = serialise_contribution(contribution)
    with disk_errors_explained(options.export.parent):
        write_output(options.export, data)
    told = f"{counted(len(contribution.things), 'thing')} in {options.export} ({len(data) / 1e6:.1f} MB)"
    print(printable(f"{told}; send it to the maker of the pack"), file=sys.stderr)
    return ExitCode.DONE


def _overlay(pack: Pack) -> Overlay:
    from edge_identify.edge_runtime.taught.overlay import Overlay

    if pack.taught_folder is None:
        raise SetupError(f"{pack.folder}: has no place for what is taught")
    return Overlay(pack.taught_folder)


def _pack(pack: Pack) -> str:
    return f"{pack.manifest.name} {pack.manifest.version}"


def _pictures(thing: TaughtThing) -> str:
    return counted(len(thing.pictures), "picture")


def _as_json(thing: TaughtThing) -> dict[str, Any]:
    return {
        "id": thing.id,
        "name": thing.name,
        "note": thing.note,
        "taught_utc": thing.taught_utc.isoformat(timespec="seconds"),
        "pictures": [picture.sha256 for picture in thing.pictures],
    }
