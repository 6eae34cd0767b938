"""The encoders that are compared: the built-in one as packs hold it, and any other from an ONNX file.

A phone runs the int8 export, calibrated on the pack's own references. So the built-in encoder is asked through a pack
that was built as `edge-build pack` does, and not as the trained network.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from material import single_threaded_session

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode, preprocess
from edge_identify.edge_runtime.search.identifier import Identifier

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.sources.source import Source
    from edge_identify.edge_runtime.pack.pack_reader import Pack

BUILTIN = "builtin"
_VARIANT = "onnx-int8"
_IMAGE_PREFIX = "visual."
_FLOOR_MIDDLE = 127.5  # MobileNet's pixels run from -1 to 1
_BATCH = 32


class ImageEncoder(Protocol):
    """What can be asked for embeddings of pictures."""

    @property
    def name(self) -> str:
        """What the figures call it."""

    def embed(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return the unit vectors, float32 [n, dim], of upright RGB pictures of any size."""


class PackEncoder:
    """The image encoder of an open pack, over any pictures. Use it as a context manager."""

    name = BUILTIN

    def __init__(self, pack: Pack) -> None:
        """Load it as for a folder of photos."""
        self._identifier = Identifier(pack, many=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._identifier.close()

    def embed(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """See `ImageEncoder.embed`; the pixels are exact, as references have them."""
        batches = [
            self._identifier.embed_pixels(np.stack([self._identifier.pixels(image) for image in images[at:end]]))
            for at, end in _spans(len(images))
        ]
        return np.concatenate(batches)


class FloorEncoder:
    """An encoder from an ONNX file that takes float32 [n, 3, size, size] from -1 to 1, such as MobileNet's."""

    def __init__(self, path: Path) -> None:
        """Load it for one thread.

        Raises:
            SetupError: It is not such a file.
        """
        self._path = path
        self.name = path.stem
        self._session = single_threaded_session(path)
        shape = self._session.get_inputs()[0].shape
        if len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3] or not isinstance(shape[2], int):
            raise SetupError(f"{path}: takes {shape}; a floor must take [n, 3, SIZE, SIZE]")
        self._input_name: str = self._session.get_inputs()[0].name
        self._recipe = Preprocessing(
            size_px=shape[2], resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC
        )

    def embed(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """See `ImageEncoder.embed`."""
        return np.concatenate([self._embed_batch(images[at:end]) for at, end in _spans(len(images))])

    def describe(self) -> dict[str, Any]:
        """Return what is known of it: its input and its size."""
        return {"size_px": self._recipe.size_px, "bytes": self._path.stat().st_size}

    def encode_one(self) -> Callable[[], object]:
        """Return what encodes one picture of noise."""
        size = self._recipe.size_px
        noise = np.random.default_rng(0).uniform(-1, 1, (1, 3, size, size)).astype(np.float32)
        return lambda: self._session.run(None, {self._input_name: noise})

    def _embed_batch(self, images: Sequence[Image]) -> NDArray[np.float32]:
        pixels = np.stack([preprocess(image, self._recipe) for image in images]).astype(np.float32)
        scaled = (pixels.transpose(0, 3, 1, 2) - _FLOOR_MIDDLE) / np.float32(_FLOOR_MIDDLE)
        (embeddings,) = self._session.run(None, {self._input_name: np.ascontiguousarray(scaled)})
        unit: NDArray[np.float32] = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        return unit


def build_builtin_pack(
    source: Source,
    folder: Path,
    weights: Path | None = None,
    *,
    photo_views: tuple[float, ...] = (1.0,),
    adapter: Path | None = None,
    with_points: bool = False,
) -> Pack:
    """Build a pack with nothing but the built-in encoder's int8 form, by way of a catalogue, as a person would.

    Args:
        source: The references.
        folder: Where; exists and is empty.
        weights: A file of an image tower's weights; None for those that are shipped.
        photo_views: How photos are looked at; once, where an encoder is to be measured and nothing else.
        adapter: As `PackRequest.adapter_file`.
        with_points: Whether the pack has thumbnails and local features, as `edge-build pack` writes them by default.

    Raises:
        SetupError: No usable picture, weights of another model, or an export below the fidelity gate.
    """
    from edge_identify.convert.caching.build_cache import BuildCache, cache_folder
    from edge_identify.convert.packing.pack_building import build_pack
    from edge_identify.convert.packing.pack_local_features import FEATURE_THUMBNAIL_PX
    from edge_identify.convert.packing.pack_request import PackRequest
    from edge_identify.convert.progress import shown_progress
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.edge_runtime.pack.manifest import FeatureForm
    from edge_identify.edge_runtime.pack.pack_names import PackVersion
    from edge_identify.edge_runtime.pack.pack_reader import open_pack

    request = PackRequest(
        name="measured",
        version=PackVersion.parse("1.0.0"),
        title="measured",
        model_name=BUILTIN,
        pretrained=None if weights is None else str(_whole_checkpoint(weights, folder)),
        variant_names=(_VARIANT,),
        out=folder / "pack",
        replace=False,
        photo_views=photo_views,
        adapter_file=adapter,
        thumbnail_side_px=FEATURE_THUMBNAIL_PX if with_points else None,
        local_features=FeatureForm.THUMBNAILS if with_points else None,
    )
    with Catalogue.open(folder / "references.catalogue") as catalogue:
        added = catalogue.add(source)
        references, images = catalogue.references(), catalogue.images()
    cache = BuildCache(cache_folder(folder / "references.catalogue"))
    report = build_pack(request, references, images, progress=shown_progress, cache=cache)
    for reason in [each.reason for each in added.skipped] + [each.reason for each in report.left_out]:
        print(f"skipped: {reason}", file=sys.stderr)
    return open_pack(request.out)


def describe_pack(pack: Pack, weights: Path | None) -> dict[str, Any]:
    """Return what is said of the built-in encoder: weights, sizes and fidelity."""
    manifest = pack.manifest
    variant = manifest.image_variants[_VARIANT]
    return {
        "weights": manifest.model.pretrained if weights is None else weights.name,
        "space_id": manifest.model.space_id,
        "size_px": manifest.preprocessing.size_px,
        "dim": manifest.model.dim,
        "bytes": sum(manifest.files[path].length_bytes for path in variant.files),
        "cosine_to_fp32": {"mean": variant.fidelity.cosine_mean, "least": variant.fidelity.cosine_min},
    }


def encode_one(pack: Pack) -> Callable[[], object]:
    """Return what encodes one picture of noise by the pack's encoder, with one thread."""
    variant = pack.manifest.image_variants[_VARIANT]
    size = pack.manifest.preprocessing.size_px
    noise = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    session = single_threaded_session(pack.file(variant.model))
    return lambda: session.run(None, {variant.input.name: noise})


def _spans(count: int) -> list[tuple[int, int]]:
    return [(at, min(at + _BATCH, count)) for at in range(0, count, _BATCH)]


def _whole_checkpoint(weights: Path, folder: Path) -> Path:
    """Write a checkpoint of the whole model: this image tower, and an untrained text tower, which nothing here asks."""
    from safetensors.torch import save_file

    from edge_identify.convert.builtin.shipped_weights import TOWER_PREFIX, read_image_state
    from edge_identify.convert.models.model_loading import load_model

    image = {f"{TOWER_PREFIX}{key}": value for key, value in read_image_state(weights).items()}
    model = load_model(BUILTIN, "random").model
    rest = {key: value for key, value in model.state_dict().items() if not key.startswith(_IMAGE_PREFIX)}
    path = folder / weights.with_suffix(".safetensors").name
    save_file({**rest, **image}, path)
    return path
