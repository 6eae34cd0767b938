"""Opens a model without loading it, if an earlier build did.

A model is described by a few facts: its preprocessing, the length of an embedding, its tokenizer, the id of its
embedding space. They are kept under a key that covers the weights. A build that finds its encoders in the cache needs
only these facts, and so neither torch nor the weights. The built-in model is found without open_clip, too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache as remember
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.builtin import CONFIGURATION, IMAGE_WEIGHTS, TEXT_WEIGHTS
from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.models.model_loading import (
    LoadedModel,
    architecture_of,
    chosen_model,
    load_model,
    model_configuration,
    weights_file,
)
from edge_identify.convert.models.model_names import BUILTIN
from edge_identify.convert.models.text_tokenizer import TextTokenizer, find_tokenizer
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerKind, TokenizerSpec
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

if TYPE_CHECKING:
    from torch import nn

_KIND = "model facts"


def open_model(
    name: str,
    pretrained: str | None = None,
    *,
    model_config: Path | None = None,
    tokenizer: Path | None = None,
    accept_licence: bool = False,
    cache: BuildCache,
) -> LoadedModel:
    """Return a model; its weights are loaded when `LoadedModel.model` is used first, if the cache knows the model.

    Args:
        name: As in `load_model`, and so are the other arguments.
        pretrained: See there.
        model_config: See there.
        tokenizer: See there.
        accept_licence: See there.
        cache: Keeps the facts.

    Raises:
        SetupError: See `load_model`.
        NetworkError: See `load_model`.
    """

    def load() -> LoadedModel:
        return load_model(
            name, pretrained, model_config=model_config, tokenizer=tokenizer, accept_licence=accept_licence
        )

    if name == BUILTIN and pretrained is None and model_config is None and tokenizer is None:
        files = [sha256_of_file(path) for path in (IMAGE_WEIGHTS, TEXT_WEIGHTS, CONFIGURATION)]
        key = cache_key(BUILTIN, files, code_fingerprint())
        known = _recall(key, load, cache)
    else:
        choice = chosen_model(name, pretrained, model_config, accept_licence=accept_licence)
        weights = weights_file(choice)
        found = find_tokenizer(choice.name, model_configuration(choice)["text_cfg"], tokenizer)
        key = cache_key(
            choice.name,
            choice.tag,
            choice.is_random,
            str(weights),
            sha256_of_file(weights) if weights else None,
            architecture_of(choice),
            None if found is None else found.key,
            accept_licence,
            code_fingerprint(),
        )
        known = _recall(key, load, cache)
    if known is not None:
        return known
    model = load()
    cache.keep(_KIND, {key: json.dumps(_as_json(model)).encode()})
    return model


def _recall(key: str, load: Callable[[], LoadedModel], cache: BuildCache) -> LoadedModel | None:
    facts = cache.read(_KIND, [key]).get(key)
    if facts is None:
        return None
    values: dict[str, Any] = json.loads(facts)
    space_id = str(values["space_id"])

    @remember
    def build() -> nn.Module:
        loaded = load()
        if loaded.space_id != space_id:
            raise SetupError(f"{loaded.name}: its weights changed during the build; build again")
        return loaded.model

    return LoadedModel(
        name=values["name"],
        pretrained=values["pretrained"],
        build=build,
        architecture=values["architecture"],
        preprocessing=_preprocessing(values["preprocessing"]),
        mean=tuple(values["mean"]),
        std=tuple(values["std"]),
        dim=values["dim"],
        context_length=values["context_length"],
        tokenizer=_tokenizer(values["tokenizer"]),
        licence=values["licence"],
        space_id=space_id,
    )


def _as_json(model: LoadedModel) -> dict[str, Any]:
    tokenizer = model.tokenizer
    return {
        "name": model.name,
        "pretrained": model.pretrained,
        "architecture": model.architecture,
        "preprocessing": asdict(model.preprocessing),
        "mean": model.mean,
        "std": model.std,
        "dim": model.dim,
        "context_length": model.context_length,
        "tokenizer": None
        if tokenizer is None
        else {"spec": asdict(tokenizer.spec), "data": base64.b64encode(tokenizer.data).decode()},
        "licence": model.licence,
        "space_id": model.space_id,
    }


def _preprocessing(values: dict[str, Any]) -> Preprocessing:
    return Preprocessing(
        **{
            **values,
            "resize_mode": ResizeMode(values["resize_mode"]),
            "interpolation": Interpolation(values["interpolation"]),
            "photo_views": tuple(values["photo_views"]),
        }
    )


def _tokenizer(values: dict[str, Any] | None) -> TextTokenizer | None:
    if values is None:
        return None
    spec = values["spec"]
    return TextTokenizer(
        spec=TokenizerSpec(**{**spec, "kind": TokenizerKind(spec["kind"]), "cleaning": Cleaning(spec["cleaning"])}),
        data=base64.b64decode(values["data"]),
    )
