"""Choice of the encoder variant for this device, and loading it.

`preferred_variant` is the only function that chooses. ONNX Runtime runs everywhere. Core ML is used on a Mac if
coremltools is installed and the pack holds a Core ML variant.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from edge_identify.edge_runtime.encoders.saturation import saturates_here
from edge_identify.edge_runtime.errors import PackError
from edge_identify.edge_runtime.pack.manifest import Manifest, Runtime, Variant
from edge_identify.edge_runtime.pack.pack_reader import Pack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Best first. Small variants come before exact ones: each passed the fidelity check when the pack was built.
PREFERRED_ONNX = ("onnx-int8", "onnx-w8", "onnx-fp16", "onnx-fp32", "onnx-w4")
PREFERRED_COREML = ("coreml-int8", "coreml-fp16", "coreml-6bit")


class Encoder(Protocol):
    """An image or text tower of a pack."""

    @property
    def variant_name(self) -> str:
        """The variant's name in the manifest."""

    def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of a batch.

        Args:
            batch: Pixels, uint8 [n, size, size, 3], for an image tower; token ids, int64 [n, context_length], for a
                text tower.

        Returns:
            Unit vectors, float32 [n, dim].
        """


def runtimes_here() -> tuple[Runtime, ...]:
    """Return the libraries that can run an encoder on this machine, best first."""
    if sys.platform == "darwin" and find_spec("coremltools") is not None:
        return Runtime.COREML, Runtime.ONNX
    return (Runtime.ONNX,)


def variants_to_keep(manifest: Manifest) -> tuple[str, ...]:
    """Return the names of the variants that this device should fetch: the best one of each tower.

    Raises:
        PackError: The pack has no image encoder for this machine.
    """
    image = preferred_variant(manifest.image_variants, tuple(manifest.image_variants), manifest.name).name
    if not manifest.text_variants or image in manifest.text_variants:
        return (image,)
    text = preferred_variant(manifest.text_variants, tuple(manifest.text_variants), manifest.name).name
    return image, text


def preferred_variant(variants: Mapping[str, Variant], present: tuple[str, ...], pack_name: str) -> Variant:
    """Return the best variant that is present, runs here, and gives the same embeddings here as elsewhere.

    If every variant may saturate on this processor (see `may_saturate_here`), the best of them is returned; the pack's
    self-test decides whether it can be used.

    Args:
        variants: The variants of one tower, by name.
        present: Names of the variants on this device.
        pack_name: The pack's name, for messages.

    Raises:
        PackError: No variant is present that runs here.
    """
    runtimes = runtimes_here()
    order = (*PREFERRED_COREML, *PREFERRED_ONNX) if Runtime.COREML in runtimes else PREFERRED_ONNX
    able = [
        variants[name]
        for name in dict.fromkeys((*order, *variants))
        if name in variants and name in present and variants[name].runtime in runtimes
    ]
    if not able:
        raise PackError(
            f"pack {pack_name}: none of its encoders ({', '.join(variants) or 'none'}) runs here; "
            "ask its maker for one with the variant onnx-int8"
        )
    return next((variant for variant in able if not may_saturate_here(variant)), able[0])


def may_saturate_here(variant: Variant) -> bool:
    """Return whether a variant may give other embeddings on this processor than on the maker's.

    True for 8-bit variants of older packs on x86 processors without VNNI; see `saturation`.
    """
    is_old_int8 = variant.runtime is Runtime.ONNX and variant.name.endswith("-int8") and not variant.portable
    return is_old_int8 and saturates_here()


def image_encoder(pack: Pack, *, many: bool) -> Encoder:
    """Load the image tower. The hashes of its files are checked first.

    Args:
        pack: An open pack.
        many: Optimise for many images (slower start, all cores) instead of a fast first answer.

    Raises:
        PackError: No variant runs here, or a file is damaged.
    """
    variants = pack.manifest.image_variants
    return _load(pack, preferred_variant(variants, pack.variant_names, pack.manifest.name), many=many)


def runs_text_encoder(pack: Pack) -> bool:
    """Return whether the pack has a text tower that runs here."""
    runtimes = runtimes_here()
    variants = pack.manifest.text_variants
    return any(variant.runtime in runtimes and name in pack.variant_names for name, variant in variants.items())


def text_encoder(pack: Pack, *, many: bool = False) -> Encoder:
    """Load the text tower. The hashes of its files are checked first.

    Args:
        pack: An open pack.
        many: Optimise for many texts (slower start, all cores) instead of a fast first answer.

    Raises:
        PackError: The pack has no text tower that runs here, or a file is damaged.
    """
    variants = pack.manifest.text_variants
    if not variants:
        raise PackError(f"pack {pack.manifest.name}: has no text encoder, so it cannot be searched by text")
    return _load(pack, preferred_variant(variants, pack.variant_names, pack.manifest.name), many=many)


def _load(pack: Pack, variant: Variant, *, many: bool) -> Encoder:
    for path in variant.files:
        pack.file(path)  # checks the hash before native code reads the file
    if variant.runtime is Runtime.COREML:
        from edge_identify.edge_runtime.encoders.coreml_encoder import CoreMLEncoder

        return CoreMLEncoder(pack.folder / variant.model, variant)
    from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder

    model = pack.folder / variant.model
    if not pack.is_tried:
        from edge_identify.edge_runtime.encoders.graph_check import check_graph

        check_graph(model, {model.name})
    return OnnxEncoder(
        model,
        name=variant.name,
        input_name=variant.input.name,
        output_name=variant.output.name,
        many=many,
    )
