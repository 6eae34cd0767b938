"""Hooks for schemathesis: send real images for image fields."""

import io
from typing import Any

import schemathesis
from hypothesis import strategies as st
from PIL import Image

_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/bmp": "BMP", "image/webp": "WEBP"}


def _image(form: str, size: tuple[int, int], rgb: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, rgb).save(buffer, form)
    return buffer.getvalue()


_SIDES, _LEVELS = st.integers(1, 64), st.integers(0, 255)
for media_type, form in (*_FORMATS.items(), ("image/tiff", "TIFF")):
    images = st.builds(_image, st.just(form), st.tuples(_SIDES, _SIDES), st.tuples(_LEVELS, _LEVELS, _LEVELS))
    schemathesis.openapi.media_type(media_type, images)


@schemathesis.hook
def before_load_schema(_context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Send one image for list fields: schemathesis sends list elements without a file name, as texts."""
    fields = raw_schema["paths"]["/v1/identify"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    fields["properties"]["file"] = fields["properties"]["file"]["items"]
