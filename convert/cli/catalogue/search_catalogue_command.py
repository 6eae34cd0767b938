"""`edge-build search`: find images of a catalogue by a text or by example images."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.catalogue_option import add_catalogue_option
from edge_identify.convert.cli.options.contact_sheet_option import add_sheet_option, check_sheet, write_sheet
from edge_identify.convert.cli.options.model_options import add_model_options
from edge_identify.convert.cli.options.subcommand import add_json_option, print_note, subcommand, with_page_output
from edge_identify.convert.progress import during, shown_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.filter_options import add_filter_options, chosen_filters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.exploring.catalogue_search import Hit
    from edge_identify.convert.exploring.contact_sheet import Card
    from edge_identify.convert.exploring.known_words import Words
    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.datasets.catalogue.skipped_image import SkippedImage
    from edge_identify.edge_runtime.pack.references import Reference

DEFAULT_LIMIT = 20
_LOWEST = -1.0  # cosine similarity


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "search",
        "find images of a catalogue by a text or by example images",
        'edge-build search "a red dress" --catalogue my.catalogue --html found.html',
        "edge-build search --like photo.jpg --catalogue my.catalogue",
        exit_codes=[ExitCode.SOME_SKIPPED, ExitCode.PHOTO, ExitCode.NETWORK],
    )
    parser.add_argument("text", nargs="?", metavar="TEXT", help="what the images show, in English")
    add_catalogue_option(parser)
    group = parser.add_argument_group("search")
    group.add_argument(
        "--like",
        type=Path,
        action="append",
        metavar="PHOTO",
        help="an example image, in place of TEXT; repeatable; a result matches any example",
    )
    group.add_argument(
        "--limit",
        type=_limit,
        default=DEFAULT_LIMIT,
        metavar="N",
        help=f"maximum number of results (default: {DEFAULT_LIMIT})",
    )
    group.add_argument(
        "--at-least",
        type=_similarity,
        default=_LOWEST,
        metavar="SIMILARITY",
        help="minimum cosine similarity, from -1 to 1 (default: -1)",
    )
    add_filter_options(parser)
    add_model_options(parser)
    add_sheet_option(add_json_option(parser, "the results as one JSON object"))
    parser.set_defaults(run=with_page_output(_search))


def _limit(text: str) -> int:
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if limit < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of images, such as {DEFAULT_LIMIT}")
    return limit


def _similarity(text: str) -> float:
    try:
        similarity = float(text)
    except ValueError:
        similarity = 2.0
    if not -1 <= similarity <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a similarity from -1 to 1, such as 0.7")
    return similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The result of a search.

    Attributes:
        hits: Best first.
        references: The references that pass the filters, by id.
        withdrawn: Ids of withdrawn references.
        words: Which words of the text the encoder knows; None if its vocabulary is not known.
        left_out: Images that could not be read.
    """

    hits: Sequence[Hit]
    references: dict[str, Reference]
    withdrawn: frozenset[str]
    words: Words | None
    left_out: Sequence[SkippedImage]


def _search(options: argparse.Namespace) -> ExitCode:
    if (options.text is None) == (options.like is None):
        raise SetupError("give either a TEXT or --like PHOTO")
    found = _find(options)
    for left_out in found.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    if found.words is not None and found.words.unknown:
        unknown = ", ".join(found.words.unknown)
        print(f"words unknown to the encoder, ignored: {printable(unknown)}", file=sys.stderr)
    if options.json:
        print(json.dumps(_as_json(options, found), ensure_ascii=False, indent=2))
    else:
        for line in _lines(found):
            print(printable(line))
        if not found.hits:
            print("no image reaches the minimum similarity", file=sys.stderr)
    if options.html is not None:
        _write_sheet(options, found)
    return ExitCode.SOME_SKIPPED if found.left_out else ExitCode.DONE


def _find(options: argparse.Namespace) -> _Found:
    from edge_identify.convert.exploring.catalogue_embeddings import embed_catalogue
    from edge_identify.convert.exploring.catalogue_search import passing, search
    from edge_identify.convert.models.model_loading import load_model
    from edge_identify.datasets.catalogue.catalogue import Catalogue

    with Catalogue.open_existing(options.catalogue) as catalogue:
        images, withdrawn = catalogue.images(), catalogue.withdrawals()
        check_sheet(options, [*(image.path for image in images), *(options.like or ())])
        references = passing(catalogue.references(), chosen_filters(options))
        model = during(
            shown_progress,
            "loading the model",
            lambda: load_model(
                options.model,
                options.pretrained,
                model_config=options.model_config,
                tokenizer=options.tokenizer,
                accept_licence=options.accept_licence,
            ),
        )
        questions, words = _questions(options, model)
        asked = [image for image in images if image.reference_id in references]
        embedded = embed_catalogue(model, asked, catalogue.build_memory(), shown_progress, print_note)
    return _Found(
        hits=search(questions, embedded, limit=options.limit, at_least=options.at_least),
        references=references,
        withdrawn=frozenset(withdrawn),
        words=words,
        left_out=embedded.used.left_out,
    )


def _questions(options: argparse.Namespace, model: LoadedModel) -> tuple[NDArray[Any], Words | None]:
    from edge_identify.convert.exploring.catalogue_search import embed_examples, embed_text

    return embed_text(model, options.text) if options.like is None else (embed_examples(model, options.like), None)


def _lines(found: _Found) -> Iterator[str]:
    for hit in found.hits:
        reference = found.references[hit.image.reference_id]
        note = "withdrawn" if reference.id in found.withdrawn else ""
        parts = (reference.id, _name(reference), reference.namespace, hit.image.file_name, note)
        yield "  ".join([f"{hit.similarity:.3f}", *(part for part in parts if part)])


def _name(reference: Reference) -> str:
    return "" if reference.name == reference.id else reference.name


def _as_json(options: argparse.Namespace, found: _Found) -> dict[str, Any]:
    """Return `{"catalogue", "model", "text", "like", "unknown_words", "matches", "skipped"}`.

    A match: `rank`, `similarity`, `reference`, `name`, `namespace`, `labels`, `index_id`, `path`, `withdrawn`.
    """
    return {
        "catalogue": str(options.catalogue),
        "model": options.model,
        "text": options.text,
        "like": None if options.like is None else [str(photo) for photo in options.like],
        "unknown_words": list(found.words.unknown) if found.words else [],
        "matches": [
            _hit_as_json(rank, hit, found.references[hit.image.reference_id], found)
            for rank, hit in enumerate(found.hits, start=1)
        ],
        "skipped": [left_out.reason for left_out in found.left_out],
    }


def _hit_as_json(rank: int, hit: Hit, reference: Reference, found: _Found) -> dict[str, Any]:
    return {
        "rank": rank,
        "similarity": round(hit.similarity, 4),
        "reference": reference.id,
        "name": reference.name,
        "namespace": reference.namespace,
        "labels": dict(reference.labels),
        "index_id": hit.image.index_id,
        "path": str(hit.image.path),
        "withdrawn": reference.id in found.withdrawn,
    }


def _write_sheet(options: argparse.Namespace, found: _Found) -> None:
    from edge_identify.convert.exploring.contact_sheet import Card, Row

    rows: list[Row] = []
    if options.like is not None:
        rows.append(Row(title="examples", cards=[Card(image=photo, lines=(photo.name,)) for photo in options.like]))
    cards = [_card(hit, found.references[hit.image.reference_id]) for hit in found.hits]
    rows.append(Row(title=f"found: {len(cards)}", cards=cards))
    title = f"Images for: {options.text}" if options.like is None else "Images like the examples"
    write_sheet(options.html, title, f"By {options.model}, nearest first; 1 is identical.", rows)


def _card(hit: Hit, reference: Reference) -> Card:
    from edge_identify.convert.exploring.contact_sheet import Card

    about = " · ".join(part for part in (_name(reference), reference.namespace, hit.image.file_name) if part)
    return Card(image=hit.image.path, lines=(reference.id, f"{hit.similarity:.3f}", about))
