"""What a hundred new pictures cost in a catalogue of 4,000: adding them, embedding them, and the whole next pack.

    python benchmarks/growing_catalogue.py [--count 4000] [--new 100]

Prints one JSON line: CPU and wall seconds of embedding all pictures with the built-in encoder's int8 form as a build
does it, of doing it again with 100 more (whose share is asked to be at most 5 %), and of adding them; whether the
pictures that the encoder is measured on stayed the same, without which it would be another encoder; and how many were
embedded. The pictures are drawn, 128 pixels wide: larger ones take longer to decode, and make the share smaller.

Then, as whole commands with their start-up, in a second catalogue: `edge-build add` of all pictures, `edge-build pack`
of them, in the ONNX int8 form, and both again with the new ones. What a pack takes beside embedding (exporting,
calibrating, comparing with the original) does not depend on what is new.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import PIL.Image
from measuring import print_line

from edge_identify.convert.export.fidelity import sample_positions
from edge_identify.convert.export.fidelity_samples import MOST_IMAGES, make_bench
from edge_identify.convert.models.model_loading import load_model
from edge_identify.convert.models.model_names import BUILTIN
from edge_identify.convert.packing.pack_encoders import export_encoders
from edge_identify.convert.packing.reference_embeddings import embed_references
from edge_identify.convert.progress import no_progress
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import parse_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_identify.convert.export.variants import ExportedVariant
    from edge_identify.convert.models.model_loading import LoadedModel

_MOST_SHARE = 0.05
_SIDE_PX = 128


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--new", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), options.count, options.new)


def _measure(folder: Path, count: int, new: int) -> None:
    (folder / "pictures").mkdir()
    (folder / "pack").mkdir()
    source = parse_source(f"images:{folder / 'pictures'}")
    _draw(folder / "pictures", range(count))
    with Catalogue.open(folder / "catalogue") as catalogue:
        catalogue.add(source)
        before = _sample(catalogue)
        model, embedder = _encoder(folder / "pack", catalogue)
        run = _Run(catalogue, folder / "pack", model, embedder)
        full = _seconds(run.embed)
        full_commands = _commands(folder, "1.0.0")
        _draw(folder / "pictures", range(count, count + new))
        adding = _seconds(lambda: catalogue.add(source))
        run.embedded = 0
        grown = _seconds(run.embed)
        grown_commands = _commands(folder, "1.1.0")
        print_line(
            "growing_catalogue",
            count=count,
            new=new,
            full_cpu_s=full[0],
            full_wall_s=full[1],
            grown_cpu_s=grown[0],
            grown_wall_s=grown[1],
            share_cpu=round(grown[0] / full[0], 4),
            most_share=_MOST_SHARE,
            embedded=run.embedded,
            same_encoder=_sample(catalogue) == before,
            adding_wall_s=adding[1],
            **{f"{name}_full_{unit}": value for name, unit, value in _named(full_commands)},
            **{f"{name}_grown_{unit}": value for name, unit, value in _named(grown_commands)},
        )


def _commands(folder: Path, version: str) -> dict[str, tuple[float, float]]:
    """Run the two commands on all pictures that are there; return CPU and wall seconds of each."""
    catalogue = ["--catalogue", str(folder / "commands.catalogue")]
    pack = ["--name", "grown", "--version", version, "--variants", "onnx-int8", "--out", str(folder / "whole-pack")]
    return {
        "command_add": _command_seconds(["add", f"images:{folder / 'pictures'}", *catalogue]),
        "command_pack": _command_seconds(["pack", *catalogue, *pack, "--replace"]),
    }


def _command_seconds(words: list[str]) -> tuple[float, float]:
    code = "import sys; from edge_identify.convert.cli.main import main; sys.exit(main())"
    before, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True)
    wall_s, after = time.perf_counter() - wall_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return round(cpu_s, 2), round(wall_s, 2)


def _named(commands: dict[str, tuple[float, float]]) -> Iterator[tuple[str, str, float]]:
    for name, (cpu_s, wall_s) in commands.items():
        yield name, "cpu_s", cpu_s
        yield name, "wall_s", wall_s


class _Run:
    """Embedding as a build does it, counting the pictures that reach the encoder."""

    def __init__(self, catalogue: Catalogue, folder: Path, model: LoadedModel, embedder: ExportedVariant) -> None:
        self._catalogue = catalogue
        self._folder = folder
        self._model = model
        self._embedder = embedder
        self.embedded = 0

    def embed(self) -> None:
        images = self._catalogue.images()
        known = len(self._known())
        embedded = embed_references(
            self._embedder,
            self._folder,
            self._model.preprocessing,
            self._model.dim,
            images,
            self._catalogue.build_memory(),
            no_progress,
        )
        assert len(embedded.images) == len(images)
        self.embedded = len(self._known()) - known

    def _known(self) -> list[object]:
        return list(self._catalogue._database.execute("SELECT 1 FROM embedding"))


def _encoder(folder: Path, catalogue: Catalogue) -> tuple[LoadedModel, ExportedVariant]:
    model = load_model(BUILTIN, None)
    by_id = {image.index_id: image for image in catalogue.images()}
    bench = make_bench(model, catalogue.references(), [by_id[index_id] for index_id in _sample(catalogue)])
    encoders = export_encoders(model, ("onnx-int8",), bench, folder, drop_drifting=False)
    return model, encoders.embedder


def _sample(catalogue: Catalogue) -> tuple[int, ...]:
    ids = [image.index_id for image in catalogue.images()]
    return catalogue.build_memory().sample(ids, lambda count: sample_positions(count, MOST_IMAGES))


def _seconds(thing: Callable[[], object]) -> tuple[float, float]:
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    thing()
    return round(time.process_time() - cpu_s, 2), round(time.perf_counter() - wall_s, 2)


def _draw(folder: Path, numbers: range) -> None:
    for number in numbers:
        tiles = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        PIL.Image.fromarray(tiles).resize((_SIDE_PX, _SIDE_PX)).save(folder / f"{number:05}.jpg", quality=90)


if __name__ == "__main__":
    main()
