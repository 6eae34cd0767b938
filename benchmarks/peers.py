"""rclip and fastembed, made ready to answer the same question offline: their own code, random weights.

Neither is installed with this project; each lives in an environment of its own, whose Python is given. Their model
files are written here, float32, from the architectures they run (ViT-B-32-256 for rclip, ViT-B-32 for fastembed), by
torch's ONNX exporter as their makers do, and laid where each looks before it would download.

rclip's database is filled through its own `DB` class with random unit vectors: indexing 4,000 pictures would take it
minutes and leave the same rows. fastembed has no index, so its script multiplies with a matrix, which is the least
that could be done.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from material import clustered_vectors
from measuring import Command

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_RCLIP_WEIGHTS = "ViT-B-32-256-datacomp_s34b_b86k"  # the folder in which rclip 3.3 looks
_RCLIP_MODEL, _RCLIP_SIZE_PX = "ViT-B-32-256", 256
_FASTEMBED_MODEL, _FASTEMBED_SIZE_PX = "ViT-B-32", 224
_DIM = 512

_FILL_RCLIP = """
import sys, numpy
from rclip.db import DB
database, pictures, vectors = sys.argv[1:]
db = DB(database)
for number, vector in enumerate(numpy.load(vectors)):
    row = {"filepath": f"{pictures}/{number}.jpg", "modified_at": 0.0, "size": 1, "hash": f"{number:064x}"}
    db.upsert_image({**row, "vector": vector.tobytes()}, commit=False)
db.close()
"""

_ASK_FASTEMBED = """
import sys, numpy
from fastembed import ImageEmbedding
photo, weights, vectors = sys.argv[1:]
model = ImageEmbedding("Qdrant/clip-ViT-B-32-vision", specific_model_path=weights)
(embedding,) = model.embed([photo])
scores = numpy.load(vectors) @ embedding
best = numpy.argpartition(-scores, 5)[:5]
print(best[numpy.argsort(-scores[best])])
"""


def rclip_command(python: Path, photo: Path, folder: Path, *, references: int) -> Command:
    """Lay out rclip's data and return its own command line, asked for a photo.

    Args:
        python: The interpreter that has rclip; its command lies beside it.
        photo: The question.
        folder: For its data; made.
        references: Pictures in its database.

    Raises:
        subprocess.CalledProcessError: Its database cannot be filled; another version, perhaps.
    """
    weights, tokenizer, pictures = folder / _RCLIP_WEIGHTS, folder / "tokenizer", folder / "pictures"
    for made in (weights, tokenizer, pictures):
        made.mkdir(parents=True)
    export_visual(_RCLIP_MODEL, _RCLIP_SIZE_PX, weights / "visual.onnx", input_name="input")
    (weights / "textual.onnx").touch()  # looked for, never opened by a photo's query
    shutil.copyfile(_clip_vocabulary(), tokenizer / "bpe_simple_vocab_16e6.txt.gz")
    vectors = _saved_vectors(folder, references)
    fill = [str(python), "-c", _FILL_RCLIP, str(folder / "db.sqlite3"), str(pictures), str(vectors)]
    subprocess.run(fill, check=True)
    words = [str(python.parent / "rclip"), "--no-indexing", "--top", "5", str(photo)]
    return Command(words=words, folder=pictures, environment={"RCLIP_DATADIR": str(folder)})


def fastembed_command(python: Path, photo: Path, folder: Path, *, references: int) -> Command:
    """Lay out fastembed's model and return a script that embeds a photo with it and ranks the references.

    Args:
        python: The interpreter that has fastembed.
        photo: The question.
        folder: For its model; made.
        references: Rows of the matrix.
    """
    folder.mkdir(parents=True)
    export_visual(_FASTEMBED_MODEL, _FASTEMBED_SIZE_PX, folder / "model.onnx", input_name="pixel_values")
    (folder / "preprocessor_config.json").write_text(json.dumps(_clip_preprocessing(_FASTEMBED_SIZE_PX)))
    vectors = _saved_vectors(folder, references)
    return Command(words=[str(python), "-c", _ASK_FASTEMBED, str(photo), str(folder), str(vectors)])


def python_on_path(package: str) -> Path | None:
    """Return the Python of the environment of a package's command on PATH, or this one; None if neither has it."""
    command = shutil.which(package)
    beside = Path(command).parent / "python" if command else Path(sys.executable)
    return beside if has_package(beside, package) else None


def has_package(python: Path, package: str) -> bool:
    """Return whether an environment has a package."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    try:
        return subprocess.run([str(python), "-c", code], check=False).returncode == 0
    except OSError:
        return False


def export_visual(model: str, size_px: int, out: Path, *, input_name: str) -> None:
    """Write open_clip's image tower of a name with random weights: normalised pixels [n, 3, size, size] to features."""
    import torch

    from edge_identify.convert.models.libraries.library_logging import muted
    from edge_identify.convert.models.model_loading import load_model

    visual = load_model(model, "random").model.visual
    assert isinstance(visual, torch.nn.Module)
    with muted("torch", "onnxscript", "onnx_ir"), warnings.catch_warnings(), torch.no_grad():
        # torch's exporter copies objects of its own that it has deprecated (2.13).
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec", category=FutureWarning)
        torch.onnx.export(
            visual.eval(),
            (torch.zeros(2, 3, size_px, size_px),),
            str(out),
            dynamo=True,
            verbose=False,
            opset_version=18,
            external_data=False,
            input_names=[input_name],
            output_names=["output"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )


def _clip_vocabulary() -> Path:
    spec = find_spec("open_clip")
    assert spec is not None, "its model was exported a moment ago"
    assert spec.origin is not None, "it is a folder of modules, not of packages"
    return Path(spec.origin).parent / "bpe_simple_vocab_16e6.txt.gz"


def _saved_vectors(folder: Path, count: int) -> Path:
    import numpy as np

    vectors: NDArray[np.float32] = clustered_vectors(count, _DIM, seed=1)
    np.save(folder / "vectors.npy", vectors)
    return folder / "vectors.npy"


def _clip_preprocessing(size_px: int) -> dict[str, object]:
    """Return what OpenAI's CLIP publishes as `preprocessor_config.json`, for a size."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": size_px},
        "resample": 3,  # Pillow's number of bicubic
        "do_center_crop": True,
        "crop_size": {"height": size_px, "width": size_px},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
