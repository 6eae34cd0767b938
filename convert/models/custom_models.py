"""The user's own models: a configuration in open_clip's format, `--model-config FILE`.

The file has the format of open_clip's `model_configs`, or of the `open_clip_config.json` that is published with weights
and adds the preprocessing. open_clip registers models by name for the whole process. So the file must not have the name
of a known model.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.photos.preprocessing import MAX_SIZE_PX

MAX_CONFIGURATION_BYTES = 2**20  # a configuration has a few hundred bytes; a checkpoint given by mistake has more

_NEEDED = {"embed_dim": int, "vision_cfg": dict, "text_cfg": dict}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomModel:
    """A model with a configuration file of the user.

    Attributes:
        name: Name of the file without its suffix; open_clip's name of the model.
        recipe: open_clip's `preprocess_cfg`; empty if the file has none.
    """

    name: str
    recipe: dict[str, Any]


def register_custom_model(path: Path) -> CustomModel:
    """Read a configuration and register it with open_clip, for the rest of the process.

    Raises:
        SetupError: The file is missing or not JSON, a key is missing or has another type, or the name is taken.
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
                f"{path}: `{key}` is missing or not of type {kind.__name__}; a model configuration has "
                f"{', '.join(_NEEDED)}, like the files in open_clip's model_configs"
            )
    _check_sizes(path, configuration["vision_cfg"])  # type: ignore[index]  # the loop checked that it is a dict


def _check_sizes(path: Path, vision: dict[str, Any]) -> None:
    """Refuse sizes for which open_clip raises an unclear error about a kernel, or none."""
    size, patch = vision.get("image_size", 224), vision.get("patch_size", 1)  # 224: open_clip's default
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

    # open_clip reads a model from a file with its name, and reads all such files again when one is added. It skips
    # missing files and keeps what it has read, so the file can be temporary.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.json"
        file.write_text(json.dumps(configuration), encoding="utf-8")
        open_clip.add_model_config(file)
