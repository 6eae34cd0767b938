"""`--verify-geometry` and `--explain`: local features of a photo matched with those of reference images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.geometry_option import add_geometry_mode

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
    from edge_identify.edge_runtime.photos.prepared_photos import Photo
    from edge_identify.edge_runtime.search.geometry.packs_cascade import PacksCascade
    from edge_identify.edge_runtime.search.identifier import Identifier
    from edge_identify.edge_runtime.search.packs_identifier import Compare

_SUFFIX = ".png"


def add_geometry_options(parser: argparse.ArgumentParser) -> None:
    """Add `--verify-geometry` and `--explain`."""
    group = parser.add_argument_group("geometric verification")
    add_geometry_mode(group)
    group.add_argument(
        "--explain",
        type=_explanation_path,
        metavar="FILE.png",
        help="write an image of the photo beside the best reference, with the matched features and the decision; for "
        "one PHOTO; - is standard output",
    )


def check_explainable(options: argparse.Namespace, count: int) -> None:
    """Check `--explain` before any work.

    Args:
        options: Of the command line.
        count: Number of photos.

    Raises:
        SetupError: More than one photo, or a path where no file can be written.
    """
    path: Path | None = options.explain
    if path is None:
        return
    if count != 1:
        raise SetupError(f"--explain needs exactly one photo, not {count}")
    from edge_identify.edge_runtime.io.output_files import check_writable

    check_writable(path, "--explain")


def open_cascade(options: argparse.Namespace, identifiers: Sequence[Identifier], stack: ExitStack) -> PacksCascade:
    """Return what compares photos with the references of each pack, as the options ask for it.

    If all answers are to be compared, packs that cannot be compared with are named on standard error; they answer
    without.

    Raises:
        SetupError: All answers are to be compared or one is to be drawn, and no pack has anything to compare with; or
            no pack has a local-feature net, and OpenCV is missing.
    """
    from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
    from edge_identify.edge_runtime.search.geometry.packs_cascade import PacksCascade

    def report(problem: SetupError) -> None:
        print(f"not compared: {printable(str(problem))}", file=sys.stderr)

    mode = GeometryMode(options.verify_geometry)
    return stack.enter_context(
        PacksCascade(identifiers, mode, region=options.roi, draws=bool(options.explain), report=report)
    )


def compared(
    compare: Compare, picture: OpenedPhoto | None, answers: Iterator[Identification | FailedPhoto]
) -> Iterator[Identification | FailedPhoto]:
    """Return the answers of one pack, compared.

    Args:
        compare: Compares one of them.
        picture: The picture from standard input, if there is one.
        answers: The answers, with as many matches as `PacksCascade.match_count` says.
    """
    return map(partial(_verified, compare=compare, picture=picture), answers)


def explained(
    options: argparse.Namespace,
    cascade: PacksCascade,
    picture: OpenedPhoto | None,
    answers: Iterator[Identification | FailedPhoto],
) -> Iterator[Identification | FailedPhoto]:
    """Return the answers, each drawn into the file of `--explain` if it is given; see `compared`."""
    if not options.explain:
        return answers
    return map(partial(_explained, cascade=cascade, path=options.explain, picture=picture), answers)


def _explanation_path(text: str) -> Path:
    from edge_identify.edge_runtime.io.output_writes import is_stream

    if not (text.lower().endswith(_SUFFIX) or is_stream(Path(text))):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {_SUFFIX}")
    return Path(text)


def _verified(
    answer: Identification | FailedPhoto,
    compare: Compare,
    picture: OpenedPhoto | None,
) -> Identification | FailedPhoto:
    if isinstance(answer, FailedPhoto):
        return answer
    try:
        return compare(_photos_of(answer, picture), [answer])[0]
    except PhotoError as error:  # it could be read a moment ago
        return FailedPhoto(question=answer.question, error=error)


def _explained(
    answer: Identification | FailedPhoto, cascade: PacksCascade, path: Path, picture: OpenedPhoto | None
) -> Identification | FailedPhoto:
    if isinstance(answer, FailedPhoto):
        return answer
    from edge_identify.edge_runtime.answers.wording import decision_in_words
    from edge_identify.edge_runtime.io.output_writes import write_output
    from edge_identify.edge_runtime.search.geometry.cascade import comparable
    from edge_identify.edge_runtime.search.geometry.explanation_image import explain

    verifier = cascade.verifier_of(answer.pack_name)
    if verifier is None:
        raise SetupError(f"{path}: nothing to draw, because pack {answer.pack_name} answered and holds no images")
    (photo,) = _photos_of(answer, picture)
    comparison = verifier.compare(comparable(photo), answer.best)
    image = explain(comparison, name=answer.best.reference.name, decision=decision_in_words(answer))
    try:
        write_output(path, image)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SetupError(f"{path}: cannot be written ({error}); choose another file for --explain") from error
    return answer


def _photos_of(answer: Identification, picture: OpenedPhoto | None) -> list[Photo]:
    """Return the photos that an answer was made from."""
    return [
        picture if picture is not None and question == picture.name else Path(question) for question in answer.questions
    ]
