"""Photos as a program holds them: a path, the bytes of a file, an open file, a Pillow image, or an array of pixels."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, Union

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.decoded_photo import DecodedPhoto
from edge_identify.edge_runtime.photos.exif_position import image_position, photo_position
from edge_identify.edge_runtime.photos.images import (
    MAX_FILE_BYTES,
    decode_photo,
    decoded_image,
    read_image_file,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.position import Position
    from edge_identify.edge_runtime.photos.regions import Region

#: What the Python API takes as a photo. An array is RGB, uint8 [height, width, 3].
PhotoInput: TypeAlias = Union[str, "os.PathLike[str]", bytes, BinaryIO, "Image", "NDArray[np.uint8]"]

_PIECE_BYTES = 2**20  # `read` takes as much memory as it is asked for
UNNAMED = "photo"  # the name of a photo that comes without a path


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPhoto:
    """A photo whose file was read, or whose pixels were given.

    Attributes:
        name: Its path, the name of its file, or `photo`.
        content: The bytes of its file, or a Pillow image of any mode.
    """

    name: str
    content: bytes | Image

    def decode(self, *, enough_px: int | None, region: Region | None = None) -> DecodedPhoto:
        """Return it as upright RGB; see `decode_photo` for arguments and errors."""
        if isinstance(self.content, bytes):
            return decode_photo(self.content, name=self.name, enough_px=enough_px, region=region)
        photo = decoded_image(self.content, name=self.name)
        return photo if region is None else photo.cut(region.box(photo.full_size, name=self.name))

    def reduced(self, most_px: int) -> OpenedPhoto:
        """Return the photo with its longer side at most `most_px` if it is pixels. The bytes of a file stay.

        Raises:
            PhotoError: The pixels cannot be used.
        """
        if isinstance(self.content, bytes):
            return self
        image = self.decode(enough_px=None).image.copy()
        image.thumbnail((most_px, most_px))
        return OpenedPhoto(name=self.name, content=image)

    def exif_position(self) -> Position | None:
        """Return where it was taken, as its EXIF says; None for an array and for a photo without a position."""
        if isinstance(self.content, bytes):
            return photo_position(io.BytesIO(self.content))
        return image_position(self.content)


def open_photo_input(photo: PhotoInput) -> OpenedPhoto:
    """Read a photo, but decode nothing.

    Raises:
        PhotoError: The file cannot be read, is empty or too large, or the array is not RGB uint8.
        TypeError: It is none of the things that `PhotoInput` lists.
    """
    name = name_of(photo)
    if isinstance(photo, (str, os.PathLike)):
        return OpenedPhoto(name=name, content=read_image_file(Path(photo)))
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return OpenedPhoto(name=name, content=_checked_bytes(bytes(photo), name))
    import numpy as np
    from PIL import Image as PillowImage

    if isinstance(photo, PillowImage.Image):
        return OpenedPhoto(name=name, content=photo)
    if isinstance(photo, np.ndarray):
        return OpenedPhoto(name=name, content=_image_of_array(photo, name))
    if hasattr(photo, "read"):
        return read_photo(photo, name=name)
    raise TypeError(
        f"{type(photo).__name__} is no photo: give a path, bytes, a file open for reading bytes, a Pillow image, "
        "or an RGB array"
    )


def name_of(photo: PhotoInput) -> str:
    """Return a photo's path, the name of its open file or Pillow image, or `photo`."""
    if isinstance(photo, (str, os.PathLike)):
        return os.fspath(photo)
    name = getattr(photo, "name", None) or getattr(photo, "filename", None)
    return name if isinstance(name, str) else UNNAMED


def read_photo(file: BinaryIO, *, name: str, start: bytes = b"") -> OpenedPhoto:
    """Read a photo from an open file up to its end; its length is bounded by `MAX_FILE_BYTES`.

    Args:
        file: Open for reading bytes.
        name: The photo's name.
        start: The photo's first bytes, if they were read before.

    Raises:
        PhotoError: The file cannot be read, is empty or too large.
        TypeError: The file is open for text.
    """
    data = bytearray(start)
    while len(data) <= MAX_FILE_BYTES:
        try:
            piece = file.read(_PIECE_BYTES)
        except OSError as error:
            raise PhotoError(f"{name}: cannot be read ({error.strerror or error})") from error
        if not isinstance(piece, bytes):
            raise TypeError(f"{name}: the file is open for text; open it with mode 'rb'")
        if not piece:
            break
        data += piece
    return OpenedPhoto(name=name, content=_checked_bytes(bytes(data), name))


def _checked_bytes(data: bytes, name: str) -> bytes:
    if not data:
        raise PhotoError(f"{name}: has no bytes")
    if len(data) > MAX_FILE_BYTES:
        raise PhotoError(f"{name}: more than the {MAX_FILE_BYTES // 2**20} MiB limit")
    return data


def _image_of_array(array: NDArray[np.uint8], name: str) -> Image:
    import numpy as np
    from PIL import Image as PillowImage

    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise PhotoError(
            f"{name}: the array is {array.dtype} {list(array.shape)}, not RGB uint8 [height, width, 3]; convert it"
        )
    return PillowImage.fromarray(np.ascontiguousarray(array))
