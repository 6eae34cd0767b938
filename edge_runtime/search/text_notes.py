"""What a person must know of the answer to a text: why nothing answers, or what the similarities leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.text_reasons import FoundIn
from edge_identify.edge_runtime.decisions.text_bands import TextBand

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification

WORDS_ALONE = "words"  # stands for the encoder variant where there is no encoder
_MOST_NAMED = 8  # words on one line
_ADVICE = "check the spelling, give a part of a name, or use other English words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What the text encoder knows of a text.

    Attributes:
        is_enough: Whether it knows any word that says something, or there is none.
        unknown: The words that it does not know.
        has_encoder: Whether there is a text encoder that runs here.
    """

    is_enough: bool
    unknown: tuple[str, ...] = ()
    has_encoder: bool = True


def note_of(found: Identification, knowledge: Knowledge, *, are_too_many: bool) -> str:
    """Return the note of an answer to a text; empty if there is nothing to say.

    Args:
        found: The answer.
        knowledge: What the text encoder knows of the text.
        are_too_many: Whether the pack has too many references to search them by words.
    """
    looked = "this pack has too many references to search them by words" if are_too_many else ""
    if not found.matches:
        looked = looked or "no reference has these words in its id, name, labels, namespace or attributes"
        return f"{looked}, and {_no_similarity(knowledge)}; {_ADVICE}"
    if not knowledge.is_enough:
        return f"found by words alone: {_no_similarity(knowledge)}"
    if _are_all_weak(found):
        return f"{looked or 'no reference has these words'}, and every similarity is weak; {_ADVICE}"
    if knowledge.unknown:
        words = ", ".join(f'"{word}"' for word in knowledge.unknown[:_MOST_NAMED])
        more = ", ..." if len(knowledge.unknown) > _MOST_NAMED else ""
        return f"the text encoder does not know {words}{more}; similarities are those of the other words"
    return looked


def _no_similarity(knowledge: Knowledge) -> str:
    if knowledge.has_encoder:
        return "the text encoder knows none of these words, so similarities would be chance"
    return "this pack has no text encoder that runs here"


def _are_all_weak(found: Identification) -> bool:
    return all(
        match.band is TextBand.WEAK and match.reasons[0].found_in is FoundIn.SIMILARITY for match in found.matches
    )
