"""The options and the result of a build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_identify.convert.calibrating.photo_calibration import DEFAULT_FALSE_ACCEPT_RATE, CalibrationOutcome
from edge_identify.convert.calibrating.text_calibration import TextOutcome
from edge_identify.convert.packing.pack_index import Quantiser
from edge_identify.datasets.catalogue.kept_quantisers import KeptQuantiser
from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.edge_runtime.pack.manifest import FeatureForm, Manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRequest:
    """The options of a build.

    Attributes:
        name: Name of the pack.
        version: Version of the pack.
        title: Title of the pack, one line for people.
        model_name: `builtin`, or open_clip's `NAME` or `NAME/TAG`.
        pretrained: A tag, path of a checkpoint, `random`, or None if `model_name` names the weights.
        variant_names: The exported variants, from `variants.ALL_VARIANTS`.
        out: The folder to write.
        replace: Whether an existing pack at `out` may be replaced.
        drop_drifting: Whether a variant below its fidelity threshold is dropped instead of stopping the build.
        model_config: A configuration in open_clip's format, instead of `model_name`.
        tokenizer_file: The `tokenizer.json` of a model that needs one for its text tower.
        accept_licence: Whether a licence for research only is accepted.
        false_accept_rate: Largest share of photos of unrelated things that may be accepted, above 0 and below .5.
        sibling_rate: The same of photos whose reference is left out of the pack; None for no limit.
        thumbnail_side_px: Longer side of the thumbnails; None for a pack without thumbnails.
        local_features: What the pack holds of its images for comparison point by point; None for nothing. Thumbnails
            need `thumbnail_side_px`.
        photo_views: The views of a photo; see `Preprocessing.photo_views`. None for the model's default.
        adapter_file: The adapter to build into the encoders; learnt and written if the file does not exist. None for no
            adapter.
        file_names: Whether the pack records each image's type and its path within the source.
        quantiser: The quantiser of earlier versions with the same major number; None for a new one. It is not used for
            another embedding space, and not if it represents some image badly.
    """

    name: str
    version: PackVersion
    title: str
    model_name: str
    pretrained: str | None
    variant_names: tuple[str, ...]
    out: Path
    replace: bool
    drop_drifting: bool = False
    model_config: Path | None = None
    tokenizer_file: Path | None = None
    accept_licence: bool = False
    false_accept_rate: float = DEFAULT_FALSE_ACCEPT_RATE
    sibling_rate: float | None = None
    thumbnail_side_px: int | None = None
    local_features: FeatureForm | None = None
    photo_views: tuple[float, ...] | None = None
    adapter_file: Path | None = None
    file_names: bool = False
    quantiser: KeptQuantiser | None = None

    def quantiser_in(self, space_id: str) -> Quantiser | None:
        """Return the kept quantiser if it is one of this embedding space."""
        kept = self.quantiser
        return None if kept is None or kept.space_id != space_id else Quantiser.from_bytes(kept.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """The result of a build.

    Attributes:
        manifest: The manifest of the new pack.
        left_out: Images that could not be used.
        dropped: Variants that were dropped, each with its figures in words.
        binary_codes_left_out: Why a large pack has none, in words; None where it has them, or is too small to gain.
        calibration: Result of the calibration for photos.
        texts: Result of the calibration for texts.
        data_sha256: Hash of the references and images in the pack; see `hash_of_data`.
        encoder: Fingerprint of the encoder that embedded the images.
        new_quantiser: The quantiser that was made for this index; None if an earlier one was used, or none is needed.
        far_references: How many images the earlier quantiser represents badly. If there are any, it was not used.
        photos_left_out: Real photos that embed as a reference image does.
        photos_unused_because: Why real photos changed nothing, in words; None if they did or none were given.
    """

    manifest: Manifest
    left_out: tuple[SkippedImage, ...]
    dropped: tuple[str, ...]
    binary_codes_left_out: str | None
    calibration: CalibrationOutcome
    texts: TextOutcome
    data_sha256: str
    encoder: str
    new_quantiser: Quantiser | None
    far_references: int
    photos_left_out: tuple[SkippedImage, ...] = ()
    photos_unused_because: str | None = None
