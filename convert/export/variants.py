"""The variants in which a tower is exported.

`export_tower` writes each variant into the pack's folder and returns its facts for the manifest. Fidelity is measured
afterwards, on the exported files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from edge_identify.convert.caching.build_cache import cache_key
from edge_identify.convert.caching.kept_vectors import KeyedEncoder
from edge_identify.convert.progress import Progress, during, no_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import Fidelity, Runtime, Tensor, Variant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Batch = NDArray[np.uint8] | NDArray[np.int64]
    Embed = Callable[[Batch], NDArray[np.float32]]

#: The preferred variant of each runtime first: small before exact. The part after the hyphen is the form: `int8`
#: (weights and arithmetic), `w8` and `w4` (weights only, for transformers), `6bit` (a palette of 64 values), `fp16`,
#: `fp32`.
ONNX_VARIANTS = ("onnx-int8", "onnx-w8", "onnx-w4", "onnx-fp16", "onnx-fp32")
COREML_VARIANTS = ("coreml-int8", "coreml-6bit", "coreml-fp16")
ALL_VARIANTS = (*ONNX_VARIANTS, *COREML_VARIANTS)
DEFAULT_VARIANTS = ("onnx-int8", "coreml-int8")  # laptops, Android and browsers; iPhones

#: The lowest opset that torch's exporter writes. Fused graphs also use operators of ONNX Runtime (com.microsoft).
ONNX_OPSET = 18

#: Output name of every exported graph.
OUTPUT_NAME = "embedding"


@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True)
class ExportedVariant:
    """An exported tower, before the fidelity gate.

    Attributes:
        name: Name of the variant, such as `onnx-int8`.
        runtime: The library that runs it.
        model: Path in the pack: a file, or a folder for Core ML.
        input: Name, type and shape of the graph's input.
        output: Name, type and shape of the graph's output.
        requires: The least version of the runtime, in words.
        embed: Runs the exported file: returns unit vectors, float32 [n, dim].
        saturating: Names of integer products that may overflow on a processor without VNNI. The fidelity gate refuses
            variants that have any.
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
        """Return the manifest's entry of the variant.

        Args:
            fidelity: The measured fidelity.
            folder: The pack's folder; all files under `model` are listed.
        """
        return Variant(
            name=self.name,
            runtime=self.runtime,
            model=self.model,
            files=tuple(path.relative_to(folder).as_posix() for path in self.files(folder)),
            input=self.input,
            output=self.output,
            requires=self.requires,
            fidelity=fidelity,
            portable=not self.saturating,
        )

    def files(self, folder: Path) -> list[Path]:
        """Return the files of the variant in a pack's folder, sorted."""
        model = folder / self.model
        return [model] if model.is_file() else sorted(path for path in model.rglob("*") if path.is_file())

    def keyed(self, folder: Path) -> KeyedEncoder:
        """Return the encoder with a key that covers its files in a pack's folder."""
        hashes = [(path.relative_to(folder).as_posix(), sha256_of_file(path)) for path in self.files(folder)]
        return KeyedEncoder(key=cache_key("variant", hashes), embed=self.embed, one_by_one=self.runtime is Runtime.ONNX)


def checked_variant_names(text: str) -> tuple[str, ...]:
    """Parse `--variants`: names separated by commas.

    Raises:
        SetupError: A name is unknown, or no ONNX variant is named.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if unknown := [name for name in names if name not in ALL_VARIANTS]:
        raise SetupError(f"--variants: {unknown[0]!r} is not known; choose from {', '.join(ALL_VARIANTS)}")
    if not set(names) & set(ONNX_VARIANTS):
        raise SetupError("--variants: at least one onnx variant is needed; it embeds the references")
    return names


#: Reads the basic form of a runtime (first path) and writes another form of it (second path).
Rewrite = Callable[[Path, Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerExport:
    """The exporters of one tower.

    Attributes:
        kind: `image` or `text`.
        dim: Length of an embedding.
        onnx_input: Input of the ONNX graph.
        coreml_input: Input of the Core ML program.
        write_onnx: Writes the basic ONNX form, fp32, to a file.
        onnx_forms: Makes each form from the basic one, by name of the form; the basic form is copied.
        write_coreml: Writes the basic Core ML form, an fp16 `.mlpackage`; returns the least system, such as `iOS 16`.
        coreml_forms: Makes each form from the basic one, by name of the form; the basic form is copied.
        embed_coreml: Runs a package: returns unit vectors, float32 [n, dim].
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
    """Export a tower as the named variants.

    Args:
        tower: The exporters of the tower.
        names: Names from `ALL_VARIANTS`.
        folder: The pack's folder; it exists.
        progress: Shows the progress over the variants.

    Returns:
        The exported variants, by name, in the order of `names`.

    Raises:
        SetupError: A variant cannot be made of this tower, or the runtime lacks an operator of it.
    """
    exported: dict[str, ExportedVariant] = {}
    with TemporaryDirectory() as scratch:
        if onnx := [name for name in names if name in ONNX_VARIANTS]:
            source = Path(scratch) / "model.onnx"
            during(progress, f"{tower.kind} encoder, export to ONNX", lambda: tower.write_onnx(source))
            forms = progress(f"{tower.kind} encoder, ONNX variants", onnx)
            exported |= {name: _place_onnx(tower, name, source, folder) for name in forms}
        if coreml := [name for name in names if name in COREML_VARIANTS]:
            package = Path(scratch) / "model.mlpackage"
            system = during(progress, f"{tower.kind} encoder, export to Core ML", lambda: tower.write_coreml(package))
            forms = progress(f"{tower.kind} encoder, Core ML variants", coreml)
            exported |= {name: _place_coreml(tower, name, package, folder, system) for name in forms}
    return {name: exported[name] for name in names}


def load_variant(
    folder: Path,
    *,
    name: str,
    runtime: Runtime,
    model: str,
    input: Tensor,
    output: Tensor,
    requires: str,
    saturating: tuple[str, ...],
    embed_coreml: Callable[[Path, Batch], NDArray[np.float32]],
) -> ExportedVariant:
    """Return a variant whose files lie in the pack's folder; ONNX files are loaded.

    Args:
        folder: The pack's folder.
        name: See `ExportedVariant`; so are the other arguments.
        runtime: The library that runs it.
        model: Path in the pack.
        input: Input of the graph.
        output: Output of the graph.
        requires: The least version of the runtime.
        saturating: Names of products that may overflow.
        embed_coreml: Runs a Core ML package.
    """
    from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder

    path = folder / model
    if runtime is Runtime.ONNX:
        embed = OnnxEncoder(path, name=name, input_name=input.name, output_name=output.name, many=True).embed
    else:
        embed = partial(embed_coreml, path)
    return ExportedVariant(
        name=name,
        runtime=runtime,
        model=model,
        input=input,
        output=output,
        requires=requires,
        embed=embed,
        saturating=saturating,
    )


def _place_onnx(tower: TowerExport, name: str, source: Path, folder: Path) -> ExportedVariant:
    from edge_identify.convert.export.onnx.integer_products import saturating_products

    model = _place(tower, name, folder) / source.name
    _rewrite_for(tower, name, tower.onnx_forms)(source, model)
    return load_variant(
        folder,
        name=name,
        runtime=Runtime.ONNX,
        model=model.relative_to(folder).as_posix(),
        input=tower.onnx_input,
        output=Tensor(name=OUTPUT_NAME, dtype="float32", shape=(-1, tower.dim)),
        requires=f"ONNX Runtime, opset {ONNX_OPSET}",
        saturating=saturating_products(model) if _form(name) == "int8" else (),
        embed_coreml=tower.embed_coreml,
    )


def _place_coreml(tower: TowerExport, name: str, source: Path, folder: Path, system: str) -> ExportedVariant:
    model = _place(tower, name, folder) / source.name
    _rewrite_for(tower, name, tower.coreml_forms)(source, model)
    return load_variant(
        folder,
        name=name,
        runtime=Runtime.COREML,
        model=model.relative_to(folder).as_posix(),
        input=tower.coreml_input,
        output=Tensor(name=OUTPUT_NAME, dtype="float32", shape=(1, tower.dim)),
        requires=system,
        saturating=(),
        embed_coreml=tower.embed_coreml,
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
