"""HEIC and AVIF: recognised by their first bytes; their decoder is loaded, or the error says how to install it.

iPhones save HEIC. Pillow reads it only with the plugin pillow-heif (extra `heic`), which is optional: the format is
patented. The plugin is imported only for a HEIC file, since importing it takes time. AVIF is the same container with
another codec, and most builds of Pillow read it.
"""

from __future__ import annotations

from edge_identify.edge_runtime.errors import PhotoError

#: File name endings.
SUFFIXES = frozenset({".heic", ".heif", ".hif", ".avif"})

# ISO/IEC 14496-12, the box `ftyp`: length, kind, brand, version, compatible brands. Brands: ISO/IEC 23008-12, annex B
# and E.4; AV1 Image File Format, section 6. `mif1` and `msf1` name the container alone.
_KIND_AT, _BRAND_AT, _OTHER_BRANDS_AT = 4, 8, 16
_MOST_BYTES = 256  # of the box; those of phones and encoders have 24 to 40
_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})


def heif_format(start: bytes, *, name: str) -> str | None:
    """Return Pillow's name of the format, `HEIF` or `AVIF`, with its decoder registered; None for any other file.

    Args:
        start: The file's first bytes, at least 256 if it has as many.
        name: What error messages call the file.

    Raises:
        PhotoError: The file is HEIC or AVIF, and no decoder is installed.
    """
    brands = _brands(start)
    if brands & _AVIF:
        _check_avif(name)
        return "AVIF"
    if brands & _HEIC:
        _register_heif(name)
        return "HEIF"
    return None


def _brands(start: bytes) -> frozenset[bytes]:
    if start[_KIND_AT:_BRAND_AT] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(start[:_KIND_AT], "big"), _MOST_BYTES)
    others = range(_OTHER_BRANDS_AT, end, 4)
    return frozenset({start[_BRAND_AT : _BRAND_AT + 4], *(start[at : at + 4] for at in others)})


def _check_avif(name: str) -> None:
    from PIL import features

    if not features.check("avif"):
        raise PhotoError(f"{name}: is AVIF, which this build of Pillow does not read; pip install --upgrade pillow")


def _register_heif(name: str) -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise PhotoError(
            f"{name}: is HEIC, as iPhones take it, and needs a plugin; "
            "pip install 'edge-identify[heic]', or save it as JPEG"
        ) from error
    pillow_heif.register_heif_opener(thumbnails=False)  # registering twice, also from two threads, does no harm
