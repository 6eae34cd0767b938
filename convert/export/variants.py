"""The forms in which a tower is exported: which exist, how each is made, and how to ask one for embeddings.

Each form is written into the pack's folder; what the manifest will say of it comes back. Fidelity is measured
afterwards, on the exported file and not on the graph it came from.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import Fidelity, Runtime, Tensor, Variant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Batch = NDArray[np.uint8] | NDArray[np.int64]
    Embed = Callable[[Batch], NDArray[np.float32]]

ALL_VARIANTS = ("onnx-int8", "onnx-fp32", "coreml-int8", "coreml-fp16")
DEFAULT_VARIANTS = (
    "onnx-int8",
    "coreml-int8",
)  # the small one for each runtime: laptops and Android, iPhones

#: The lowest that torch's exporter writes; ONNX Runtime reads it since 1.14, on phones and in browsers too.
ONNX_OPSET = 18

#: What every exported graph calls its unit vectors.
OUTPUT_NAME = "embedding"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedVariant:
    """An exported tower that has not been judged yet.

    Attributes:
        name: Such as `onnx-int8`.
        runtime: The library that runs it.
        model: Path in the pack: a file, or a folder for Core ML.
        input: What the graph takes.
        output: What it returns.
        requires: The least runtime, in words.
        embed: Asks the exported file for unit vectors, float32 [n, dim].
    """

    name: str
    runtime: Runtime
    model: str
    input: Tensor
    output: Tensor
    requires: str
    embed: Embed

    def judged(self, fidelity: Fidelity, folder: Path) -> Variant:
        """Return the manifest's entry, with all files that lie under `model` in the pack's folder."""
        model = folder / self.model
        files = [model] if model.is_file() else sorted(path for path in model.rglob("*") if path.is_file())
        return Variant(
            name=self.name,
            runtime=self.runtime,
            model=self.model,
            files=tuple(path.relative_to(folder).as_posix() for path in files),
            input=self.input,
            output=self.output,
            requires=self.requires,
            fidelity=fidelity,
        )


def checked_variant_names(text: str) -> tuple[str, ...]:
    """Read `--variants`: names joined by commas.

    Raises:
        SetupError: A name is unknown, or there is none that a laptop or Android can run.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if unknown := [name for name in names if name not in ALL_VARIANTS]:
        raise SetupError(f"--variants: {unknown[0]!r} is not known; choose from {', '.join(ALL_VARIANTS)}")
    if not any(name.startswith("onnx-") for name in names):
        raise SetupError("--variants: at least one onnx variant is needed; it embeds the references")
    return names


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerExport:
    """How one tower is written in each runtime's form.

    Attributes:
        kind: `image` or `text`.
        dim: Length of an embedding.
        onnx_input: What the ONNX graph takes.
        coreml_input: What the Core ML program takes.
        write_onnx: Writes the fp32 graph to a file.
        quantise_onnx: Reads the fp32 file and writes an int8 one.
        write_coreml: Writes the fp16 `.mlpackage`; returns the least system, such as `iOS 16`.
        quantise_coreml: Reads the fp16 package and writes one with int8 weights.
        embed_coreml: Evaluates a package.
    """

    kind: str
    dim: int
    onnx_input: Tensor
    coreml_input: Tensor
    write_onnx: Callable[[Path], None]
    quantise_onnx: Callable[[Path, Path], None]
    write_coreml: Callable[[Path], str]
    quantise_coreml: Callable[[Path, Path], None]
    embed_coreml: Callable[[Path, Batch], NDArray[np.float32]]


def export_tower(tower: TowerExport, names: tuple[str, ...], folder: Path) -> Mapping[str, ExportedVariant]:
    """Export a tower in every form that was asked for.

    Args:
        tower: How it is written.
        names: From `ALL_VARIANTS`.
        folder: The pack's folder, which exists.

    Returns:
        The exported variants, by name, in the order of `names`.
    """
    place = folder / "encoders" / tower.kind
    onnx = [name for name in names if name.startswith("onnx-")]
    coreml = [name for name in names if name.startswith("coreml-")]
    exported: dict[str, ExportedVariant] = {}
    with TemporaryDirectory() as scratch:
        if onnx:
            tower.write_onnx(Path(scratch) / "model.onnx")
        for name in onnx:
            exported[name] = _place_onnx(tower, name, Path(scratch) / "model.onnx", place / name, folder)
        system = tower.write_coreml(Path(scratch) / "model.mlpackage") if coreml else ""
        for name in coreml:
            exported[name] = _place_coreml(tower, name, Path(scratch) / "model.mlpackage", place / name, folder, system)
    return {name: exported[name] for name in names}


def _place_onnx(tower: TowerExport, name: str, source: Path, place: Path, folder: Path) -> ExportedVariant:
    from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder

    place.mkdir(parents=True)
    model = place / source.name
    if name.endswith("-int8"):
        tower.quantise_onnx(source, model)
    else:
        shutil.copyfile(source, model)
    output = Tensor(name=OUTPUT_NAME, dtype="float32", shape=(-1, tower.dim))
    encoder = OnnxEncoder(model, name=name, input_name=tower.onnx_input.name, output_name=output.name, many=True)
    return ExportedVariant(
        name=name,
        runtime=Runtime.ONNX,
        model=model.relative_to(folder).as_posix(),
        input=tower.onnx_input,
        output=output,
        requires=f"ONNX opset {ONNX_OPSET}",
        embed=encoder.embed,
    )


def _place_coreml(
    tower: TowerExport, name: str, source: Path, place: Path, folder: Path, system: str
) -> ExportedVariant:
    place.mkdir(parents=True)
    model = place / source.name
    if name.endswith("-int8"):
        tower.quantise_coreml(source, model)
    else:
        shutil.copytree(source, model)
    return ExportedVariant(
        name=name,
        runtime=Runtime.COREML,
        model=model.relative_to(folder).as_posix(),
        input=tower.coreml_input,
        output=Tensor(name=OUTPUT_NAME, dtype="float32", shape=(1, tower.dim)),
        requires=system,
        embed=lambda batch: tower.embed_coreml(model, batch),
    )
