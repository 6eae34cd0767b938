"""What the built-in text tower learns from: labelled pictures, and the sentences that name them.

The captions are templates around a label, so the tower learns labels and some ways to say them; it cannot
learn open vocabulary from these, and MODEL_CARD.md says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edge_identify.edge_runtime.errors import PackFormatError, SetupError
from edge_identify.edge_runtime.io.json_fields import parse_json_object

LABELS_FILE = "labels.jsonl"

#: The sources that may be trained on; `boofcv_vacation` has no labels and so gives nothing to the text tower.
SOURCES = frozenset({"boofcv_pixabay", "boofcv_vacation", "clothing", "popular_animals", "raccoon", "scenes"})

MIN_PICTURES_PER_LABEL = 40  # with fewer, about two are held out, and neither learning nor measuring means much

#: Every 16th row from the eighth: the split of the image tower's training, so neither tower has seen them.
HELD_OUT_EVERY, HELD_OUT_FIRST = 16, 7

TEMPLATES = (
    "a photo of a {}",
    "a photo of the {}",
    "a photo of {}",
    "a picture of a {}",
    "a small photo of the {}",
    "an image with a {}",
    "one {} in a photo",
    "this is a {}",
    "the {}",
    "{}",
)
UNSEEN_TEMPLATE = "my {} from yesterday"  # measured with, never trained with

#: Other words for a label, and words for the labels that no one would type. The first is used for measuring.
SYNONYMS = {
    "ape": ("ape", "gorilla", "chimp", "monkey"),
    "bison": ("bison", "buffalo"),
    "buildings": ("buildings", "building", "houses", "architecture"),
    "chicken": ("chicken", "hen", "rooster"),
    "cat": ("cat", "kitten"),
    "cow": ("cow", "cattle", "bull"),
    "deer": ("deer", "stag"),
    "dog": ("dog", "puppy"),
    "dress": ("dress", "gown"),
    "forest": ("forest", "woods", "trees"),
    "glacier": ("glacier", "ice", "snow and ice"),
    "hat": ("hat", "cap"),
    "horse": ("horse", "pony"),
    "longsleeve": ("long-sleeve shirt", "long sleeve top", "sweater"),
    "mountain": ("mountain", "mountains", "hills"),
    "outwear": ("jacket", "coat"),
    "pants": ("pants", "trousers", "jeans"),
    "pig": ("pig", "hog"),
    "rabbit": ("rabbit", "bunny"),
    "raccoon": ("raccoon",),
    "sea": ("sea", "ocean", "seaside", "beach"),
    "shirt": ("shirt", "button-up shirt", "blouse"),
    "shoes": ("shoes", "shoe", "sneakers", "boots"),
    "shorts": ("shorts", "short pants"),
    "street": ("street", "road", "city street"),
    "t-shirt": ("t-shirt", "tee shirt", "tshirt"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPicture:
    """One picture to learn from.

    Attributes:
        path: The picture's file.
        label: What it shows; empty where nobody has said.
        is_held_out: Whether it is kept aside to measure with.
    """

    path: Path
    label: str
    is_held_out: bool


def read_labelled_pictures(folder: Path) -> tuple[LabelledPicture, ...]:
    """Read `labels.jsonl` of a training folder, leaving out what has no label or a rare one.

    Raises:
        SetupError: The file is missing or a line of it is not as expected, or nothing is left.
    """
    listing = folder / LABELS_FILE
    pictures = [picture for picture in read_pictures(folder) if picture.label]
    counts = Counter(picture.label for picture in pictures)
    kept = tuple(picture for picture in pictures if counts[picture.label] >= MIN_PICTURES_PER_LABEL)
    if not any(picture.is_held_out for picture in kept) or all(picture.is_held_out for picture in kept):
        raise SetupError(f"{listing}: too few pictures; a label counts from {MIN_PICTURES_PER_LABEL} pictures on")
    return kept


def read_pictures(folder: Path) -> tuple[LabelledPicture, ...]:
    """Read `labels.jsonl` of a training folder; all pictures that may be trained on, with a label or with none.

    Raises:
        SetupError: The file is missing or a line of it is not as expected.
    """
    listing = folder / LABELS_FILE
    try:
        lines = listing.read_bytes().splitlines()
    except OSError as error:
        raise SetupError(f"{listing}: cannot be read ({error.strerror}); --data takes a training folder") from error
    return tuple(picture for row, line in enumerate(lines) if (picture := _read_line(folder, row, line)))


def captions_of(label: str) -> tuple[str, ...]:
    """Return every caption that the tower is trained with for a label."""
    return tuple(template.format(word) for word in words_for(label) for template in TEMPLATES)


def words_for(label: str) -> tuple[str, ...]:
    """Return the words for a label, the plainest first."""
    return SYNONYMS.get(label, (label,))


def _read_line(folder: Path, row: int, line: bytes) -> LabelledPicture | None:
    where = f"{folder / LABELS_FILE}: line {row + 1}"
    try:
        values = parse_json_object(line, where=where, max_bytes=1 << 16)
        source, label, image = values.text("source"), values.text("label"), values.text("image")
    except PackFormatError as error:
        raise SetupError(str(error)) from error
    if source not in SOURCES:
        return None
    is_held_out = row % HELD_OUT_EVERY == HELD_OUT_FIRST
    return LabelledPicture(path=folder / image, label=label, is_held_out=is_held_out)
