"""`edge-build contributions`: review what people taught their devices, and take it into a catalogue.

Nothing is accepted unseen: `accept` takes only things that `review` has shown, with exactly these pictures.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.catalogue_option import add_catalogue_option
from edge_identify.convert.cli.options.subcommand import add_json_option, print_note, subcommand
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.convert.exploring.contribution_page import ContributionEntry
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.catalogue.contribution_reviews import ReviewState
    from edge_identify.datasets.sources.source import SourceImage
    from edge_identify.edge_runtime.pack.references import Reference
    from edge_identify.edge_runtime.taught.contribution_file import ContributedThing, Contribution

_QUALITY = 95  # of a picture that is encoded a second time
_ACCEPT_EXAMPLE = "edge-build contributions accept new.contribution.json own:1f3a --catalogue my.catalogue"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offered:
    path: Path
    contribution: Contribution
    thing: ContributedThing


def add_parser(commands: Any) -> None:
    """Add the subcommands."""
    parser = subcommand(
        commands,
        "contributions",
        "review things that people taught their devices, and take them into a catalogue",
        "edge-build contributions review new.contribution.json --html review.html --catalogue my.catalogue",
        _ACCEPT_EXAMPLE,
        about="Devices write contribution files with `edge-identify taught --export`, or from the web app.",
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND", title="subcommands")
    _add_review(verbs)
    _add_accept(verbs)
    _add_reject(verbs)


def _add_review(verbs: Any) -> None:
    example = "edge-build contributions review new.contribution.json --html review.html --catalogue my.catalogue"
    about = "The page shows every picture; open it before you accept anything."
    parser = subcommand(verbs, "review", "write a page that shows contributed things", example, about=about)
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="contribution files")
    add_catalogue_option(parser)
    add_json_option(parser, "the things with their states as one JSON object").add_argument(
        "--html", type=Path, required=True, metavar="FILE", help="the page to write"
    )
    parser.set_defaults(run=_review)


def _add_accept(verbs: Any) -> None:
    about = "Only things that `review` has shown. Their pictures become reference images; build a pack to publish them."
    parser = subcommand(verbs, "accept", "take contributed things into the catalogue", _ACCEPT_EXAMPLE, about=about)
    _add_chosen(parser)
    group = parser.add_argument_group("reference")
    what = group.add_mutually_exclusive_group()
    what.add_argument("--id", metavar="ID", help="id of the new reference (default: made from the thing's id)")
    what.add_argument("--to", metavar="ID", help="add the pictures to this reference of the catalogue")
    group.add_argument("--name", metavar="NAME", help="name of the new reference (default: the contributed name)")
    group.add_argument("--namespace", metavar="NAME", help="namespace of the new reference")
    group.add_argument("--licence", metavar="TEXT", help="licence of the pictures (default: the contributor's)")
    group.add_argument(
        "--pictures", type=Path, metavar="DIR", help="folder for the pictures (default: CATALOGUE.pictures/contributed)"
    )
    parser.set_defaults(run=_accept)


def _add_reject(verbs: Any) -> None:
    example = "edge-build contributions reject new.contribution.json own:1f3a --catalogue my.catalogue"
    about = "They can then no longer be accepted, unless they are contributed again with other pictures."
    parser = subcommand(verbs, "reject", "reject contributed things", example, about=about)
    _add_chosen(parser)
    parser.set_defaults(run=_reject)


def _add_chosen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="contribution file")
    parser.add_argument("ids", metavar="THING", nargs="+", help="ids of its things, as the page names them")
    add_catalogue_option(parser)
    add_json_option(parser)


def _review(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.exploring.contribution_page import contribution_page
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.edge_runtime.io.disk import disk_errors_explained
    from edge_identify.edge_runtime.io.output_files import check_nothing_lost, check_writable
    from edge_identify.edge_runtime.io.output_writes import write_output

    check_writable(options.html, "--html")
    check_nothing_lost({"--html": options.html}, [options.catalogue, *options.files])
    offered = [each for path in options.files for each in _offered(path)]
    things = [each.thing for each in offered]
    with Catalogue.open_existing(options.catalogue) as catalogue:
        reviews, states = catalogue.contribution_reviews(), catalogue.contribution_reviews().states(things)
        entries = _entries(offered, states, catalogue.references(), options.catalogue)
        with disk_errors_explained(options.html.parent):
            write_output(options.html, contribution_page(entries).encode())
        reviews.see(things)
    _print_states(options, offered, states)
    return ExitCode.DONE


def _entries(
    offered: Sequence[_Offered], states: Sequence[ReviewState], references: Sequence[Reference], catalogue: Path
) -> list[ContributionEntry]:
    from edge_identify.convert.exploring.contribution_page import ContributionEntry

    names: dict[str, list[str]] = {}
    for reference in references:
        names.setdefault(reference.name.casefold(), []).append(reference.id)
    return [
        ContributionEntry(
            thing=each.thing,
            facts=[
                f"{state}: {each.thing.id}, taught {each.thing.taught_utc:%Y-%m-%d} beside "
                f"{each.contribution.pack_name} {each.contribution.pack_version}",
                f"by {each.contribution.by or 'an unnamed person'}, "
                f"licence: {each.contribution.licence or 'none given'}; in {each.path.name}",
                *_same_name(names.get(each.thing.name.casefold(), [])),
            ],
            accept=shlex.join(_accept_words(each, catalogue)),
        )
        for each, state in zip(offered, states, strict=True)
    ]


def _same_name(ids: Sequence[str]) -> Iterator[str]:
    if ids:
        yield f"The catalogue has {', '.join(ids)} of this name. Is it the same thing? Then accept with --to {ids[0]}."


def _accept_words(each: _Offered, catalogue: Path) -> list[str]:
    return ["edge-build", "contributions", "accept", str(each.path), each.thing.id, "--catalogue", str(catalogue)]


def _print_states(options: argparse.Namespace, offered: Sequence[_Offered], states: Sequence[ReviewState]) -> None:
    rows = [
        {"id": each.thing.id, "name": each.thing.name, "pictures": len(each.thing.pictures), "state": str(state)}
        for each, state in zip(offered, states, strict=True)
    ]
    if options.json:
        print(json.dumps({"things": rows}, ensure_ascii=False, indent=2))
    else:
        for row in rows:
            print(printable(f"{row['id']}  {row['state']}  {row['name']}"))
    print(printable(f"page: {options.html}; open it, then accept or reject each thing"), file=sys.stderr)


def _accept(options: argparse.Namespace) -> ExitCode:
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.catalogue.contribution_reviews import ReviewState
    from edge_identify.datasets.sources.source import ListedImages

    chosen = _chosen(options)
    if len(chosen) > 1 and (options.id or options.name):
        raise SetupError(f"--id and --name are those of one reference; {len(chosen)} things are given")
    with Catalogue.open_existing(options.catalogue) as catalogue:
        _check_seen(catalogue, chosen)
        references = [_reference_for(options, catalogue, each.thing) for each in chosen]
        images = [image for each, one in zip(chosen, references, strict=True) for image in _written(options, each, one)]
        report = catalogue.add(ListedImages(tuple(images)))
        for each in chosen:
            catalogue.contribution_reviews().decide(each.thing, ReviewState.ACCEPTED)
    for skipped in report.skipped:
        print_note(f"skipped: {skipped.reason}")
    ids = [reference.id for reference in references]
    counts = {"accepted": len(chosen), "references": ids, "pictures": report.added + report.updated}
    told = f"{len(chosen)} accepted: {', '.join(ids)}, {counted(report.added + report.updated, 'picture')}"
    print(json.dumps(counts) if options.json else printable(told))
    return ExitCode.SOME_SKIPPED if report.skipped else ExitCode.DONE


def _reject(options: argparse.Namespace) -> ExitCode:
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.catalogue.contribution_reviews import ReviewState

    chosen = _chosen(options)
    with Catalogue.open_existing(options.catalogue) as catalogue:
        reviews = catalogue.contribution_reviews()
        reviews.see(each.thing for each in chosen)
        for each in chosen:
            reviews.decide(each.thing, ReviewState.REJECTED)
    print(json.dumps({"rejected": len(chosen)}) if options.json else f"{len(chosen)} rejected")
    return ExitCode.DONE


def _offered(path: Path) -> list[_Offered]:
    from edge_identify.edge_runtime.taught.contribution_file import read_contribution

    contribution = read_contribution(path)
    return [_Offered(path=path, contribution=contribution, thing=thing) for thing in contribution.things]


def _chosen(options: argparse.Namespace) -> list[_Offered]:
    by_id = {each.thing.id: each for each in _offered(options.file)}
    missing = next((each for each in options.ids if each not in by_id), None)
    if missing is not None:
        raise SetupError(f"{options.file}: has no thing {missing!r}; it has {', '.join(by_id)}")
    return [by_id[each] for each in dict.fromkeys(options.ids)]


def _check_seen(catalogue: Catalogue, chosen: Sequence[_Offered]) -> None:
    from edge_identify.datasets.catalogue.contribution_reviews import ReviewState

    states = catalogue.contribution_reviews().states([each.thing for each in chosen])
    for each, state in zip(chosen, states, strict=True):
        if state is ReviewState.NEW:
            raise SetupError(
                f"{each.thing.id}: nobody has seen this content; run `edge-build contributions review {each.path}` "
                "and look at its pictures"
            )
        if state is ReviewState.REJECTED:
            raise SetupError(f"{each.thing.id}: was rejected")


def _reference_for(options: argparse.Namespace, catalogue: Catalogue, thing: ContributedThing) -> Reference:
    from edge_identify.edge_runtime.pack.references import Reference

    if options.to is not None:
        known = next((each for each in catalogue.references() if each.id == options.to), None)
        if known is None:
            raise SetupError(f"there is no reference {options.to!r} in the catalogue; `edge-build list` lists all")
        return known
    attributes = {"note": thing.note} if thing.note else {}
    new = Reference(
        id=options.id or thing.id.replace("own:", "contributed-"),
        name=options.name or thing.name,
        namespace=options.namespace or "",
        attributes=attributes,
    )
    if options.id is not None and any(each.id == new.id for each in catalogue.references()):
        raise SetupError(f"{new.id}: is in the catalogue already; to add the pictures to it, use --to {new.id}")
    return new


def _written(options: argparse.Namespace, each: _Offered, reference: Reference) -> Iterator[SourceImage]:
    """Write the pictures of a thing, decoded and encoded again, and yield them as images of the reference."""
    from edge_identify.datasets.sources.source import SourceImage
    from edge_identify.edge_runtime.io.disk import disk_errors_explained
    from edge_identify.edge_runtime.io.durable_writes import write_bytes
    from edge_identify.edge_runtime.photos.small_jpegs import small_jpeg
    from edge_identify.edge_runtime.taught.kept_picture import MAX_PICTURE_SIDE_PX, decode_kept_picture

    default = options.catalogue.with_name(f"{options.catalogue.name}.pictures") / "contributed"
    folder = (options.pictures or default).absolute()
    licence = options.licence or each.contribution.licence or None
    with disk_errors_explained(folder.parent):
        folder.mkdir(parents=True, exist_ok=True)
        for picture in each.thing.pictures:
            path = folder / f"{picture.sha256}.jpg"
            image = decode_kept_picture(picture.jpeg, name=f"{each.thing.id}, picture {picture.sha256[:12]}")
            write_bytes(path, small_jpeg(image, MAX_PICTURE_SIDE_PX, _QUALITY))
            yield SourceImage(path=path, reference=reference, licence=licence, provenance=each.contribution.by or None)
