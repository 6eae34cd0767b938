"""Models of the user's own: a configuration in open_clip's format, `--model-config FILE`.

The file is one of open_clip's `model_configs`, or the `open_clip_config.json` that is published with weights, which
wraps it and adds the preprocessing. open_clip keeps models by name for the whole process, so the file's name must not
be one that it knows already.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.photos.preprocessing import MAX_SIZE_PX

MAX_CONFIGURATION_BYTES = 2**20  # a configuration is a few hundred bytes; a checkpoint given by mistake is not

_NEEDED = {"embed_dim": int, "vision_cfg": dict, "text_cfg": dict}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomModel:
    """A model that the user configured.

    Attributes:
        name: The file's name without its ending; open_clip builds the model by it.
        recipe: open_clip's `preprocess_cfg`, empty if the file has none.
    """

    name: str
    recipe: dict[str, Any]


def register_custom_model(path: Path) -> CustomModel:
    """Read a configuration and make open_clip know it, for the rest of the process.

    Raises:
        SetupError: A missing file, no JSON, a key that is missing or of another type, or a name that is taken.
    """
    import open_clip

    document = _read_document(path)
    configuration = document.get("model_cfg", document)
    _check_configuration(path, configuration)
    known = open_clip.get_model_config(path.stem)
    if known is not None and known != configuration:
        raise SetupError(f"{path}: open_clip already has another model named {path.stem}; rename the file")
    if known is None:
        _register(path.stem, configuration)
    recipe = document.get("preprocess_cfg") if "model_cfg" in document else None
    return CustomModel(name=path.stem, recipe=recipe if isinstance(recipe, dict) else {})


def _read_document(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SetupError(f"{path}: no such file; give --model-config the path of an open_clip model configuration")
    if path.stat().st_size > MAX_CONFIGURATION_BYTES:
        raise SetupError(f"{path}: {path.stat().st_size} bytes is too much for a configuration; is it the checkpoint?")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{path}: is not valid JSON ({error})") from error
    if not isinstance(document, dict):
        raise SetupError(f"{path}: expected a JSON object, found {type(document).__name__}")
    return document


def _check_configuration(path: Path, configuration: object) -> None:
    for key, kind in _NEEDED.items():
        value = configuration.get(key) if isinstance(configuration, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool):
            raise SetupError(
                f"{path}: `{key}` is missing or no {kind.__name__}; a model configuration has {', '.join(_NEEDED)}, "
                "as the files in open_clip's model_configs do"
            )
    _check_picture(path, configuration["vision_cfg"])  # type: ignore[index]  # the loop has seen that it is a dict


def _check_picture(path: Path, vision: dict[str, Any]) -> None:
    """Refuse sizes that open_clip would meet with an error about a kernel, or none at all."""
    size, patch = vision.get("image_size", 224), vision.get("patch_size", 1)  # open_clip's own size, if none is given
    sides = size if isinstance(size, list) else [size]
    if not all(type(side) is int and 1 <= side <= MAX_SIZE_PX for side in sides) or len(set(sides)) != 1:
        raise SetupError(
            f"{path}: `image_size` of vision_cfg is {size!r}; it takes one whole number, 1 to {MAX_SIZE_PX} (square)"
        )
    if patch is not None and not (type(patch) is int and 1 <= patch <= sides[0]):
        raise SetupError(
            f"{path}: `patch_size` of vision_cfg is {patch!r}; it takes a whole number, 1 to its image_size, {sides[0]}"
        )


def _register(name: str, configuration: dict[str, Any]) -> None:
    import open_clip

    # open_clip reads a model from a file named after it, and reads all such files again when one is added. It
    # passes over those that are gone and keeps what it has read, so the file need not stay.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.json"
        file.write_text(json.dumps(configuration), encoding="utf-8")
        open_clip.add_model_config(file)
