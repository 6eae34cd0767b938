"""The encoder that comes with this package: a small dual encoder in open_clip's own configuration format.

`register()` makes open_clip build it by name (`open_clip.create_model("edge-builtin")`), as it builds any
other; `load_image_weights` and `load_text_weights` fill it. MODEL_CARD.md says what it was trained on and
what it can do. The word `edge-` keeps its name apart from open_clip's; people type `builtin`.
"""

from edge_identify.convert.builtin.registration import (
    CONFIGURATION,
    EARLIER_WEIGHTS,
    LICENCE,
    OPEN_CLIP_NAME,
    PREPROCESSING,
    WEIGHTS_NAME,
    register,
)
from edge_identify.convert.builtin.shipped_weights import (
    IMAGE_WEIGHTS,
    TEXT_VOCABULARY,
    TEXT_WEIGHTS,
    load_image_weights,
    load_text_weights,
    save_image_weights,
    save_text_weights,
)

__all__ = [
    "CONFIGURATION",
    "EARLIER_WEIGHTS",
    "IMAGE_WEIGHTS",
    "LICENCE",
    "OPEN_CLIP_NAME",
    "PREPROCESSING",
    "TEXT_VOCABULARY",
    "TEXT_WEIGHTS",
    "WEIGHTS_NAME",
    "load_image_weights",
    "load_text_weights",
    "register",
    "save_image_weights",
    "save_text_weights",
]
