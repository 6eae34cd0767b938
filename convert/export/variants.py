"""The forms in which a tower is exported: which exist, how each is made, and how to ask one for embeddings.

Each form is written into the pack's folder; what the manifest will say of it comes back. Fidelity is measured
afterwards, on the exported file and not on the graph it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import Fidelity, Runtime, Tensor, Variant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Batch = NDArray[np.uint8] | NDArray[np.int64]
    Embed = Callable[[Batch], NDArray[np.float32]]

#: Best first of each runtime: small before exact. The part after the hyphen is the form: `int8` (weights and
#: arithmetic), `w8` and `w4` (weights alone, for transformers), `6bit` (a palette of 64 values), `fp16`, `fp32`.
ONNX_VARIANTS = ("onnx-int8", "onnx-w8", "onnx-w4", "onnx-fp16", "onnx-fp32")
COREML_VARIANTS = ("coreml-int8", "coreml-6bit", "coreml-fp16")
ALL_VARIANTS = (*ONNX_VARIANTS, *COREML_VARIANTS)
DEFAULT_VARIANTS = ("onnx-int8", "coreml-int8")  # laptops, Android and browsers; iPhones

#: The lowest that torch's exporter writes. Fused graphs use operators of ONNX Runtime (com.microsoft) beside it.
ONNX_OPSET = 18

#: What every exported graph calls its unit vectors.
OUTPUT_NAME = "embedding"


@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True)
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
        saturating: Names of its integer products that may overflow on a processor without VNNI; the fidelity gate
            lets none through.
    """

    name: str
    runtime: Runtime
    model: str
    input: Tensor
    output: Tensor
    requires: str
    embed: Embed
    saturating: tuple[str, ...] = ()

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
            portable=not self.saturating,
        )


def checked_variant_names(text: str) -> tuple[str, ...]:
    """Read `--variants`: names joined by commas.

    Raises:
        SetupError: A name is unknown, or there is none that a laptop or Android can run.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if unknown := [name for name in names if name not in ALL_VARIANTS]:
        raise SetupError(f"--variants: {unknown[0]!r} is not known; choose from {', '.join(ALL_VARIANTS)}")
    if not set(names) & set(ONNX_VARIANTS):
        raise SetupError("--variants: at least one onnx variant is needed; it embeds the references")
    return names


#: Reads the runtime's basic form and writes a form of it.
Rewrite = Callable[[Path, Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerExport:
    """How one tower is written in each runtime's forms.

    Attributes:
        kind: `image` or `text`.
        dim: Length of an embedding.
        onnx_input: What the ONNX graph takes.
        coreml_input: What the Core ML program takes.
        write_onnx: Writes the basic ONNX form, fp32, to a file.
        onnx_forms: How each form is made of it, by form; the basic form is copied.
        write_coreml: Writes the basic Core ML form, an fp16 `.mlpackage`; returns the least system, such as `iOS 16`.
        coreml_forms: Likewise.
        embed_coreml: Evaluates a package.
    """

    kind: str
    dim: int
    onnx_input: Tensor
    coreml_input: Tensor
    write_onnx: Callable[[Path], None]
    onnx_forms: Mapping[str, Rewrite]
    write_coreml: Callable[[Path], str]
    coreml_forms: Mapping[str, Rewrite]
    embed_coreml: Callable[[Path, Batch], NDArray[np.float32]]


def export_tower(
    tower: TowerExport, names: tuple[str, ...], folder: Path, progress: Progress = no_progress
) -> Mapping[str, ExportedVariant]:
    """Export a tower in every form that was asked for.

    Args:
        tower: How it is written.
        names: From `ALL_VARIANTS`.
        folder: The pack's folder, which exists.
        progress: Is shown the forms.

    Returns:
        The exported variants, by name, in the order of `names`.
    """
    exported: dict[str, ExportedVariant] = {}
    with TemporaryDirectory() as scratch:
        if onnx := [name for name in names if name in ONNX_VARIANTS]:
            source = Path(scratch) / "model.onnx"
            tower.write_onnx(source)
            forms = progress(f"{tower.kind} encoder, ONNX", onnx)
            exported |= {name: _place_onnx(tower, name, source, folder) for name in forms}
        if coreml := [name for name in names if name in COREML_VARIANTS]:
            source = Path(scratch) / "model.mlpackage"
            system = tower.write_coreml(source)
            forms = progress(f"{tower.kind} encoder, Core ML", coreml)
            exported |= {name: _place_coreml(tower, name, source, folder, system) for name in forms}
    return {name: exported[name] for name in names}


def _place_onnx(tower: TowerExport, name: str, source: Path, folder: Path) -> ExportedVariant:
    from edge_identify.convert.export.onnx.integer_products import saturating_products
    from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder

    model = _place(tower, name, folder) / source.name
    _rewrite_for(tower, name, tower.onnx_forms)(source, model)
    output = Tensor(name=OUTPUT_NAME, dtype="float32", shape=(-1, tower.dim))
    encoder = OnnxEncoder(model, name=name, input_name=tower.onnx_input.name, output_name=output.name, many=True)
    return ExportedVariant(
        name=name,
        runtime=Runtime.ONNX,
        model=model.relative_to(folder).as_posix(),
        input=tower.onnx_input,
        output=output,
        requires=f"ONNX Runtime, opset {ONNX_OPSET}",
        embed=encoder.embed,
        saturating=saturating_products(model) if _form(name) == "int8" else (),
    )


def _place_coreml(tower: TowerExport, name: str, source: Path, folder: Path, system: str) -> ExportedVariant:
    model = _place(tower, name, folder) / source.name
    _rewrite_for(tower, name, tower.coreml_forms)(source, model)
    return ExportedVariant(
        name=name,
        runtime=Runtime.COREML,
        model=model.relative_to(folder).as_posix(),
        input=tower.coreml_input,
        output=Tensor(name=OUTPUT_NAME, dtype="float32", shape=(1, tower.dim)),
        requires=system,
        embed=lambda batch: tower.embed_coreml(model, batch),
    )


def _place(tower: TowerExport, name: str, folder: Path) -> Path:
    place = folder / "encoders" / tower.kind / name
    place.mkdir(parents=True)
    return place


def _rewrite_for(tower: TowerExport, name: str, forms: Mapping[str, Rewrite]) -> Rewrite:
    form = _form(name)
    if form not in forms:
        raise SetupError(f"--variants: {name} cannot be made of this model's {tower.kind} tower; choose another form")
    return forms[form]


def _form(name: str) -> str:
    """Return the form in a variant's name: `int8` of `onnx-int8`."""
    return name.rpartition("-")[2]
