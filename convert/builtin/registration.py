"""Teaching timm and open_clip the names of the built-in encoder, once per process.

open_clip finds a model by the name of a JSON file, and that file names a timm model for the image tower;
timm finds a model by the name of a function. `ensure_torchvision_operators()` must have run: both import
torchvision. The JSON file cannot hold mean and std: whoever creates the model by open_clip alone passes
`force_preprocess_cfg=PREPROCESSING`.
"""

from pathlib import Path

OPEN_CLIP_NAME = "edge-builtin"
WEIGHTS_NAME = "v5"  # a new name whenever either file of weights changes
EARLIER_WEIGHTS = ("v0", "v1", "v2", "v3", "v4")  # packs that hold these open and work
LICENCE = "Apache-2.0"

MEAN = STD = (0.5, 0.5, 0.5)  # EfficientNet-Lite's: pixels from -1 to 1
PREPROCESSING = {"mean": MEAN, "std": STD}

CONFIGURATION = Path(__file__).with_name(f"{OPEN_CLIP_NAME}.json")


def register() -> None:
    """Make `open_clip.create_model("edge-builtin")` work; does nothing when called again."""
    import open_clip
    import timm

    from edge_identify.convert.builtin.image_tower import edge_efficientnet_lite0

    if not timm.is_model(edge_efficientnet_lite0.__name__):
        timm.models.register_model(edge_efficientnet_lite0)
    if OPEN_CLIP_NAME not in open_clip.list_models():
        open_clip.add_model_config(CONFIGURATION)
