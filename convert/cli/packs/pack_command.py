"""`edge-build pack`: a catalogue into a pack."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.model_options import add_model_options
from edge_identify.convert.cli.options.subcommand import megabytes, subcommand, tell_person
from edge_identify.convert.cli.packs.history_command import add_option, open_mlflow, record_build
from edge_identify.convert.export.compute_device import BATCH_SIZE, Batches, Computing, Device, choose_device
from edge_identify.convert.export.variants import ALL_VARIANTS, DEFAULT_VARIANTS, checked_variant_names
from edge_identify.convert.progress import shown_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.pack.manifest_json import LEAST_PHOTO_VIEW, MAX_PHOTO_VIEWS, MAX_THUMBNAIL_SIDE_PX
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.convert.packing.pack_request import BuildReport, PackRequest
    from edge_identify.edge_runtime.pack.manifest import Manifest, Variant

MAX_BATCH_SIZE = 65_536  # 10 GB of pixels for a ViT; a larger one is a typing mistake
LEAST_SIDE_PX = 16  # smaller pictures show nothing


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "pack",
        "build a pack from a catalogue",
        "edge-build pack --catalogue my.catalogue --name street-art --out street-art-pack",
    )
    parser.add_argument("--catalogue", type=Path, required=True, metavar="FILE")
    parser.add_argument("--name", required=True, help="the pack's name: lower-case letters, digits, hyphens")
    parser.add_argument("--version", default="1.0.0", metavar="X.Y.Z", help="the pack's version (default 1.0.0)")
    parser.add_argument("--title", help="one line for people (default: the name)")
    add_model_options(parser)
    parser.add_argument(
        "--variants",
        default=",".join(DEFAULT_VARIANTS),
        metavar="LIST",
        help=f"exported forms, of {', '.join(ALL_VARIANTS)} (default {','.join(DEFAULT_VARIANTS)})",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the pack's folder, to be made")
    parser.add_argument("--replace", action="store_true", help="replace a pack that is at --out")
    parser.add_argument(
        "--drop-drifting",
        action="store_true",
        help="leave out a form that does not follow the original closely enough, rather than stop",
    )
    parser.add_argument(
        "--false-accept-rate",
        type=_false_accept_rate,
        default=0.02,
        metavar="SHARE",
        help="share of photos of unknown things that may be taken for known ones (default 0.02)",
    )
    parser.add_argument(
        "--thumbnails",
        type=_side_px,
        metavar="PX",
        help="put a picture of each reference image into the pack, its longer side at most PX pixels, so that answers "
        "can be looked at offline; default: none, since this publishes the pictures, and makes the pack larger",
    )
    parser.add_argument(
        "--file-names",
        action="store_true",
        help="let the pack tell the type of each reference image, and its path within its source, such as "
        "cats/tabby.jpg; its licence and provenance are always told, its place on this disk never is",
    )
    parser.add_argument(
        "--photo-views",
        type=_photo_views,
        metavar="SHARES",
        help="how devices look at a photo: shares of its middle, each of which costs an encoding (default 1,0.85,0.7 "
        "for the built-in encoder, 1 for others)",
    )
    parser.add_argument(
        "--adapter",
        type=Path,
        metavar="FILE",
        help="adapt the encoders to this catalogue: an adapter is learnt and written to FILE, or read if FILE is "
        "there; keep it for later versions, whose encoders then stay the same. For a thousand references and more",
    )
    parser.add_argument(
        "--as-of",
        type=_day,
        metavar="YYYY-MM-DD",
        help="leave out references that are not valid on this day (attributes valid_from, valid_until)",
    )
    parser.add_argument(
        "--batch-size",
        type=_batch_size,
        default=BATCH_SIZE,
        metavar="N",
        help=f"how many pictures are embedded at a time (default {BATCH_SIZE}); where memory does not suffice, it is "
        "halved as often as it takes. Transformers in int8 give vectors that depend on it a little (cosine of .9997 "
        "and more between 1 and 32, measured on a tiny one); float32 does not",
    )
    parser.add_argument(
        "--device",
        choices=("auto", *Device),
        default="auto",
        help="where the original encoder computes, and the references are embedded where ONNX Runtime can do it there "
        "with the same result (default auto: the fastest there is)",
    )
    add_option(parser)
    parser.add_argument("--json", action="store_true", help="print what was built as one JSON object")
    parser.set_defaults(run=_pack)


def _batch_size(text: str) -> int:
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= size <= MAX_BATCH_SIZE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MAX_BATCH_SIZE}, such as {BATCH_SIZE}")
    return size


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-01-31") from error


def _false_accept_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 0.5:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0 and below 0.5, such as 0.02")
    return rate


def _photo_views(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(share) for share in text.split(","))
    except ValueError:
        shares = ()
    if not 1 <= len(shares) <= MAX_PHOTO_VIEWS or not all(LEAST_PHOTO_VIEW <= share <= 1 for share in shares):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of up to {MAX_PHOTO_VIEWS} shares from {LEAST_PHOTO_VIEW} to 1, such as 1,0.85,0.7"
        )
    if len(set(shares)) < len(shares):
        raise argparse.ArgumentTypeError(
            f"{text!r} has a share twice: the same view again costs time and says nothing new; give each once"
        )
    return shares


def _side_px(text: str) -> int:
    side_px = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not LEAST_SIDE_PX <= side_px <= MAX_THUMBNAIL_SIDE_PX:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of pixels from {LEAST_SIDE_PX} to {MAX_THUMBNAIL_SIDE_PX}, such as 96"
        )
    return side_px


def _pack(options: argparse.Namespace) -> ExitCode:
    request = _request(options)
    from edge_identify.convert.packing.pack_building import build_pack
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.catalogue.validity import packable

    started = perf_counter()
    computing = Computing(
        device=choose_device(options.device), batches=Batches(options.batch_size, tell=tell_person), tell=tell_person
    )
    with Catalogue.open_existing(options.catalogue) as catalogue:
        runs = open_mlflow(options)
        chosen = packable(catalogue.references(), withdrawn=catalogue.withdrawals(), as_of=options.as_of)
        ids = {reference.id for reference in chosen.references}
        images = [image for image in catalogue.images() if image.reference_id in ids]
        if not images:
            raise SetupError(
                f"{options.catalogue}: holds no pictures for a pack; add some with `edge-build add` "
                f"({chosen.withdrawn} references are withdrawn, {chosen.not_valid} not valid on the day)"
            )
        report = build_pack(
            request,
            chosen.references,
            images,
            progress=shown_progress,
            memory=catalogue.build_memory(),
            computing=computing,
        )
        seconds = perf_counter() - started
        record_build(options, catalogue, report, seconds, str(computing.device), runs)
    if chosen.withdrawn or chosen.not_valid:
        print(f"left out: {chosen.withdrawn} references withdrawn, {chosen.not_valid} not valid", file=sys.stderr)
    for left_out in report.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    for dropped in report.dropped:
        print(f"left out: {dropped}", file=sys.stderr)
    if report.binary_codes_left_out:
        print(f"left out: {report.binary_codes_left_out}", file=sys.stderr)
    if report.calibration.left_out_because:
        print(f"left out: {report.calibration.left_out_because}", file=sys.stderr)
    if report.texts.left_out_because:
        print(f"left out: {report.texts.left_out_because}", file=sys.stderr)
    _print_build(options, report, seconds)
    return ExitCode.SOME_SKIPPED if report.left_out or report.dropped else ExitCode.DONE


def _request(options: argparse.Namespace) -> PackRequest:
    """Check the options before torch is loaded: a typing mistake is answered at once."""
    from edge_identify.convert.packing.pack_request import PackRequest

    return PackRequest(
        name=checked_pack_name(options.name),
        version=PackVersion.parse(options.version),
        title=options.title or options.name,
        model_name=options.model,
        pretrained=options.pretrained,
        variant_names=checked_variant_names(options.variants),
        out=options.out,
        replace=options.replace,
        drop_drifting=options.drop_drifting,
        model_config=options.model_config,
        tokenizer_file=options.tokenizer,
        accept_licence=options.accept_licence,
        false_accept_rate=options.false_accept_rate,
        thumbnail_side_px=options.thumbnails,
        photo_views=options.photo_views,
        adapter_file=options.adapter,
        file_names=options.file_names,
    )


def _print_build(options: argparse.Namespace, report: BuildReport, seconds: float) -> None:
    manifest = report.manifest
    if options.json:
        print(json.dumps(_build_as_json(options.out, report, seconds), ensure_ascii=False, indent=2))
        return
    print(
        f"{manifest.name} {manifest.version}: {manifest.reference_count} references, {manifest.index.count} pictures, "
        f"{megabytes(manifest.size_bytes())} in {options.out}"
    )
    for kind, variants in (("image", manifest.image_variants), ("text", manifest.text_variants)):
        for variant in variants.values():
            print(f"  {kind:<5} {variant.name:<12} {_variant_line(manifest, variant)}")
    for name, found in report.calibration.calibrations.items():
        print(
            f"  decisions with {name}: of simulated photos, {100 * found.true_accepts:.0f} % of known things are "
            f"accepted, and {100 * found.false_accepts:.1f} % of unknown ones"
        )
    for name, texts in report.texts.calibrations.items():
        print(
            f"  bands for texts with {name}: of texts of labels and names, {100 * texts.genuine_strong:.0f} % are "
            f"strong and {100 * texts.genuine_fair:.0f} % fair or strong; of others, "
            f"{100 * texts.impostors_strong:.0f} and {100 * texts.impostors_fair:.0f} %"
        )
    if not manifest.text_variants:
        print("  no text encoder: it needs the model's tokenizer; see --tokenizer")


def _variant_line(manifest: Manifest, variant: Variant) -> str:
    fidelity = variant.fidelity
    centred = "" if fidelity.cosine_centred is None else f", centred {fidelity.cosine_centred:.4f}"
    return (
        f"{megabytes(_variant_bytes(manifest, variant)):>9}  cosine to the original: mean {fidelity.cosine_mean:.4f}, "
        f"least {fidelity.cosine_min:.4f}{centred}; same nearest reference {100 * fidelity.top1_agreement:.0f} %"
    )


def _build_as_json(out: Path, report: BuildReport, seconds: float) -> dict[str, Any]:
    manifest = report.manifest
    return {
        "pack": str(out),
        "name": manifest.name,
        "version": str(manifest.version),
        "references": manifest.reference_count,
        "pictures": manifest.index.count,
        "skipped": len(report.left_out),
        "size_bytes": manifest.size_bytes(),
        "seconds": round(seconds, 1),
        "calibration": {name: asdict(found) for name, found in report.calibration.calibrations.items()},
        "text_calibration": {name: asdict(found) for name, found in report.texts.calibrations.items()},
        "encoders": {
            kind: {
                variant.name: {
                    "size_bytes": _variant_bytes(manifest, variant),
                    **asdict(variant.fidelity),
                }
                for variant in variants.values()
            }
            for kind, variants in (("image", manifest.image_variants), ("text", manifest.text_variants))
        },
    }


def _variant_bytes(manifest: Manifest, variant: Variant) -> int:
    return sum(manifest.files[path].length_bytes for path in variant.files)
