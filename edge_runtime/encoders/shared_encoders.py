"""Encoders that several packs share: packs that were built with one model hold the same bytes.

An encoder stays loaded while something uses it, and no longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakValueDictionary

from edge_identify.edge_runtime.encoders.encoder_choice import Encoder, image_encoder, preferred_variant, text_encoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_identify.edge_runtime.pack.manifest import Manifest, Variant
    from edge_identify.edge_runtime.pack.pack_reader import Pack

_Key: TypeAlias = tuple[object, ...]


class SharedEncoders:
    """Loads each distinct encoder once. Thread-safe.

    Two encoders are the same if all their files have the same SHA-256. The files of the pack that came first are
    checked and loaded; the copies in other packs are not read.
    """

    def __init__(self, wrap_image: Callable[[Encoder], Encoder] = lambda encoder: encoder) -> None:
        """Start without encoders.

        Args:
            wrap_image: Makes what is shared of an image tower that was loaded.
        """
        self._wrap_image = wrap_image
        self._loaded: WeakValueDictionary[_Key, Encoder] = WeakValueDictionary()
        self._lock = Lock()

    def image(self, pack: Pack, *, many: bool) -> Encoder:
        """Return the image tower of a pack; see `image_encoder` for arguments and errors."""

        def load(pack: Pack, *, many: bool) -> Encoder:
            return self._wrap_image(image_encoder(pack, many=many))

        return self._shared(pack, pack.manifest.image_variants, load, many=many)

    def text(self, pack: Pack, *, many: bool) -> Encoder:
        """Return the text tower of a pack; see `text_encoder` for arguments and errors."""
        return self._shared(pack, pack.manifest.text_variants, text_encoder, many=many)

    def _shared(
        self, pack: Pack, variants: Mapping[str, Variant], load: Callable[..., Encoder], *, many: bool
    ) -> Encoder:
        if not variants:
            return load(pack, many=many)  # raises the error
        key = (many, *_identity(pack.manifest, preferred_variant(variants, pack.variant_names, pack.manifest.name)))
        with self._lock:
            encoder = self._loaded.get(key)
            if encoder is None:
                encoder = self._loaded[key] = load(pack, many=many)
            return encoder


def _identity(manifest: Manifest, variant: Variant) -> _Key:
    hashes = sorted(manifest.files[path].sha256 for path in variant.files)
    return variant.name, variant.runtime, variant.input.name, variant.output.name, *hashes
