"""One question of a run and its result, as values that every output takes.

`answer_json` makes JSON of it, `wording` sentences, `html_report` a page; `cli.outputs` prints it.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.errors import EdgeIdentifyError


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherPhoto:
    """Another photo of the same thing, that an answer was made from too.

    Attributes:
        path: As it was given.
        thumbnail: The photo as a small JPEG, where pictures are shown.
    """

    path: str
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question and what came of it.

    Attributes:
        kind: `photo` or `text`.
        question: The photo's path as it was given, or the text.
        result: The identification, or the error that stopped it.
        thumbnail: The photo as a small JPEG, where pictures are shown.
        suggested_namespaces: Those that a text names and that were not applied.
        further_photos: Those that were answered together with the first.
    """

    kind: str
    question: str
    result: Identification | EdgeIdentifyError
    thumbnail: bytes | None = None
    suggested_namespaces: tuple[str, ...] = ()
    further_photos: tuple[FurtherPhoto, ...] = ()

    @property
    def questions(self) -> tuple[str, ...]:
        """The paths of all photos that were answered together, or the text."""
        return self.question, *(photo.path for photo in self.further_photos)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """What answers all questions of a run.

    Attributes:
        pack_name: The pack.
        pack_version: Its version.
        variant_name: The encoder variant in use.
    """

    pack_name: str
    pack_version: str
    variant_name: str
