"""What `families.py` measured, as Markdown: a line for each family, and a table for each with every variant.

Cosines are cut off after the fifth digit and never rounded up: .999996 is not 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

_TOWERS = ("image", "text")

_HEAD = """\
# Families and variants

Made by `python benchmarks/families.py --table FILE` from what `python benchmarks/families.py --results FILE` measured;
do not edit. For each family and tower: bytes (1 MB is 1,000,000), fidelity to the torch original in fp32, and
milliseconds of CPU time for one picture or text with one thread, medians of interleaved rounds. ONNX Runtime only: Core
ML runs on Apple's devices; its files are evaluated here from their saved program and weights, and not timed.

- *cosine*, *worst*, *centred*: mean, least, and mean after the embeddings' common part is taken away. *Same 1st*: how
  often the nearest reference is the original's, or ties with it. Digits are cut off, never rounded up.
- Weights are random, drawn so that every layer matters, except those of `builtin`. Bytes and milliseconds do not depend
  on that; fidelity does: random nets forgive less than trained ones, so `edge-build pack` measures again on your
  pictures with your weights, and refuses what drifts.
- *refused*: below the fidelity gate's thresholds (convert/export/fidelity.py); its figures are shown, and it is not
  timed. *not made*: this form is for transformers. *not run*: left out of the run, to save hours."""

_NOTES = {
    "ViT-B-16-SigLIP": "Its texts are split by a drawn tokenizer of 32,000 pieces; SigLIP's own file was not at hand.",
    "custom": "`--model-config`: a ViT of 6 layers and 384 channels for pictures of 160 px, a text tower of 4 layers.",
}


def families_table(lines: Sequence[dict[str, Any]], families: Sequence[str]) -> str:
    """Return the Markdown of the results' lines, in the order of `families`, others last; missing ones are named."""
    order = {family: position for position, family in enumerate(families)}
    known = sorted(lines, key=lambda line: order.get(line["family"], len(order)))
    missing = [family for family in families if family not in {line["family"] for line in lines}]
    note = [f"Not run yet: {', '.join(missing)}."] if missing else []
    return "\n\n".join([_HEAD, _machines(known), *note, _summary(known), *map(_family, known)]) + "\n"


def _machines(lines: Sequence[dict[str, Any]]) -> str:
    machines = "; ".join(sorted({line["machine"] for line in lines}))
    exact = [_least(lines, name) for name in ("onnx-fp32", "coreml-fp16")]
    return (
        f"Machine: {machines}; it was shared while this ran.\n\n"
        f"Least cosine of the families below, both towers: ONNX fp32 {exact[0]}, Core ML fp16 {exact[1]}."
    )


def _least(lines: Sequence[dict[str, Any]], name: str) -> str:
    found = [row["cosine_min"] for line in lines for row in _rows_of(line, name) if "cosine_min" in row]
    return _cut(min(found)) if found else "not run"


def _rows_of(line: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    return (line["towers"][tower][name] for tower in _TOWERS if name in line["towers"][tower])


def _summary(lines: Sequence[dict[str, Any]]) -> str:
    rows = [
        "| family | px | dim | image int8: MB | ms | of fp32 | text int8: MB | ms | of fp32 | refused |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| [{line['family']}](#{_anchor(line['family'])}) | {line['size_px']} | {line['dim']} | "
        f"{_int8(line, 'image')} | {_int8(line, 'text')} | {_refused(line)} |"
        for line in lines
    ]
    return "\n".join(rows)


def _anchor(family: str) -> str:
    return family.lower().replace(".", "")


def _int8(line: dict[str, Any], tower: str) -> str:
    variants = line["towers"][tower]
    small, exact = variants.get("onnx-int8", {}), variants.get("onnx-fp32", {})
    if small.get("state") != "passed":
        return "refused | - | -" if small.get("state") == "refused" else "- | - | -"
    ratio = f"{small['cpu_ms'] / exact['cpu_ms']:.2f}" if exact.get("cpu_ms") else "-"
    return f"{small['megabytes']:.1f} | {_milliseconds(small)} | {ratio}"


def _refused(line: dict[str, Any]) -> str:
    refused = [
        f"{tower} {name}"
        for tower in _TOWERS
        for name, row in line["towers"][tower].items()
        if row["state"] == "refused"
    ]
    return ", ".join(refused) or "none"


def _family(line: dict[str, Any]) -> str:
    note = _NOTES.get(line["family"])
    title = f"## {line['family']}\n\n" + (f"{note}\n\n" if note else "")
    head = [
        "| tower | variant | MB | ms | cosine | worst | centred | same 1st | gate |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [
        f"| {tower} | {name} | {_figures(row)} |" for tower in _TOWERS for name, row in line["towers"][tower].items()
    ]
    return title + "\n".join([*head, *rows])


def _figures(row: dict[str, Any]) -> str:
    if "cosine_mean" not in row:
        return f"- | - | - | - | - | - | {row['state']}"
    cosines = " | ".join(_cut(row[key]) for key in ("cosine_mean", "cosine_min", "cosine_centred"))
    return f"{row['megabytes']:.1f} | {_milliseconds(row)} | {cosines} | {row['top1_agreement']:.3f} | {row['state']}"


def _milliseconds(row: dict[str, Any]) -> str:
    return "-" if row["cpu_ms"] is None else f"{row['cpu_ms']:.1f}"


def _cut(cosine: float) -> str:
    return f"{math.floor(cosine * 1e5 + 1e-6) / 1e5:.5f}"
