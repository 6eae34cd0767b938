"""Every family of encoders in every variant: bytes, fidelity and milliseconds of both towers.

    python benchmarks/families.py --results families.jsonl [FAMILY ...] [--rounds 9]
    python benchmarks/families.py --table families.jsonl > benchmarks/FAMILIES.md

The first form measures each family in a process of its own and adds one JSON line to the results; families that are
there already are skipped, so an interrupted run goes on where it stopped. The second form writes the table.

Published weights are hundreds of megabytes each, under many licences, and this runs without a network. So the weights
are random, drawn so that every layer matters (`--pretrained random`), except those of
`builtin`. Random weights forgive less than trained ones; bytes and milliseconds are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from families_table import families_table
from material import single_threaded_session
from measuring import cpu_ms_interleaved, print_line

from edge_identify.convert.export.variants import ALL_VARIANTS, ONNX_VARIANTS
from edge_identify.convert.models.model_names import BUILTIN, RANDOM
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    from edge_identify.convert.export.fidelity_samples import FidelityBench
    from edge_identify.convert.export.variants import ExportedVariant, TowerExport
    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.edge_runtime.pack.manifest import Fidelity

CUSTOM = "custom"

#: Cheap ones first, so that an interrupted run has the most rows.
FAMILIES = (
    BUILTIN,
    CUSTOM,
    "ViT-B-32",
    "ViTamin-S",
    "ViT-B-16",
    "ViT-B-16-SigLIP",
    "EVA02-B-16",
    "MobileCLIP2-S0",
    "RN50",
    "convnext_base",
    "MobileCLIP-S1",
    "MobileCLIP-S2",
    "ViT-L-14",
)

#: `--model-config`: a small transformer with layer scale and pooling over all patches, as a person might set one up.
_CUSTOM_CONFIGURATION = {
    "embed_dim": 256,
    "vision_cfg": {"image_size": 160, "layers": 6, "width": 384, "patch_size": 16, "ls_init_value": 0.1},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 256, "heads": 4, "layers": 4},
}

_PICTURES = 64  # as many as the fidelity gate looks at


def main() -> None:
    """Measure families, or write the table of what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=f"default: {', '.join(FAMILIES)}")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON lines; made, or added to")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print the Markdown table of these results")
    parser.add_argument("--references", type=Path, metavar="FILE.csv", help="an image list (default: drawn mosaics)")
    parser.add_argument("--variants", default=",".join(ALL_VARIANTS), metavar="LIST")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if options.table:
        print(families_table(_read_results(options.table), FAMILIES), end="")
    elif options.results:
        sys.exit(1 if _measure_each(options) else 0)
    elif not options.families:
        parser.error("nothing to do: name a FAMILY, or --results FILE to measure all, or --table FILE")
    else:
        for family in options.families:
            _measure_family(family, options.references, options.variants.split(","), options.rounds)


def _read_results(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a results file; a last one that a killed run left half-written is passed over, aloud."""
    *whole, last = path.read_text(encoding="utf-8").split("\n")
    if last:
        print(f"{path}: passed over its last line, which was not written to its end", file=sys.stderr)
    return [json.loads(line) for line in whole]


def _measure_each(options: argparse.Namespace) -> list[str]:
    """Measure the families that the results do not have, and return those that failed."""
    known, failed = _measured_before(options.results), list[str]()
    asked = ["--variants", options.variants, "--rounds", str(options.rounds)]
    with tempfile.TemporaryDirectory(prefix="families-") as folder:
        references = options.references or _draw_references(Path(folder))
        for family in [family for family in options.families or FAMILIES if family not in known]:
            print(family, file=sys.stderr, flush=True)
            command = [sys.executable, __file__, family, "--references", str(references), *asked]
            ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if ended.returncode:
                print(f"{family}: FAILED with {ended.returncode}, see above", file=sys.stderr, flush=True)
                failed.append(family)
                continue
            with options.results.open("a", encoding="utf-8") as results:
                results.write(ended.stdout)
    return failed


def _measured_before(results: Path) -> set[str]:
    """Return the families that the results have, and take away a half-written last line, to go on behind the others."""
    if not results.exists():
        return set()
    lines = _read_results(results)
    data = results.read_bytes()
    if not data.endswith(b"\n"):
        write_bytes(results, data[: data.rfind(b"\n") + 1])
    return {line["family"] for line in lines}


def _draw_references(folder: Path) -> Path:
    from edge_identify.datasets.drawn.demo import draw_demo_set

    return draw_demo_set(folder, count=_PICTURES).references


def _measure_family(family: str, references: Path | None, names: list[str], rounds: int) -> None:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="families-") as scratch:
        folder = Path(scratch)
        model = _load(family, folder)
        bench = _bench(model, references or _draw_references(folder / "demo"), folder)
        rows = _measure_towers(model, bench, folder, names, rounds)
    print_line(
        "families",
        family=family,
        weights=model.pretrained,
        dim=model.dim,
        size_px=model.preprocessing.size_px,
        samples={"image": bench.image_sample.description, "text": bench.text_sample.description},
        towers=rows,
        seconds=round(time.perf_counter() - started),
    )


def _load(family: str, folder: Path) -> LoadedModel:
    from edge_identify.convert.models.model_families import describe_model
    from edge_identify.convert.models.model_loading import load_model

    if family == CUSTOM:
        configuration = folder / "custom.json"
        configuration.write_text(json.dumps(_CUSTOM_CONFIGURATION), encoding="utf-8")
        return load_model(BUILTIN, RANDOM, model_config=configuration)
    if family == BUILTIN:
        return load_model(BUILTIN)
    tokenizer = _drawn_tokenizer(folder) if describe_model(family).needs_tokenizer_file else None
    return load_model(family, RANDOM, tokenizer=tokenizer)


def _drawn_tokenizer(folder: Path) -> Path:
    """Write a tokenizer of T5's kind and size, 32,000 pieces: SigLIP's own is not ours to carry.

    It splits words into pairs of letters, whose ids lie spread over the whole vocabulary.
    """
    import random
    import string
    from itertools import product

    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    pairs = ["".join(pair) for pair in product(string.ascii_lowercase, repeat=2)]
    known = [*string.ascii_letters, *string.digits, *string.punctuation, "▁", *pairs]
    pieces = ["<pad>", "</s>", "<unk>", *known]
    pieces += [f"<unused_{number}>" for number in range(32_000 - len(pieces))]
    order = pieces[3:]
    random.Random(0).shuffle(order)
    scored = [(piece, -float(1 + (len(piece) == 1))) for piece in [*pieces[:3], *order]]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=2, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def _bench(model: LoadedModel, references: Path, folder: Path) -> FidelityBench:
    from edge_identify.convert.caching.build_cache import BuildCache
    from edge_identify.convert.export.fidelity_samples import make_bench
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.sources import parse_source

    source = parse_source(f"image-list:{references}")
    with Catalogue.open(folder / "demo.catalogue") as catalogue:
        catalogue.add(source)
        cache = BuildCache(folder / "cache")
        return make_bench(model, folder, catalogue.references(), catalogue.images(), cache)


def _measure_towers(
    model: LoadedModel, bench: FidelityBench, folder: Path, names: list[str], rounds: int
) -> Mapping[str, Mapping[str, object]]:
    from edge_identify.convert.export.tower_exports import image_tower_export, text_tower_export
    from edge_identify.convert.packing.pack_encoders import preferred_embedder

    def judge_images(variants: Mapping[str, ExportedVariant]) -> Mapping[str, Fidelity]:
        return bench.measure_images(variants, preferred_embedder(variants))

    image, text = image_tower_export(model), text_tower_export(model)
    photo, words = bench.image_sample.queries[0].draw(), bench.text_sample.queries[0].draw()
    return {
        "image": _measure_tower(image, judge_images, photo, folder, names, rounds),
        "text": _measure_tower(text, bench.measure_texts, words, folder, names, rounds),
    }


def _measure_tower(
    tower: TowerExport,
    judge: Callable[[Mapping[str, ExportedVariant]], Mapping[str, Fidelity]],
    example: Any,
    folder: Path,
    names: list[str],
    rounds: int,
) -> Mapping[str, object]:
    """Export a tower as `edge-build pack --drop-drifting` does, and keep the figures of what it drops."""
    from edge_identify.convert.export.variants import export_tower
    from edge_identify.convert.packing.pack_encoders import FidelityGate

    made = tuple(
        name
        for name in names
        if name.rpartition("-")[2] in (tower.onnx_forms if name in ONNX_VARIANTS else tower.coreml_forms)
    )
    exported = export_tower(tower, made, folder)
    megabytes = {name: _megabytes(folder / variant.model) for name, variant in exported.items()}
    figures: dict[str, Fidelity] = {}

    def judge_and_keep(variants: Mapping[str, ExportedVariant]) -> Mapping[str, Fidelity]:
        measured = judge(variants)
        figures.update(measured)  # a dropped variant keeps the last figures that it had
        return measured

    passed = FidelityGate(folder, drop_drifting=True).pass_through(tower.kind, exported, judge_and_keep)
    models = {name: folder / variant.model for name, variant in passed.items() if name in ONNX_VARIANTS}
    del exported  # its sessions hold each model once or twice
    taken = cpu_ms_interleaved({name: _single_threaded(model, example) for name, model in models.items()}, rounds)
    rows: dict[str, object] = {name: {"state": "not made" if name in names else "not run"} for name in ALL_VARIANTS}
    for name in made:
        rows[name] = {
            "state": "passed" if name in passed else "refused",
            "megabytes": megabytes[name],
            "cpu_ms": taken.get(name),
            **{key: value for key, value in asdict(figures[name]).items() if key != "sample"},
        }
    return rows


def _megabytes(model: Path) -> float:
    files = [model] if model.is_file() else [path for path in model.rglob("*") if path.is_file()]
    return round(sum(path.stat().st_size for path in files) / 1e6, 1)


def _single_threaded(model: Path, example: Any) -> Callable[[], object]:
    session = single_threaded_session(model)
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: example})


if __name__ == "__main__":
    main()
