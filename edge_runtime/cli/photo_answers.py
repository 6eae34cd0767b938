"""The answers to the photos of a run: from one pack, or the most certain ones of several packs.

The first photo is prepared while the encoders load.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.cli.inputs.photo_paths import AskedPhoto, name_of_asked, picture_among
from edge_identify.edge_runtime.cli.inputs.same_thing_photos import answer_together
from edge_identify.edge_runtime.cli.options.geometry_options import (
    compared,
    explained,
    open_cascade,
)
from edge_identify.edge_runtime.cli.options.output_options import MANY_PHOTOS, chosen_outputs
from edge_identify.edge_runtime.cli.options.pack_options import LeftOutPacks
from edge_identify.edge_runtime.cli.options.place_options import chosen_positions
from edge_identify.edge_runtime.search.photo_batches import answers_in_batches, make_ready, ready_photos
from edge_identify.edge_runtime.terminal.filter_options import chosen_filters

if TYPE_CHECKING:
    from edge_identify.edge_runtime.cli.outputs.answer_output import AnswerOutput
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.prepared_photos import Photo, PhotoInPreparation

P = TypeVar("P")  # a prepared photo: for one pack, or for several


def ask_one(
    options: argparse.Namespace,
    packs: Sequence[Pack],
    asked: Sequence[AskedPhoto],
    page: BinaryIO | None,
    stack: ExitStack,
) -> tuple[Iterator[Identification | FailedPhoto], Sequence[AnswerOutput]]:
    """Return the answers of one pack, and where they are written."""
    from edge_identify.edge_runtime.photos.prepared_photos import PhotoInPreparation, prepare_photo
    from edge_identify.edge_runtime.search.identifier import Identifier

    (pack,) = packs
    prepare = partial(
        prepare_photo,
        recipe=pack.manifest.preprocessing,
        region=options.roi,
        position_of=chosen_positions(options),
    )
    with PhotoInPreparation(lambda: prepare(_photo(asked[0]))) as first:  # while the identifier loads
        many = len(asked) >= MANY_PHOTOS
        identifier = stack.enter_context(Identifier(pack, many=many, filters=chosen_filters(options)))
    outputs = chosen_outputs(options, packs, identifier, page, answer_count(options, asked), stack)
    cascade = open_cascade(options, [identifier], stack)
    wanted = cascade.match_count(options.top_k)
    batch = partial(identifier.identify_batch, top_k=wanted)
    together = partial(identifier.identify_together, top_k=wanted)
    answers = _answers(options, asked, first, prepare, batch, together, outputs, stack)
    picture = picture_among(asked)
    answers = compared(cascade.comparison(options.top_k), picture, answers)
    return explained(options, cascade, picture, answers), outputs


def ask_several(
    options: argparse.Namespace,
    packs: Sequence[Pack],
    asked: Sequence[AskedPhoto],
    page: BinaryIO | None,
    stack: ExitStack,
    *,
    left_out: LeftOutPacks,
) -> tuple[Iterator[Identification | FailedPhoto], Sequence[AnswerOutput]]:
    """Return the most certain answers of several packs, and where they are written."""
    from edge_identify.edge_runtime.photos.prepared_photos import PhotoInPreparation, prepare_for_recipes
    from edge_identify.edge_runtime.search.packs_identifier import open_packs_identifier

    prepare = partial(
        prepare_for_recipes,
        recipes=[pack.manifest.preprocessing for pack in packs],
        region=options.roi,
        position_of=chosen_positions(options),
    )
    with PhotoInPreparation(lambda: prepare(_photo(asked[0]))) as first:
        many = len(asked) >= MANY_PHOTOS
        identifier = stack.enter_context(
            open_packs_identifier(packs, report=left_out.report, many=many, filters=chosen_filters(options))
        )
    outputs = chosen_outputs(options, packs, None, page, answer_count(options, asked), stack)
    cascade = open_cascade(options, identifier.identifiers, stack)
    compare, wanted = cascade.comparison(options.top_k), cascade.match_count(options.top_k)
    batch = partial(identifier.identify_batch, top_k=wanted, compare=compare)
    together = partial(identifier.identify_together, top_k=wanted, compare=compare)
    answers = _answers(options, asked, first, prepare, batch, together, outputs, stack)
    return explained(options, cascade, picture_among(asked), answers), outputs


def _answers(
    options: argparse.Namespace,
    asked: Sequence[AskedPhoto],
    first: PhotoInPreparation[P],
    prepare: Callable[[Photo], P],
    identify_batch: Callable[[Sequence[P]], Sequence[Identification | FailedPhoto]],
    identify_together: Callable[[Sequence[P]], Identification],
    outputs: Sequence[AnswerOutput],
    stack: ExitStack,
) -> Iterator[Identification | FailedPhoto]:
    """Return the answers to all photos, of which the first was prepared before. They come as they are taken."""
    with_thumbnail = any(output.shows_photos for output in outputs)
    make_one_ready = partial(make_ready, with_thumbnail=with_thumbnail, region=options.roi)
    others = ready_photos(asked[1:], lambda photo: make_one_ready(photo, prepare=prepare))
    stack.enter_context(closing(others))
    ready = chain([make_one_ready(asked[0], prepare=lambda _: first.result())], others)
    if options.same_thing:
        return answer_together(ready, identify_together)
    return answers_in_batches(ready, identify_batch)


def _photo(asked: AskedPhoto) -> Photo:
    return Path(name_of_asked(asked)) if isinstance(asked, str | FailedPhoto) else asked


def answer_count(options: argparse.Namespace, asked: Sequence[AskedPhoto]) -> int:
    """Return how many answers are asked for."""
    return 1 if options.same_thing else len(asked)
