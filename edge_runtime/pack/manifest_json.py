"""Reading and writing `pack.json`. Every field of a hostile or newer manifest is checked here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any, TypeVar

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    BinaryCodesSpec,
    Cleaning,
    FeatureForm,
    FeatureVariant,
    Fidelity,
    FileEntry,
    IndexKind,
    IndexSpec,
    LocalFeaturesSpec,
    Manifest,
    Model,
    PointsRecipe,
    Runtime,
    Tensor,
    ThumbnailsSpec,
    TokenizerKind,
    TokenizerSpec,
    Variant,
)
from edge_identify.edge_runtime.pack.pack_names import (
    PackVersion,
    check_apart,
    checked_pack_name,
    checked_path,
    checked_sha256,
)
from edge_identify.edge_runtime.photos.preprocessing import MAX_SIZE_PX, Interpolation, Preprocessing, ResizeMode

MAX_MANIFEST_BYTES = 4 * 2**20  # read whole into memory on a phone; a larger one is hostile or a mistake
MAX_FILE_BYTES = 2**36  # 64 GiB; no file of a pack comes near
MAX_DIM = 8192
MAX_ROWS = 2**31 - 1
MAX_THUMBNAIL_SIDE_PX = 1024  # a phone decodes several thumbnails at once
MAX_PHOTO_VIEWS, LEAST_PHOTO_VIEW = 8, 0.1  # each view costs one encoder run; a closer view shows too little
MAX_FEATURE_SIDE_PX, MAX_POINTS = 1024, 2048  # a phone needs 100 MB for the net's maps, and 10 ms for a comparison
MAX_FEATURE_DIM = 512
MAX_TOKEN_ID = 2**31 - 1  # Core ML's text graphs take int32

_PHOTO_VIEWS = "photo_views"
_BINARY_CODES = "signs"  # the key of format 1

_Choice = TypeVar("_Choice", bound=StrEnum)


def parse_manifest(data: bytes, *, where: str = MANIFEST_NAME) -> Manifest:
    """Read and check a manifest.

    Args:
        data: The bytes of `pack.json`.
        where: The file's name in messages.

    Raises:
        PackFormatError: The bytes are no JSON object or a newer format, a field is missing or out of range, a path is
            unsafe, or a file is named but not listed in `files`.
    """
    fields = read_manifest_fields(data, where=where)
    files = {checked_path(path): _file_entry(path, entry) for path, entry in fields.items("files")}
    encoders = fields.object("encoders")
    references = fields.object("references")
    manifest = Manifest(
        name=checked_pack_name(fields.text("name")),
        version=PackVersion.parse(fields.text("version")),
        title=fields.text("title"),
        generator=fields.text("generator"),
        model=_model(fields.object("model")),
        preprocessing=_preprocessing(fields.object("preprocessing")),
        image_variants={name: _variant(name, entry) for name, entry in encoders.items("image")},
        text_variants={name: _variant(name, entry) for name, entry in encoders.items("text")},
        tokenizer=_tokenizer(fields.object("tokenizer")) if fields.has("tokenizer") else None,
        index=_index(fields.object("index")),
        references_file=references.text("file"),
        reference_count=references.integer("count", least=1, most=MAX_ROWS),
        conformance_file=fields.object("conformance").text("file"),
        files=files,
        calibration_file=fields.object("calibration").text("file") if fields.has("calibration") else None,
        thumbnails=_thumbnails(fields.object("thumbnails")) if fields.has("thumbnails") else None,
        local_features=_local_features(fields.object("local_features")) if fields.has("local_features") else None,
    )
    _check_consistent(manifest, where)
    return manifest


def read_manifest_fields(data: bytes, *, where: str = MANIFEST_NAME) -> JsonObject:
    """Read the bytes of `pack.json` as an object of JSON, of which the format alone is checked.

    Raises:
        PackFormatError: The bytes are no JSON object, or a newer format.
    """
    fields = parse_json_object(data, where=where, max_bytes=MAX_MANIFEST_BYTES)
    _check_format(fields)
    return fields


def serialise_manifest(manifest: Manifest) -> bytes:
    """Return the canonical bytes of `pack.json`; `parse_manifest` gives the same value back."""
    # These fields were added later: a pack without them keeps its bytes.
    calibration = {"calibration": {"file": manifest.calibration_file}} if manifest.calibration_file else {}
    thumbnails = {"thumbnails": asdict(manifest.thumbnails)} if manifest.thumbnails else {}
    features = {"local_features": _features_as_json(manifest.local_features)} if manifest.local_features else {}
    return canonical_json(
        {
            **calibration,
            **features,
            **thumbnails,
            "format": FORMAT_VERSION,
            "name": manifest.name,
            "version": str(manifest.version),
            "title": manifest.title,
            "generator": manifest.generator,
            "model": asdict(manifest.model),
            "preprocessing": _preprocessing_as_json(manifest.preprocessing),
            "encoders": {
                "image": _variants_as_json(manifest.image_variants),
                "text": _variants_as_json(manifest.text_variants),
            },
            "tokenizer": asdict(manifest.tokenizer) if manifest.tokenizer else None,
            "index": _index_as_json(manifest.index),
            "references": {"file": manifest.references_file, "count": manifest.reference_count},
            "conformance": {"file": manifest.conformance_file},
            "files": {
                path: {"length_bytes": entry.length_bytes, "sha256": entry.sha256}
                for path, entry in manifest.files.items()
            },
        }
    )


def serialise_again(stored: JsonObject, manifest: Manifest) -> bytes:
    """Return the canonical bytes of a manifest that was read and changed. Fields that this version does not know stay.

    Args:
        stored: What was read; see `read_manifest_fields`.
        manifest: The changed manifest. It names every file and variant that `stored` names.
    """
    return canonical_json(_with_unknown_fields(stored.values, json.loads(serialise_manifest(manifest))))


def _with_unknown_fields(stored: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known fields, and at any depth the stored ones that are not among them."""
    merged = {**stored, **known}
    for key, value in known.items():
        if isinstance(value, dict) and isinstance(stored.get(key), dict):
            merged[key] = _with_unknown_fields(stored[key], value)
    return merged


def _variants_as_json(variants: Mapping[str, Variant]) -> dict[str, dict[str, Any]]:
    return {name: _variant_as_json(variant) for name, variant in variants.items()}


def _variant_as_json(variant: Variant) -> dict[str, Any]:
    fields = asdict(variant)
    del fields["name"]
    if not variant.portable:
        del fields["portable"]  # added later: a pack without it keeps its bytes
    return fields


def _index_as_json(index: IndexSpec) -> dict[str, Any]:
    fields = asdict(index)
    codes = fields.pop("binary_codes")
    # The field was added later: a pack without binary codes keeps its bytes.
    return fields if codes is None else {**fields, _BINARY_CODES: codes}


def _features_as_json(features: LocalFeaturesSpec) -> dict[str, Any]:
    fields = asdict(features)
    for variant in fields["variants"].values():
        del variant["name"]
    if features.descriptors_file is None:
        del fields["descriptors_file"]
    return fields


def _check_format(fields: JsonObject) -> None:
    found = fields.integer("format", least=1)
    if found > FORMAT_VERSION:
        raise PackFormatError(
            f"{fields.where}: pack format {found}, but this software reads up to {FORMAT_VERSION}; update edge-identify"
        )


def _file_entry(path: str, fields: JsonObject) -> FileEntry:
    return FileEntry(
        path=path,
        length_bytes=fields.integer("length_bytes", most=MAX_FILE_BYTES),
        sha256=checked_sha256(fields.text("sha256")),
    )


def _model(fields: JsonObject) -> Model:
    return Model(
        name=fields.text("name"),
        pretrained=fields.text("pretrained"),
        dim=fields.integer("dim", least=1, most=MAX_DIM),
        space_id=checked_sha256(fields.text("space_id")),
        licence=fields.text("licence"),
    )


def _preprocessing(fields: JsonObject) -> Preprocessing:
    return Preprocessing(
        size_px=fields.integer("size_px", least=1, most=MAX_SIZE_PX),
        resize_mode=_choice(ResizeMode, fields, "resize_mode"),
        interpolation=_choice(Interpolation, fields, "interpolation"),
        photo_views=_photo_views(fields) if fields.has(_PHOTO_VIEWS) else (1.0,),
    )


def _photo_views(fields: JsonObject) -> tuple[float, ...]:
    views = fields.numbers(_PHOTO_VIEWS)
    if not 1 <= len(views) <= MAX_PHOTO_VIEWS or not all(LEAST_PHOTO_VIEW <= share <= 1 for share in views):
        raise PackFormatError(
            f"{fields.where}: `{_PHOTO_VIEWS}` is {list(views)}; 1 to {MAX_PHOTO_VIEWS} shares from {LEAST_PHOTO_VIEW} "
            "to 1 are possible"
        )
    return views


def _preprocessing_as_json(recipe: Preprocessing) -> dict[str, Any]:
    fields = asdict(recipe)
    if recipe.photo_views == (1.0,):
        del fields[_PHOTO_VIEWS]  # added later: a pack without it keeps its bytes
    return fields


def _variant(name: str, fields: JsonObject) -> Variant:
    model, files = _model_and_files(fields)
    return Variant(
        name=name,
        runtime=_choice(Runtime, fields, "runtime"),
        model=model,
        files=files,
        input=_tensor(fields.object("input")),
        output=_tensor(fields.object("output")),
        requires=fields.text("requires"),
        fidelity=_fidelity(fields.object("fidelity")),
        portable=fields.has("portable") and fields.truth("portable"),
    )


def _model_and_files(fields: JsonObject) -> tuple[str, tuple[str, ...]]:
    model, files = checked_path(fields.text("model")), fields.texts("files")
    if not files or not all(path == model or path.startswith(f"{model}/") for path in files):
        raise PackFormatError(f"{fields.where}: `files` must list the model {model!r} and no file outside it")
    return model, files


def _tensor(fields: JsonObject) -> Tensor:
    return Tensor(name=fields.text("name"), dtype=fields.text("dtype"), shape=fields.integers("shape"))


def _fidelity(fields: JsonObject) -> Fidelity:
    return Fidelity(
        sample=fields.text("sample"),
        count=fields.integer("count"),
        cosine_mean=fields.number("cosine_mean"),
        cosine_min=fields.number("cosine_min"),
        top1_agreement=fields.number("top1_agreement"),
        cosine_centred=fields.optional_number("cosine_centred"),
        top5_agreement=fields.optional_number("top5_agreement"),
        recall_change=fields.optional_number("recall_change"),
    )


def _tokenizer(fields: JsonObject) -> TokenizerSpec:
    # The last two fields were added later; the defaults are those of CLIP's own models.
    return TokenizerSpec(
        kind=_choice(TokenizerKind, fields, "kind"),
        file=fields.text("file"),
        context_length=fields.integer("context_length", least=3, most=4096),
        cleaning=_choice(Cleaning, fields, "cleaning") if fields.has("cleaning") else Cleaning.LOWER,
        pad_id=fields.integer("pad_id", most=MAX_TOKEN_ID) if fields.has("pad_id") else 0,
    )


def _index(fields: JsonObject) -> IndexSpec:
    return IndexSpec(
        file=fields.text("file"),
        kind=_choice(IndexKind, fields, "kind"),
        dim=fields.integer("dim", least=1, most=MAX_DIM),
        count=fields.integer("count", least=1, most=MAX_ROWS),
        embedded_with=fields.text("embedded_with"),
        most_images_per_reference=fields.integer("most_images_per_reference", least=1, most=MAX_ROWS),
        binary_codes=_binary_codes(fields.object(_BINARY_CODES)) if fields.has(_BINARY_CODES) else None,
    )


def _binary_codes(fields: JsonObject) -> BinaryCodesSpec:
    return BinaryCodesSpec(file=fields.text("file"), recall_at_10=fields.share("recall_at_10"))


def _thumbnails(fields: JsonObject) -> ThumbnailsSpec:
    return ThumbnailsSpec(
        file=fields.text("file"),
        side_px=fields.integer("side_px", least=1, most=MAX_THUMBNAIL_SIDE_PX),
    )


def _local_features(fields: JsonObject) -> LocalFeaturesSpec:
    form = _choice(FeatureForm, fields, "form")
    variants = {name: _feature_variant(name, entry) for name, entry in fields.items("variants")}
    if not any(variant.runtime is Runtime.ONNX for variant in variants.values()):
        raise PackFormatError(f"{fields.where}: has no ONNX variant of its net")
    return LocalFeaturesSpec(
        form=form,
        variants=variants,
        dim=fields.integer("dim", least=1, most=MAX_FEATURE_DIM),
        side_step_px=fields.integer("side_step_px", least=1, most=MAX_FEATURE_SIDE_PX),
        least_heat=fields.share("least_heat"),
        least_similarity=fields.share("least_similarity"),
        photo=_points_recipe(fields.object("photo")),
        reference=_points_recipe(fields.object("reference")),
        descriptors_file=fields.text("descriptors_file") if form is FeatureForm.DESCRIPTORS else None,
    )


def _feature_variant(name: str, fields: JsonObject) -> FeatureVariant:
    model, files = _model_and_files(fields)
    return FeatureVariant(
        name=name,
        runtime=_choice(Runtime, fields, "runtime"),
        model=model,
        files=files,
        input=_tensor(fields.object("input")),
        descriptors=_tensor(fields.object("descriptors")),
        heat=_tensor(fields.object("heat")),
        reliability=_tensor(fields.object("reliability")),
        requires=fields.text("requires"),
    )


def _points_recipe(fields: JsonObject) -> PointsRecipe:
    return PointsRecipe(
        side_px=fields.integer("side_px", least=1, most=MAX_FEATURE_SIDE_PX),
        most_points=fields.integer("most_points", least=1, most=MAX_POINTS),
    )


def _choice(kind: type[_Choice], fields: JsonObject, key: str) -> _Choice:
    text = fields.text(key)
    try:
        return kind(text)
    except ValueError as error:
        known = ", ".join(kind)
        raise PackFormatError(f"{fields.where}: `{key}` is {text!r}; this version knows {known}") from error


def _check_consistent(manifest: Manifest, where: str) -> None:
    named = set(manifest.paths_for_all())
    for variant in (*manifest.image_variants.values(), *manifest.text_variants.values()):
        named.update(variant.files)
    if manifest.local_features:
        _check_features(manifest, manifest.local_features, where)
        named.update(path for variant in manifest.local_features.variants.values() for path in variant.files)
    if missing := sorted(named - manifest.files.keys()):
        raise PackFormatError(f"{where}: names {missing[0]!r}, which is not among its files")
    if MANIFEST_NAME in manifest.files:
        raise PackFormatError(f"{where}: lists itself among its files")
    try:
        check_apart((MANIFEST_NAME, *manifest.files))
    except PackFormatError as error:
        raise PackFormatError(f"{where}: {error}; the pack is damaged or hostile") from error
    if not manifest.image_variants:
        raise PackFormatError(f"{where}: has no image encoder")
    if manifest.text_variants and not manifest.tokenizer:
        raise PackFormatError(f"{where}: has a text encoder but no tokenizer")
    if manifest.index.dim != manifest.model.dim:
        raise PackFormatError(
            f"{where}: the index has {manifest.index.dim} dimensions, the encoder {manifest.model.dim}"
        )


def _check_features(manifest: Manifest, features: LocalFeaturesSpec, where: str) -> None:
    if features.form is FeatureForm.THUMBNAILS and manifest.thumbnails is None:
        raise PackFormatError(f"{where}: `local_features` needs thumbnails, which the pack does not have")
