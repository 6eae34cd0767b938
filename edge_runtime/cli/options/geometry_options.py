"""`--verify-geometry` and `--explain`: local features of a photo matched with those of reference images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.io.printable_text import printable

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
    from edge_identify.edge_runtime.photos.prepared_photos import Photo
    from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier
    from edge_identify.edge_runtime.search.identifier import Identifier

    Verifiers = Mapping[str, GeometryVerifier]  # by the name of their pack

_SUFFIX = ".png"


def add_geometry_options(parser: argparse.ArgumentParser) -> None:
    """Add `--verify-geometry` and `--explain`."""
    group = parser.add_argument_group(
        "geometric verification", "Needs a pack with thumbnails and the extra [geometry]."
    )
    group.add_argument(
        "--verify-geometry",
        action="store_true",
        help="re-rank the most similar references by matched local features (SIFT and a homography); takes a few "
        "tenths of a second per photo",
    )
    group.add_argument(
        "--explain",
        type=_explanation_path,
        metavar="FILE.png",
        help="write an image of the photo beside the best reference, with the matched features; for one PHOTO; "
        "- is standard output",
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


def needed_match_count(options: argparse.Namespace) -> int:
    """Return how many matches to search for: `--verify-geometry` re-ranks more than `--top-k`."""
    top_k: int = options.top_k
    if not options.verify_geometry:
        return top_k
    from edge_identify.edge_runtime.search.geometry.verifier import CANDIDATES

    return max(top_k, CANDIDATES)


def open_verifiers(options: argparse.Namespace, identifiers: Sequence[Identifier], stack: ExitStack) -> Verifiers:
    """Return what compares photos with the references of each pack, if the options ask for it.

    Of several packs, those that cannot be compared with are named on standard error; they answer without.

    Raises:
        SetupError: OpenCV is missing, or no pack has thumbnails.
    """
    if not (options.verify_geometry or options.explain):
        return {}
    from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier

    verifiers: dict[str, GeometryVerifier] = {}
    problems: list[SetupError] = []
    for one in identifiers:
        try:
            verifier = GeometryVerifier(one.pack, one.calibration, region=options.roi)
            verifiers[one.pack_name] = stack.enter_context(verifier)
        except SetupError as error:
            problems.append(error)
    if not verifiers:
        raise problems[0]
    for problem in problems:
        print(f"not compared: {printable(str(problem))}", file=sys.stderr)
    return verifiers


def comparison(options: argparse.Namespace, verifiers: Verifiers) -> Callable[[Photo, Identification], Identification]:
    """Return the function that compares a photo with the matches of one pack's answer, for `--verify-geometry`."""

    def compare(photo: Photo, answer: Identification) -> Identification:
        verifier = verifiers.get(answer.pack_name)
        if verifier is None:
            return replace(answer, matches=answer.matches[: options.top_k])
        return verifier.verify(_content(photo), answer, top_k=options.top_k)

    return compare


def compared(
    options: argparse.Namespace,
    verifiers: Verifiers,
    picture: OpenedPhoto | None,
    answers: Iterator[Identification | FailedPhoto],
) -> Iterator[Identification | FailedPhoto]:
    """Return the answers of one pack, compared with `comparison` if the options ask for it.

    Args:
        options: Of the command line.
        verifiers: As `open_verifiers` returns them.
        picture: The picture from standard input, if there is one.
        answers: The answers, with as many matches as `needed_match_count` says.
    """
    if not options.verify_geometry:
        return answers
    return map(partial(_verified, compare=comparison(options, verifiers), picture=picture), answers)


def explained(
    options: argparse.Namespace,
    verifiers: Verifiers,
    picture: OpenedPhoto | None,
    answers: Iterator[Identification | FailedPhoto],
) -> Iterator[Identification | FailedPhoto]:
    """Return the answers, each drawn into the file of `--explain` if it is given; see `compared`."""
    if not options.explain:
        return answers
    return map(partial(_explained, verifiers=verifiers, path=options.explain, picture=picture), answers)


def _explanation_path(text: str) -> Path:
    from edge_identify.edge_runtime.io.output_writes import is_stream

    if not (text.lower().endswith(_SUFFIX) or is_stream(Path(text))):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {_SUFFIX}")
    return Path(text)


def _verified(
    answer: Identification | FailedPhoto,
    compare: Callable[[Photo, Identification], Identification],
    picture: OpenedPhoto | None,
) -> Identification | FailedPhoto:
    if isinstance(answer, FailedPhoto):
        return answer
    try:
        return compare(_photo_of(answer, picture), answer)
    except PhotoError as error:  # it could be read a moment ago
        return FailedPhoto(question=answer.question, error=error)


def _explained(
    answer: Identification | FailedPhoto, verifiers: Verifiers, path: Path, picture: OpenedPhoto | None
) -> Identification | FailedPhoto:
    if isinstance(answer, FailedPhoto):
        return answer
    from edge_identify.edge_runtime.io.output_writes import write_output
    from edge_identify.edge_runtime.search.geometry.explanation_image import explain

    if answer.pack_name not in verifiers:
        raise SetupError(f"{path}: nothing to draw, because pack {answer.pack_name} answered and has no thumbnails")
    verifier = verifiers[answer.pack_name]
    image = explain(verifier.compare(_content(_photo_of(answer, picture)), answer.best))
    try:
        write_output(path, image)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SetupError(f"{path}: cannot be written ({error}); choose another file for --explain") from error
    return answer


def _photo_of(answer: Identification, picture: OpenedPhoto | None) -> Photo:
    return picture if picture is not None and answer.question == picture.name else Path(answer.question)


def _content(photo: Photo) -> Path | bytes | Image:
    return photo if isinstance(photo, Path) else photo.content
