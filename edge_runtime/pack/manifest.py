"""What a pack says of itself: the values of `pack.json`, valid by construction.

`manifest_json` is the door where text becomes these values; nothing behind it parses. Three version numbers meet
here and are never mixed: the software's (`generator`), the format's (`FORMAT_VERSION`), the pack's (`version`).
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
    """The FAISS structure under the id map; both are short enough to read in any language."""

    FLAT = "flat"  # IndexFlatIP: float32, 4 bytes a dimension
    SQ8 = "sq8"  # IndexScalarQuantizer, QT_8bit, inner product: 1 byte a dimension


class TokenizerKind(StrEnum):
    """How a text is split; each is a file in a format of its own."""

    CLIP_BPE = "clip-bpe"  # the byte-pair encoding of OpenAI's CLIP: merges, one pair a line in order of rank
    HF_JSON = "hf-json"  # Hugging Face's `tokenizer.json`


class Cleaning(StrEnum):
    """What is done to a text before it is split, after repairing, unescaping and joining white space."""

    LOWER = "lower"  # lower the case
    WHITESPACE = "whitespace"  # nothing more
    CANONICALIZE = "canonicalize"  # underscores become spaces, ASCII punctuation goes, lower the case


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of the pack.

    Attributes:
        path: Relative to the pack, forward slashes.
        length_bytes: Its exact length.
        sha256: Its hash, 64 lower-case hexadecimal digits.
    """

    path: str
    length_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output of an encoder.

    Attributes:
        name: As the graph calls it.
        dtype: `uint8`, `int32`, `int64` or `float32`; `image` for Core ML's picture input.
        shape: Sizes; -1 is a batch of any size.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How closely an exported variant follows the fp32 original, measured when the pack was built.

    Attributes:
        sample: What it was measured on, in words.
        count: Number of pictures or texts.
        cosine_mean: Mean cosine similarity between the variant's embedding and the original's.
        cosine_min: The worst of them.
        cosine_centred: The mean after both are taken relative to the original's mean embedding.
        top1_agreement: Share of queries whose nearest reference is the same for both, or ties with it, 0 to 1.
        top5_agreement: Share of the five nearest references in common, likewise.
        recall_change: Recall at 1 of the variant less the original's, on queries with a right answer.

    `cosine_centred` and the last two are None where they were not measured.
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
        name: Such as `onnx-int8`.
        runtime: The library that runs it.
        model: Path of the model: a file, or for Core ML a folder.
        files: Paths of all its files.
        input: What the graph takes.
        output: What it returns: unit vectors.
        requires: The least runtime, in words, such as `ONNX opset 18` or `iOS 16`.
        fidelity: Measured against the original.
        portable: Whether its integer products are exact on every processor. False in packs that were built before
            this was checked: their `onnx-int8` may give other embeddings on x86 processors without VNNI.
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
        kind: How it is split.
        file: Path of the merges or of the `tokenizer.json`.
        context_length: Tokens in the text tower's input.
        cleaning: What is done to a text first.
        pad_id: What stands in the places after the last token.
    """

    kind: TokenizerKind
    file: str
    context_length: int
    cleaning: Cleaning = Cleaning.LOWER
    pad_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The encoder that both towers come from.

    Attributes:
        name: open_clip's model name, or `builtin`.
        pretrained: open_clip's tag, a checkpoint's file name, or what stands for none.
        dim: Length of an embedding.
        space_id: SHA-256 over weights and preprocessing; only vectors with one id may be compared.
        licence: Licence of the weights, as far as known.
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
        file: Its path.
        kind: The FAISS structure inside.
        dim: Length of a vector.
        count: Number of vectors, one for each reference image.
        embedded_with: The variant that made the vectors.
        most_images_per_reference: Rows to look past so that `k` references are found among several images each.
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
    """Small pictures of the references.

    Attributes:
        file: Path of the file; `thumbnails_file` knows its layout.
        side_px: Their longer side at most.
    """

    file: str
    side_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A pack's manifest.

    Attributes:
        name: The pack's name.
        version: The pack's version.
        title: One line for people.
        generator: The software and version that wrote it.
        model: The encoder.
        preprocessing: From picture to pixels.
        image_variants: The image tower's exported forms, by name.
        text_variants: The text tower's, by name; may be empty.
        tokenizer: Present where there is a text tower.
        index: The index file.
        references_file: Path of the SQLite file of references.
        reference_count: Number of references in it.
        conformance_file: Path of the self-test's cases.
        files: Every file of the pack but the manifest, by path.
        calibration_file: Path of what turns scores into decisions; None where the pack has none.
        thumbnails: Present where the maker asked for pictures in the pack.
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

    def variant_names(self) -> tuple[str, ...]:
        """Return the names of all variants of either tower, image tower's first."""
        return tuple(dict.fromkeys((*self.image_variants, *self.text_variants)))

    def files_for(self, variant_names: tuple[str, ...]) -> tuple[FileEntry, ...]:
        """Return the files a device needs when it keeps only these variants, by path.

        Raises:
            PackFormatError: The pack has no variant of that name.
        """
        for name in variant_names:
            if name not in self.image_variants and name not in self.text_variants:
                have = ", ".join(self.variant_names())
                raise PackFormatError(f"pack {self.name} has no encoder variant {name!r}; it has {have}")
        variants = (*self.image_variants.values(), *self.text_variants.values())
        kept = {path for variant in variants if variant.name in variant_names for path in variant.files}
        listed = {path for variant in variants for path in variant.files}
        left_out = listed - kept - self.paths_for_all()  # a file may be of two variants, or of a variant and the pack
        return tuple(entry for path, entry in sorted(self.files.items()) if path not in left_out)

    def paths_for_all(self) -> frozenset[str]:
        """Return the paths that the manifest names outside of the variants."""
        optional = (
            self.tokenizer.file if self.tokenizer else None,
            self.calibration_file,
            self.thumbnails.file if self.thumbnails else None,
        )
        always = (*self.index.paths(), self.references_file, self.conformance_file)
        return frozenset((*always, *(path for path in optional if path is not None)))

    def size_bytes(self) -> int:
        """Return the length of all files together, without the manifest."""
        return sum(entry.length_bytes for entry in self.files.values())
