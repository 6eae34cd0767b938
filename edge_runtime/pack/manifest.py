"""The manifest of a pack: the values of `pack.json` as types.

`manifest_json` reads and writes the file. Three version numbers are kept apart: that of the software (`generator`), of
the format (`FORMAT_VERSION`) and of the pack (`version`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing

FORMAT_VERSION = 1
MANIFEST_NAME = "pack.json"


class Runtime(StrEnum):
    """The library that runs an encoder variant."""

    ONNX = "onnx"
    COREML = "coreml"


class IndexKind(StrEnum):
    """The FAISS structure under the id map. Both are simple enough to read in any language."""

    FLAT = "flat"  # IndexFlatIP: float32, 4 bytes a dimension
    SQ8 = "sq8"  # IndexScalarQuantizer, QT_8bit, inner product: 1 byte a dimension


class TokenizerKind(StrEnum):
    """The format of the tokenizer's file."""

    CLIP_BPE = "clip-bpe"  # the byte-pair encoding of OpenAI's CLIP: merges in order of rank, one pair per line
    HF_JSON = "hf-json"  # Hugging Face's `tokenizer.json`


class Cleaning(StrEnum):
    """How a text is cleaned before tokenisation, beside repairing, unescaping and joining white space."""

    LOWER = "lower"  # lower the case
    WHITESPACE = "whitespace"  # nothing else
    CANONICALIZE = "canonicalize"  # turn underscores into spaces, remove ASCII punctuation, lower the case


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of the pack.

    Attributes:
        path: Relative to the pack's folder, with forward slashes.
        length_bytes: Exact length in bytes.
        sha256: SHA-256, 64 lower-case hexadecimal digits.
    """

    path: str
    length_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output of an encoder.

    Attributes:
        name: Its name in the graph.
        dtype: `uint8`, `int32`, `int64` or `float32`; `image` for Core ML's image input.
        shape: Sizes of the dimensions; -1 for a batch of any size.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How close an exported variant is to the fp32 original, measured when the pack was built.

    Attributes:
        sample: Description of the inputs of the measurement.
        count: Number of images or texts.
        cosine_mean: Mean cosine similarity between the variant's embeddings and the original's.
        cosine_min: The lowest of these similarities.
        top1_agreement: Share of queries with the same nearest reference (or a tie) for both, 0 to 1.
        cosine_centred: `cosine_mean` after subtracting the original's mean embedding from both. None: not measured.
        top5_agreement: Mean share of the five nearest references in common, 0 to 1. None: not measured.
        recall_change: Recall@1 of the variant less that of the original, on queries with a right answer. None: not
            measured.
    """

    sample: str
    count: int
    cosine_mean: float
    cosine_min: float
    top1_agreement: float
    cosine_centred: float | None = None
    top5_agreement: float | None = None
    recall_change: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One exported form of a tower.

    Attributes:
        name: Name such as `onnx-int8`.
        runtime: The library that runs it.
        model: Path of the model: a file, or a folder for Core ML.
        files: Paths of all its files.
        input: The graph's input.
        output: The graph's output: unit vectors.
        requires: The least runtime for people, such as `ONNX opset 18` or `iOS 16`.
        fidelity: Fidelity to the fp32 original.
        portable: Whether its integer products are exact on every processor. False in older packs, where this was not
            checked: their `onnx-int8` may give other embeddings on x86 processors without VNNI.
    """

    name: str
    runtime: Runtime
    model: str
    files: tuple[str, ...]
    input: Tensor
    output: Tensor
    requires: str
    fidelity: Fidelity
    portable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerSpec:
    """How text becomes token ids.

    Attributes:
        kind: Format of the file.
        file: Path of the merges or of the `tokenizer.json`.
        context_length: Number of tokens in the text tower's input.
        cleaning: How a text is cleaned first.
        pad_id: Token id of the positions after the last token.
    """

    kind: TokenizerKind
    file: str
    context_length: int
    cleaning: Cleaning = Cleaning.LOWER
    pad_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The encoder of the pack, with its image and text towers.

    Attributes:
        name: open_clip's model name, or `builtin`.
        pretrained: open_clip's tag, a checkpoint's file name, or a word for neither.
        dim: Length of an embedding.
        space_id: SHA-256 over weights and preprocessing. Only embeddings with the same id may be compared.
        licence: Licence of the weights, if known.
    """

    name: str
    pretrained: str
    dim: int
    space_id: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryCodesSpec:
    """The binary codes of the index's vectors. They make a large pack fast to search.

    Attributes:
        file: Path of the file; `binary_codes_file` knows its layout.
        recall_at_10: Recall@10 of a search by binary codes against the whole index, measured when the pack was built.
    """

    file: str
    recall_at_10: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSpec:
    """The index file.

    Attributes:
        file: Path of the file.
        kind: The FAISS structure.
        dim: Length of a vector.
        count: Number of vectors, one for each reference image.
        embedded_with: The variant that computed the vectors.
        most_images_per_reference: Maximum number of images of one reference. A search for `k` references asks for up to
            this many times `k` vectors.
        binary_codes: Present in large packs; the manifest's key is `signs`.
    """

    file: str
    kind: IndexKind
    dim: int
    count: int
    embedded_with: str
    most_images_per_reference: int
    binary_codes: BinaryCodesSpec | None = None

    def paths(self) -> tuple[str, ...]:
        """Return the paths of its files."""
        return (self.file,) if self.binary_codes is None else (self.file, self.binary_codes.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThumbnailsSpec:
    """The thumbnails of the reference images.

    Attributes:
        file: Path of the file; `thumbnails_file` knows its layout.
        side_px: Maximum length of a thumbnail's longer side in pixels.
    """

    file: str
    side_px: int


class FeatureForm(StrEnum):
    """What a pack holds of its reference images for comparison point by point."""

    THUMBNAILS = "thumbnails"  # small pictures; the device finds their points
    DESCRIPTORS = "descriptors"  # the points themselves; no picture is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureVariant:
    """One exported form of the local-feature net.

    Attributes:
        name: Name such as `onnx-fp16`.
        runtime: The library that runs it.
        model: Path of the model: a file, or a folder for Core ML.
        files: Paths of all its files.
        input: Pixels, uint8 [1, height, width, 3]; -1 for any multiple of the side step.
        descriptors: Unit vectors, float32 [1, dim, height / cell, width / cell].
        heat: Probability that a pixel is a keypoint, float32 [1, height, width].
        reliability: 0 to 1, float32 [1, height / cell, width / cell].
        requires: The least runtime for people, such as `ONNX opset 18`.
    """

    name: str
    runtime: Runtime
    model: str
    files: tuple[str, ...]
    input: Tensor
    descriptors: Tensor
    heat: Tensor
    reliability: Tensor
    requires: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsRecipe:
    """How many points of an image are found, and at which size.

    Attributes:
        side_px: The image is resized until its longer side has this length.
        most_points: Number of points to keep, those with the highest scores.
    """

    side_px: int
    most_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFeaturesSpec:
    """The local features of a pack: a net that finds points, and what it compares with.

    Attributes:
        form: What the pack holds of its reference images.
        variants: Exported forms of the net, by name.
        dim: Length of a descriptor.
        side_step_px: Both sides of the net's input are rounded to a multiple of this.
        least_heat: Heat that a keypoint exceeds.
        least_similarity: Cosine similarity that a pair of descriptors exceeds.
        photo: Recipe for photos.
        reference: Recipe for reference images.
        descriptors_file: Path of the descriptors; None for thumbnails.
    """

    form: FeatureForm
    variants: Mapping[str, FeatureVariant]
    dim: int
    side_step_px: int
    least_heat: float
    least_similarity: float
    photo: PointsRecipe
    reference: PointsRecipe
    descriptors_file: str | None = None

    @property
    def onnx_variant(self) -> FeatureVariant:
        """The net as ONNX, which every pack has."""
        return next(each for each in self.variants.values() if each.runtime is Runtime.ONNX)

    def paths(self) -> tuple[str, ...]:
        """Return the paths of the files that every device needs: not those of Core ML."""
        return (*self.onnx_variant.files, *((self.descriptors_file,) if self.descriptors_file else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A pack's manifest.

    Attributes:
        name: The pack's name.
        version: The pack's version.
        title: Title for people, one line.
        generator: Name and version of the software that wrote the pack.
        model: The encoder.
        preprocessing: The recipe from image to pixels.
        image_variants: Variants of the image tower, by name.
        text_variants: Variants of the text tower, by name; may be empty.
        tokenizer: The tokenizer; None without a text tower.
        index: The index file.
        references_file: Path of the SQLite file of references.
        reference_count: Number of references in it.
        conformance_file: Path of the self-test's cases.
        files: Every file of the pack except the manifest, by path.
        calibration_file: Path of the calibration; None if the pack is uncalibrated.
        thumbnails: The thumbnails; None if the pack has none.
        local_features: The local features; None if the pack has none.
    """

    name: str
    version: PackVersion
    title: str
    generator: str
    model: Model
    preprocessing: Preprocessing
    image_variants: Mapping[str, Variant]
    text_variants: Mapping[str, Variant]
    tokenizer: TokenizerSpec | None
    index: IndexSpec
    references_file: str
    reference_count: int
    conformance_file: str
    files: Mapping[str, FileEntry]
    calibration_file: str | None = None
    thumbnails: ThumbnailsSpec | None = None
    local_features: LocalFeaturesSpec | None = None

    def variant_names(self) -> tuple[str, ...]:
        """Return the names of all variants, those of the image tower first."""
        return tuple(dict.fromkeys((*self.image_variants, *self.text_variants)))

    def files_for(self, variant_names: tuple[str, ...]) -> tuple[FileEntry, ...]:
        """Return the files that a device needs if it keeps only these variants, sorted by path.

        Raises:
            PackFormatError: The pack has no variant of that name.
        """
        for name in variant_names:
            if name not in self.image_variants and name not in self.text_variants:
                have = ", ".join(self.variant_names())
                raise PackFormatError(f"pack {self.name} has no encoder variant {name!r}; it has {have}")
        variants = (*self.image_variants.values(), *self.text_variants.values())
        chosen = [variant for variant in variants if variant.name in variant_names]
        kept = {path for variant in chosen for path in variant.files}
        listed = {path for variant in variants for path in variant.files}
        for net in self.local_features.variants.values() if self.local_features else ():
            listed.update(net.files)
            if any(variant.runtime is net.runtime for variant in chosen):
                kept.update(net.files)
        left_out = listed - kept - self.paths_for_all()  # two variants, or a variant and the pack, may share a file
        return tuple(entry for path, entry in sorted(self.files.items()) if path not in left_out)

    def paths_for_all(self) -> frozenset[str]:
        """Return the paths of the files that every device needs, whatever its variants."""
        optional = (
            self.tokenizer.file if self.tokenizer else None,
            self.calibration_file,
            self.thumbnails.file if self.thumbnails else None,
        )
        features = self.local_features.paths() if self.local_features else ()
        always = (*features, *self.index.paths(), self.references_file, self.conformance_file)
        return frozenset((*always, *(path for path in optional if path is not None)))

    def size_bytes(self) -> int:
        """Return the total length in bytes of all files, without the manifest."""
        return sum(entry.length_bytes for entry in self.files.values())
