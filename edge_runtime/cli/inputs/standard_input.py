"""What comes on standard input for `-`: one picture, or paths of photos. The first bytes tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from edge_identify.edge_runtime.answers.identification import FailedPhoto
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.image_starts import START_BYTES, image_follows, starts_an_image

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto

PICTURE_NAME = "standard input"


def read_standard_input(file: BinaryIO, *, null_separated: bool) -> OpenedPhoto | FailedPhoto | bytes:
    """Return the picture that comes, why nothing usable comes, or the bytes of a list of paths.

    Bytes that are neither text nor a known format count as a picture: decoding it says what is wrong.

    Args:
        file: Standard input, open for reading bytes.
        null_separated: Whether the command line says that paths come, ended by NUL.
    """
    try:
        start = file.read(START_BYTES)
        if not start:
            return failed_input(f"is empty; send a picture, or paths, each followed by {end_of_path(null_separated)}")
        if null_separated and starts_an_image(start):
            return failed_input("is a picture, but --null says that paths come; leave --null out")
        if null_separated or not (starts_an_image(start) or b"\0" in start):
            return start + file.read()
    except OSError as error:
        return failed_input(f"cannot be read ({error.strerror or error})")
    return _picture(file, start)


def end_of_path(null_separated: bool) -> str:
    """Return what ends each path, in words."""
    return "NUL" if null_separated else "a line break"


def failed_input(reason: str) -> FailedPhoto:
    """Return standard input as a photo that cannot be used."""
    return FailedPhoto(question=PICTURE_NAME, error=PhotoError(f"{PICTURE_NAME}: {reason}"))


def _picture(file: BinaryIO, start: bytes) -> OpenedPhoto | FailedPhoto:
    from edge_identify.edge_runtime.photos.doubts import tell_doubt
    from edge_identify.edge_runtime.photos.photo_inputs import read_photo

    try:
        photo = read_photo(file, name=PICTURE_NAME, start=start)
    except PhotoError as error:
        return FailedPhoto(question=PICTURE_NAME, error=error)
    assert isinstance(photo.content, bytes), "it was read from a file"
    if image_follows(photo.content):
        tell_doubt(PICTURE_NAME, "another picture follows the first, and only the first is read; give paths of several")
    return photo
