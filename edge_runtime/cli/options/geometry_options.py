"""`--verify-geometry` and `--explain`: local features of a photo matched with those of reference images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
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
    from edge_identify.edge_runtime.search.geometry.cascade import GeometryCascade
    from edge_identify.edge_runtime.search.identifier import Identifier
    from edge_identify.edge_runtime.search.packs_identifier import Compare

    Cascades = Mapping[str, GeometryCascade]  # by the name of their pack

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


def open_cascades(options: argparse.Namespace, identifiers: Sequence[Identifier], stack: ExitStack) -> Cascades:
    """Return what compares photos with the references of each pack, as the options ask for it.

    If all answers are to be compared, packs that cannot be compared with are named on standard error; they answer
    without.

    Raises:
        SetupError: All answers are to be compared or one is to be drawn, and no pack has anything to compare with; or
            no pack has a local-feature net, and OpenCV is missing.
    """
    from edge_identify.edge_runtime.search.geometry.cascade import GeometryCascade, GeometryMode

    mode = GeometryMode(options.verify_geometry)
    needs_verifier = mode is GeometryMode.ALWAYS or options.explain
    cascades: dict[str, GeometryCascade] = {}
    problems: list[SetupError] = []
    for one in identifiers:
        cascade = stack.enter_context(GeometryCascade(one.pack, one.calibration, mode, region=options.roi))
        try:
            if needs_verifier:
                cascade.verifier()
            cascades[one.pack_name] = cascade
        except SetupError as error:
            problems.append(error)
    if not cascades:
        raise problems[0]
    for problem in problems:
        print(f"not compared: {printable(str(problem))}", file=sys.stderr)
    return cascades


def needed_match_count(options: argparse.Namespace, cascades: Cascades) -> int:
    """Return how many matches to search for: points re-rank more than `--top-k`."""
    return max(cascade.match_count(options.top_k) for cascade in cascades.values())


def comparison(options: argparse.Namespace, cascades: Cascades) -> Compare:
    """Return the function that compares photos with the matches of the packs' answers where that is needed."""
    from edge_identify.edge_runtime.search.geometry.cascade import verified_by

    return partial(verified_by, cascades, top_k=options.top_k)


def compared(
    options: argparse.Namespace,
    cascades: Cascades,
    picture: OpenedPhoto | None,
    answers: Iterator[Identification | FailedPhoto],
) -> Iterator[Identification | FailedPhoto]:
    """Return the answers of one pack, compared with `comparison`.

    Args:
        options: Of the command line.
        cascades: As `open_cascades` returns them.
        picture: The picture from standard input, if there is one.
        answers: The answers, with as many matches as `needed_match_count` says.
    """
    return map(partial(_verified, compare=comparison(options, cascades), picture=picture), answers)


def explained(
    options: argparse.Namespace,
    cascades: Cascades,
    picture: OpenedPhoto | None,
    answers: Iterator[Identification | FailedPhoto],
) -> Iterator[Identification | FailedPhoto]:
    """Return the answers, each drawn into the file of `--explain` if it is given; see `compared`."""
    if not options.explain:
        return answers
    return map(partial(_explained, cascades=cascades, path=options.explain, picture=picture), answers)


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
    answer: Identification | FailedPhoto, cascades: Cascades, path: Path, picture: OpenedPhoto | None
) -> Identification | FailedPhoto:
    if isinstance(answer, FailedPhoto):
        return answer
    from edge_identify.edge_runtime.answers.wording import decision_in_words
    from edge_identify.edge_runtime.io.output_writes import write_output
    from edge_identify.edge_runtime.search.geometry.cascade import comparable
    from edge_identify.edge_runtime.search.geometry.explanation_image import explain

    if answer.pack_name not in cascades:
        raise SetupError(f"{path}: nothing to draw, because pack {answer.pack_name} answered and holds no images")
    (photo,) = _photos_of(answer, picture)
    comparison = cascades[answer.pack_name].verifier().compare(comparable(photo), answer.best)
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
