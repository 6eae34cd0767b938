"""`--verify-geometry` and `--explain`: local features of a photo matched with those of reference images."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.errors import PhotoError, SetupError

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier
    from edge_identify.edge_runtime.search.identifier import Identifier

_SUFFIX = ".png"


def add_geometry_options(parser: argparse.ArgumentParser) -> None:
    """Add `--verify-geometry` and `--explain`."""
    group = parser.add_argument_group(
        "geometric verification", "Needs a pack with local features, or one with thumbnails and the extra [geometry]."
    )
    group.add_argument(
        "--verify-geometry",
        action="store_true",
        help="re-rank the most similar references by matched local features (one homography); takes a few tenths of a "
        "second per photo",
    )
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


def needed_match_count(options: argparse.Namespace) -> int:
    """Return how many matches to search for: `--verify-geometry` re-ranks more than `--top-k`."""
    top_k: int = options.top_k
    if not options.verify_geometry:
        return top_k
    from edge_identify.edge_runtime.search.geometry.verifier import CANDIDATES

    return max(top_k, CANDIDATES)


def with_geometry(
    options: argparse.Namespace,
    pack: Pack,
    identifier: Identifier,
    answers: Iterator[Identification | FailedPhoto],
    stack: ExitStack,
) -> Iterator[Identification | FailedPhoto]:
    """Return answers compared point by point as the options ask; where they do not, as they are.

    Raises:
        SetupError: The pack has nothing to compare with; or it has no local-feature net, and OpenCV is missing.
    """
    if not (options.verify_geometry or options.explain):
        return answers
    from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier

    verifier = stack.enter_context(GeometryVerifier(pack, identifier.calibration, region=options.roi))
    if options.verify_geometry:
        answers = map(partial(_verified, verifier=verifier, top_k=options.top_k), answers)
    if options.explain:
        answers = map(partial(_explained, verifier=verifier, path=options.explain), answers)
    return answers


def _explanation_path(text: str) -> Path:
    from edge_identify.edge_runtime.io.output_writes import is_stream

    if not (text.lower().endswith(_SUFFIX) or is_stream(Path(text))):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {_SUFFIX}")
    return Path(text)


def _verified(
    answer: Identification | FailedPhoto, verifier: GeometryVerifier, top_k: int
) -> Identification | FailedPhoto:
    if isinstance(answer, FailedPhoto):
        return answer
    try:
        return verifier.verify(Path(answer.question), answer, top_k=top_k)
    except PhotoError as error:  # it could be read a moment ago
        return FailedPhoto(question=answer.question, error=error)


def _explained(
    answer: Identification | FailedPhoto, verifier: GeometryVerifier, path: Path
) -> Identification | FailedPhoto:
    if isinstance(answer, FailedPhoto):
        return answer
    from edge_identify.edge_runtime.answers.wording import decision_in_words
    from edge_identify.edge_runtime.io.output_writes import write_output
    from edge_identify.edge_runtime.search.geometry.explanation_image import explain

    comparison = verifier.compare(Path(answer.question), answer.best)
    image = explain(comparison, name=answer.best.reference.name, decision=decision_in_words(answer))
    try:
        write_output(path, image)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SetupError(f"{path}: cannot be written ({error}); choose another file for --explain") from error
    return answer
