"""`edge-build duplicates`: find duplicate images in a catalogue, and propose which to keep. Deletes nothing."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.catalogue_option import add_catalogue_option
from edge_identify.convert.cli.options.contact_sheet_option import add_sheet_option, check_sheet, write_sheet
from edge_identify.convert.cli.options.subcommand import add_json_option, print_note, subcommand, with_page_output
from edge_identify.convert.progress import during, shown_progress
from edge_identify.edge_runtime.io.counted import counted, plural
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.convert.exploring.contact_sheet import Card
    from edge_identify.convert.exploring.duplicates import Copy, Group
    from edge_identify.convert.exploring.images_to_keep import Candidate
    from edge_identify.datasets.catalogue.catalogue_images import ImageFacts
    from edge_identify.datasets.catalogue.skipped_image import SkippedImage


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "duplicates",
        "list groups of duplicate images, exact and near, and which image of each group to keep",
        "edge-build duplicates --catalogue my.catalogue --html duplicates.html",
        about="Deletes nothing.",
        exit_codes=[ExitCode.SOME_SKIPPED],
    )
    add_catalogue_option(parser)
    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--namespace",
        action="append",
        metavar="NAME",
        help="only images of this namespace; repeatable: images of any of them (default: all)",
    )
    group.add_argument(
        "--difference",
        type=_difference,
        metavar="LEVELS",
        help="largest difference of a duplicate at any place, in levels of brightness or colour, from 0 (exact "
        "duplicates only) to 255 (default: 28, which separates copies from look-alikes best)",
    )
    add_sheet_option(add_json_option(parser, "the groups as one JSON object"))
    parser.set_defaults(run=with_page_output(_duplicates))


def _difference(text: str) -> float:
    try:
        levels = float(text)
    except ValueError:
        levels = -1.0
    if not 0 <= levels <= 255:
        raise argparse.ArgumentTypeError(f"{text!r} is not a difference from 0 to 255, such as 28")
    return levels


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The result of a search for duplicates.

    Attributes:
        groups: The groups of duplicates, exact ones first.
        image_count: Number of compared images.
        removable: Ids of references whose images are all exact copies of images that stay.
        left_out: Images that could not be read.
    """

    groups: Sequence[Group]
    image_count: int
    removable: Sequence[str]
    left_out: Sequence[SkippedImage]


def _duplicates(options: argparse.Namespace) -> ExitCode:
    found = _look(options)
    for left_out in found.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    command = _removal(options.catalogue, found.removable)
    if options.json:
        print(json.dumps(_as_json(options, found, command), ensure_ascii=False, indent=2))
    else:
        for line in _lines(found, command):
            print(printable(line))
    if options.html is not None:
        _write_sheet(options.html, found)
    return ExitCode.SOME_SKIPPED if found.left_out else ExitCode.DONE


def _look(options: argparse.Namespace) -> _Found:
    from edge_identify.convert.exploring.camera_facts import has_camera_facts
    from edge_identify.convert.exploring.catalogue_embeddings import embed_catalogue
    from edge_identify.convert.exploring.duplicates import MOST_DIFFERENCE, find_duplicates
    from edge_identify.convert.exploring.images_to_keep import Candidate, is_replaced_by, removable
    from edge_identify.convert.models.model_loading import load_model
    from edge_identify.convert.models.model_names import BUILTIN
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.edge_runtime.search.filtering import known_as

    with Catalogue.open_existing(options.catalogue) as catalogue:
        every, references, withdrawn = catalogue.image_facts(), catalogue.references(), catalogue.withdrawals()
        check_sheet(options, (facts.image.path for facts in every))
        by_id = {reference.id: reference for reference in references}
        known = sorted({reference.namespace for reference in references} - {""})
        wanted = {
            name
            for given in options.namespace or ()
            for name in known_as(given, known, "namespace", of=str(options.catalogue))
        }
        candidates = [
            Candidate(
                facts=facts,
                reference=by_id[facts.image.reference_id],
                is_withdrawn=facts.image.reference_id in withdrawn,
            )
            for facts in every
            if options.namespace is None or by_id[facts.image.reference_id].namespace in wanted
        ]
        images = [candidate.image for candidate in candidates]
        memory = catalogue.build_memory()
        model = during(shown_progress, "loading the model", lambda: load_model(BUILTIN))
        embedded = embed_catalogue(model, images, memory, shown_progress, print_note)
    lost = {left_out.path for left_out in embedded.used.left_out}
    candidates = [
        replace(
            each,
            is_lost=each.image.path in lost,
            is_from_camera=each.image.path not in lost and has_camera_facts(each.image.path),
        )
        for each in candidates
    ]
    vectors = {image.sha256: row for image, row in zip(embedded.images, embedded.embeddings[:], strict=True)}
    groups = find_duplicates(
        candidates,
        vectors,
        most_difference=MOST_DIFFERENCE if options.difference is None else options.difference,
        progress=lambda items: shown_progress("comparing", items),
    )
    replaced = {
        copy.candidate.image.index_id
        for group in groups
        if group.is_exact
        for copy in group.copies
        if is_replaced_by(copy.candidate, group.kept)
    }
    return _Found(
        groups=groups,
        image_count=len(candidates),
        removable=removable(_image_ids_of(every), replaced),
        left_out=embedded.used.left_out,
    )


def _image_ids_of(every: Sequence[ImageFacts]) -> Mapping[str, set[int]]:
    image_ids: dict[str, set[int]] = defaultdict(set)
    for facts in every:
        image_ids[facts.image.reference_id].add(facts.image.index_id)
    return image_ids


def _removal(catalogue: Path, ids: Sequence[str]) -> str | None:
    """Return the command that removes references; None if there is no removable one."""
    if not ids:
        return None
    # `--`, because an id may begin with a hyphen.
    return " ".join(map(_quoted, ["edge-build", "remove", "--catalogue", str(catalogue), "--", *ids]))


def _quoted(word: str) -> str:
    """Return a word quoted for a shell; control characters such as line breaks as `$'...'`, on one line."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = (
        character
        if character.isprintable() and character not in "'\\"
        else "".join(map("\\{:03o}".format, _bytes(character)))
        for character in word
    )
    return f"$'{''.join(escaped)}'"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _lines(found: _Found, command: str | None) -> Iterator[str]:
    for number, group in enumerate(found.groups, start=1):
        yield f"{number}  {_heading(group)}  {_named(group.kept)}  ({_why(group)})"
        for copy in group.copies:
            yield f"   {_how(copy)}  {_named(copy.candidate)}"
    counts = Counter(str(copy.sameness) for group in found.groups for copy in group.copies)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    yield (
        f"{counted(len(found.groups), 'group')} among {counted(found.image_count, 'image')}; "
        f"{counts.total()} beyond the first of each"
        f"{f' ({kinds})' if kinds else ''}. Nothing was deleted."
    )
    if command is not None:
        yield f"{counted(len(found.removable), 'reference')} with only exact copies of images that stay. To remove:"
        yield f"  {command}"


def _heading(group: Group) -> str:
    return "keep" if group.is_exact else "look at these:"


def _how(copy: Copy) -> str:
    return f"{copy.sameness}, difference {copy.difference:.0f}" if copy.sameness == "near" else str(copy.sameness)


def _why(group: Group) -> str:
    from edge_identify.convert.exploring.images_to_keep import why_kept

    return why_kept(group.kept, [copy.candidate for copy in group.copies], is_exact=group.is_exact)


def _named(candidate: Candidate) -> str:
    return "  ".join(part for part in (candidate.reference.id, *_about(candidate)) if part)


def _about(candidate: Candidate) -> tuple[str, ...]:
    facts, reference = candidate.facts, candidate.reference
    name = "" if reference.name == reference.id else reference.name
    size = f"{facts.width_px} x {facts.height_px}"
    return name, reference.namespace, size, facts.image.file_name, "withdrawn" if candidate.is_withdrawn else ""


def _as_json(options: argparse.Namespace, found: _Found, command: str | None) -> dict[str, Any]:
    """Return `{"catalogue", "pictures", "groups", "removable", "command", "skipped"}`.

    A group: `exact`; `keep`, an image; `because`; `copies`, images with `sameness`, `similarity` and `difference`.
    An image: `reference`, `name`, `namespace`, `index_id`, `path`, `width`, `height`, `length_bytes`, `withdrawn`.
    """
    return {
        "catalogue": str(options.catalogue),
        "pictures": found.image_count,
        "groups": [
            {
                "exact": group.is_exact,
                "keep": _candidate_as_json(group.kept),
                "because": _why(group),
                "copies": [
                    _candidate_as_json(copy.candidate)
                    | {
                        "sameness": str(copy.sameness),
                        "similarity": round(copy.similarity, 4),
                        "difference": round(copy.difference, 1),
                    }
                    for copy in group.copies
                ],
            }
            for group in found.groups
        ],
        "removable": list(found.removable),
        "command": command,
        "skipped": [left_out.reason for left_out in found.left_out],
    }


def _candidate_as_json(candidate: Candidate) -> dict[str, Any]:
    facts = candidate.facts
    return {
        "reference": candidate.reference.id,
        "name": candidate.reference.name,
        "namespace": candidate.reference.namespace,
        "index_id": facts.image.index_id,
        "path": str(facts.image.path),
        "width": facts.width_px,
        "height": facts.height_px,
        "length_bytes": facts.length_bytes,
        "withdrawn": candidate.is_withdrawn,
    }


def _write_sheet(path: Path, found: _Found) -> None:
    from edge_identify.convert.exploring.contact_sheet import Row

    copies = sum(len(group.copies) for group in found.groups)
    rows = (
        Row(
            title=f"{number}: {_heading(group)} {group.kept.reference.id}, {_why(group)}",
            cards=[
                _card(group.kept, "keep" if group.is_exact else "the best", is_marked=True),
                *(_card(each.candidate, _how(each)) for each in group.copies),
            ],
        )
        for number, group in enumerate(found.groups, start=1)
    )
    about = (
        f"{copies} of {counted(found.image_count, 'image')} {plural(copies, 'is a duplicate', 'are duplicates')} "
        "of the framed one in the row. Nothing was deleted."
    )
    write_sheet(path, "Duplicate images", about, rows)


def _card(candidate: Candidate, said: str, *, is_marked: bool = False) -> Card:
    from edge_identify.convert.exploring.contact_sheet import Card

    about = " · ".join(part for part in _about(candidate) if part)
    return Card(image=candidate.image.path, lines=(candidate.reference.id, said, about), is_marked=is_marked)
