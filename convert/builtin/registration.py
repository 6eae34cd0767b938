"""Teaching timm and open_clip the names of the built-in encoder, once per process.

open_clip finds a model by the name of a JSON file, and that file names a timm model for the image tower;
timm finds a model by the name of a function. `ensure_torchvision_operators()` must have run: both import
torchvision.
"""

from pathlib import Path

OPEN_CLIP_NAME = "edge-builtin"
WEIGHTS_NAME = "v2"  # a new name whenever either file of weights changes
LICENCE = "Apache-2.0"

_CONFIGURATION = Path(__file__).with_name(f"{OPEN_CLIP_NAME}.json")


def register() -> None:
    """Make `open_clip.create_model("edge-builtin")` work; does nothing when called again."""
    import open_clip
    import timm

    from edge_identify.convert.builtin.image_tower import edge_resnet10t

    if not timm.is_model(edge_resnet10t.__name__):
        timm.models.register_model(edge_resnet10t)
    if OPEN_CLIP_NAME not in open_clip.list_models():
        open_clip.add_model_config(_CONFIGURATION)
