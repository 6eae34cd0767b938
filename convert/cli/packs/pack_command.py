"""`edge-build pack`: build a pack from a catalogue."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.catalogue_option import add_catalogue_option
from edge_identify.convert.cli.options.model_options import add_model_options
from edge_identify.convert.cli.options.subcommand import add_json_option, print_note, subcommand
from edge_identify.convert.cli.packs.history_command import add_option, open_mlflow, record_build
from edge_identify.convert.cli.packs.kept_quantiser import keep_quantiser, with_kept_quantiser
from edge_identify.convert.cli.packs.printed_build import print_build
from edge_identify.convert.cli.packs.shares import share_below_half
from edge_identify.convert.export.compute_device import BATCH_SIZE, Batches, Computing, Device, choose_device
from edge_identify.convert.export.variants import ALL_VARIANTS, DEFAULT_VARIANTS, checked_variant_names
from edge_identify.convert.progress import shown_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.pack.manifest import FeatureForm
from edge_identify.edge_runtime.pack.manifest_json import LEAST_PHOTO_VIEW, MAX_PHOTO_VIEWS, MAX_THUMBNAIL_SIDE_PX
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_identify.convert.calibrating.real_photos import RealPhotoTable
    from edge_identify.convert.calibrating.strangers import StrangerFolder
    from edge_identify.convert.packing.pack_request import PackRequest
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

MAX_BATCH_SIZE = 65_536  # 10 GB of pixels for a ViT; a larger one is a typing mistake
_FIRST_VERSION = "1.0.0"
_NO_FEATURES = "none"
LEAST_SIDE_PX = 16  # smaller thumbnails show nothing


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "pack",
        "build a pack from a catalogue",
        "edge-build pack --catalogue my.catalogue --name street-art --out street-art-pack",
        exit_codes=[ExitCode.SOME_SKIPPED, ExitCode.PHOTO, ExitCode.PACK, ExitCode.NETWORK],
        meanings={ExitCode.PACK: "the name or version of the pack is not valid"},
    )
    add_catalogue_option(parser)
    _add_identity_options(parser)
    _add_content_options(parser)
    _add_encoder_options(parser)
    _add_identification_options(parser)
    _add_computing_options(parser)
    add_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_pack)


def _add_identity_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pack")
    group.add_argument(
        "--name", required=True, metavar="NAME", help="name of the pack: lower-case letters, digits, hyphens"
    )
    group.add_argument(
        "--version",
        metavar="X.Y.Z",
        help="version of the pack (default: 1.0.0, and the next minor version after a build from this catalogue)",
    )
    group.add_argument("--title", metavar="TEXT", help="title of the pack, one line (default: the name)")
    group.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder to write the pack to; a name that ends in .edgepack makes one file to carry by hand, which "
        "`edge-identify install` reads",
    )
    group.add_argument("--replace", action="store_true", help="replace an existing pack in --out")


def _add_content_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("contents")
    group.add_argument(
        "--thumbnails",
        type=_side_px,
        metavar="PX",
        help="add a thumbnail of each reference image, its longer side at most PX pixels; this publishes the images "
        "and makes the pack larger (default: 256 with --local-features thumbnails, otherwise none)",
    )
    group.add_argument(
        "--local-features",
        choices=(*FeatureForm, _NO_FEATURES),
        default=FeatureForm.THUMBNAILS,
        help="how devices compare a photo with reference images point by point: thumbnails shows small pictures (3 to "
        "5 kB each), descriptors shows none (11 kB each), none leaves it out (default: thumbnails)",
    )
    group.add_argument(
        "--file-names",
        action="store_true",
        help="add the type of each reference image and its path within its source, such as cats/tabby.jpg; licence "
        "and provenance are always added, the path on this disk never",
    )
    group.add_argument(
        "--as-of",
        type=_day,
        metavar="YYYY-MM-DD",
        help="only references that are valid on this day (attributes valid_from, valid_until)",
    )


def _add_encoder_options(parser: argparse.ArgumentParser) -> None:
    group = add_model_options(parser)
    group.add_argument(
        "--variants",
        default=",".join(DEFAULT_VARIANTS),
        metavar="LIST",
        help=f"exported variants, of {', '.join(ALL_VARIANTS)} (default: {','.join(DEFAULT_VARIANTS)})",
    )
    group.add_argument(
        "--drop-drifting",
        action="store_true",
        help="leave out a variant whose fidelity to the original is too low (default: stop)",
    )
    group.add_argument(
        "--adapter",
        type=Path,
        metavar="FILE",
        help="adapt the encoders to this catalogue: FILE is read if it exists, otherwise an adapter is trained and "
        "written there; use the same FILE for later versions, so that their encoders stay the same; useful from about "
        "1,000 references",
    )


def _add_identification_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("identification on devices")
    group.add_argument(
        "--false-accept-rate",
        type=share_below_half,
        default=0.02,
        metavar="SHARE",
        help="largest share of photos of unrelated things that may be called anything but unknown (default: 0.02)",
    )
    group.add_argument(
        "--sibling-rate",
        type=share_below_half,
        metavar="SHARE",
        help="the same of siblings: things that resemble a reference and are not in the pack, such as another flavour "
        "(default: no limit; PACK.md tells the measured share)",
    )
    group.add_argument(
        "--photos",
        type=Path,
        metavar="FILE",
        help="your photos whose answer is known, in the table that `evaluate --queries` reads: query, id; confidences "
        "and thresholds are fitted to them, too; some dozens suffice, 10 is the least",
    )
    group.add_argument(
        "--strangers",
        type=Path,
        metavar="DIR",
        help="folder of your photos of unrelated things, subfolders included: the false accept rate is held against "
        "them, too; no photo in it may show a reference",
    )
    group.add_argument(
        "--photo-views",
        type=_photo_views,
        metavar="SHARES",
        help="centre crops of a photo that are encoded, as shares of its sides; each costs one encoding (default: "
        "1,0.85,0.7 for the built-in encoder; other encoders use one view by default)",
    )


def _add_computing_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("computation")
    group.add_argument(
        "--batch-size",
        type=_batch_size,
        default=BATCH_SIZE,
        metavar="N",
        help=f"images per batch (default: {BATCH_SIZE}); halved when memory runs out. Vectors of int8 transformers "
        "depend on it a little (cosine of .9997 and more between 1 and 32, measured on a tiny one); float32 does not",
    )
    group.add_argument(
        "--device",
        choices=("auto", *Device),
        default="auto",
        metavar="DEVICE",
        help=f"device of the original encoder: auto (default: the fastest), {', '.join(Device)}; reference images are "
        "embedded there too if ONNX Runtime gives the same result on it",
    )


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
        raise argparse.ArgumentTypeError(f"{text!r} holds a share twice; give each once")
    return shares


def _side_px(text: str) -> int:
    side_px = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not LEAST_SIDE_PX <= side_px <= MAX_THUMBNAIL_SIDE_PX:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of pixels from {LEAST_SIDE_PX} to {MAX_THUMBNAIL_SIDE_PX}, such as 96"
        )
    return side_px


def _pack(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.packing.carried_out import folder_for

    with folder_for(options.out, replace=options.replace) as folder:
        return _build_in(folder, options)


def _build_in(folder: Path, options: argparse.Namespace) -> ExitCode:
    request = _request(options, folder)
    from edge_identify.convert.caching.build_cache import BuildCache, cache_folder
    from edge_identify.convert.calibrating.strangers import doubts_in_words
    from edge_identify.convert.packing.pack_building import build_pack
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.catalogue.validity import packable

    started = perf_counter()
    computing = Computing(
        wanted=_checked_device(options.device), batches=Batches(options.batch_size, tell=print_note), tell=print_note
    )
    with Catalogue.open_existing(options.catalogue) as catalogue:
        if options.version is None:
            request = replace(request, version=_next_version(catalogue, request))
        request = with_kept_quantiser(request, catalogue)
        runs = open_mlflow(options)
        chosen = packable(catalogue.references(), withdrawn=catalogue.withdrawals(), as_of=options.as_of)
        for problem in chosen.unreadable:
            print(f"skipped: {printable(problem)}", file=sys.stderr)
        ids = {reference.id for reference in chosen.references}
        images = [image for image in catalogue.images() if image.reference_id in ids]
        if not images:
            raise SetupError(
                f"{options.catalogue}: holds no images for a pack; add some with `edge-build add` "
                f"({counted(chosen.withdrawn, 'reference')} withdrawn, {chosen.not_valid} not valid on the day, "
                f"{len(chosen.unreadable)} with a date that cannot be read)"
            )
        photos = None if options.photos is None else _real_photos(options.photos, images)
        strangers = None if options.strangers is None else _strangers(options.strangers, images)
        report = build_pack(
            request,
            chosen.references,
            images,
            photos=photos,
            strangers=strangers.photos if strangers else (),
            progress=shown_progress,
            memory=catalogue.build_memory(),
            cache=BuildCache(cache_folder(options.catalogue), tell=print_note),
            computing=computing,
        )
        seconds = perf_counter() - started
        keep_quantiser(request, report, catalogue)
        record_build(options, catalogue, report, seconds, str(computing.used), runs)
    if options.thumbnails is None and request.thumbnail_side_px is not None:
        print_note("the pack shows small pictures of the references; --local-features descriptors shows none")
    if chosen.withdrawn or chosen.not_valid:
        withdrawn = counted(chosen.withdrawn, "reference")
        print(f"left out: {withdrawn} withdrawn, {chosen.not_valid} not valid", file=sys.stderr)
    for left_out in report.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    for dropped in report.dropped:
        print(f"left out: {dropped}", file=sys.stderr)
    if report.binary_codes_left_out:
        print(f"left out: {report.binary_codes_left_out}", file=sys.stderr)
    if report.calibration.left_out_because:
        print(f"left out: {report.calibration.left_out_because}", file=sys.stderr)
    for left_out in report.photos_left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    if doubts := report.calibration.doubtful_strangers:
        names = {reference.id: reference.name for reference in chosen.references}
        print(f"warning: {printable(doubts_in_words(doubts, names))}", file=sys.stderr)
    if report.photos_unused_because:
        print(f"left out: --photos: {printable(report.photos_unused_because)}", file=sys.stderr)
    if report.texts.left_out_because:
        print(f"left out: {report.texts.left_out_because}", file=sys.stderr)
    print_build(report, options.out, seconds, as_json=options.json)
    skipped_photos = (photos is not None and photos.left_out) or report.photos_left_out
    skipped_strangers = strangers is not None and strangers.left_out
    missing = chosen.unreadable or report.left_out or report.dropped
    is_whole = not (missing or skipped_photos or skipped_strangers or report.photos_unused_because)
    return ExitCode.DONE if is_whole else ExitCode.SOME_SKIPPED


def _real_photos(table: Path, images: Sequence[CatalogueImage]) -> RealPhotoTable:
    """Read the photos before the long build; say which are left out.

    Raises:
        SetupError: The table cannot be used.
    """
    from edge_identify.convert.calibrating.real_photos import read_real_photos

    found = read_real_photos(table, images, shown_progress)
    for left_out in found.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    return found


def _strangers(folder: Path, images: Sequence[CatalogueImage]) -> StrangerFolder:
    """Read the photos of unrelated things before the long build; say which are left out.

    Raises:
        SetupError: The folder cannot be used.
    """
    from edge_identify.convert.calibrating.strangers import read_strangers

    found = read_strangers(folder, images, shown_progress)
    for left_out in found.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    if found.left_out:
        print(f"left out: --strangers: {counted(len(found.left_out), 'file')} cannot be read", file=sys.stderr)
    if found.reference_images:
        copies = counted(len(found.reference_images), "reference image")
        first = printable(str(found.reference_images[0]))
        print(f"left out: --strangers: {copies} of the pack, such as {first}", file=sys.stderr)
    return found


def _next_version(catalogue: Catalogue, request: PackRequest) -> PackVersion:
    last = catalogue.build_history().last_version(request.name)
    return request.version if last is None else PackVersion.parse(last).next_minor()


def _checked_device(wanted: str) -> str:
    """Return the device; a named one is looked for at once, `auto` when a computation needs torch."""
    return wanted if wanted == "auto" else choose_device(wanted)


def _request(options: argparse.Namespace, folder: Path) -> PackRequest:
    """Check the options before torch is loaded: a typing mistake is answered at once."""
    from edge_identify.convert.packing.pack_request import PackRequest

    return PackRequest(
        name=checked_pack_name(options.name),
        version=PackVersion.parse(options.version or _FIRST_VERSION),
        title=options.title or options.name,
        model_name=options.model,
        pretrained=options.pretrained,
        variant_names=checked_variant_names(options.variants),
        out=folder,
        replace=options.replace,
        drop_drifting=options.drop_drifting,
        model_config=options.model_config,
        tokenizer_file=options.tokenizer,
        accept_licence=options.accept_licence,
        false_accept_rate=options.false_accept_rate,
        sibling_rate=options.sibling_rate,
        thumbnail_side_px=_thumbnail_side_px(options),
        local_features=None if options.local_features == _NO_FEATURES else FeatureForm(options.local_features),
        photo_views=options.photo_views,
        adapter_file=options.adapter,
        file_names=options.file_names,
    )


def _thumbnail_side_px(options: argparse.Namespace) -> int | None:
    side_px: int | None = options.thumbnails
    if side_px is None and options.local_features == FeatureForm.THUMBNAILS:
        from edge_identify.convert.packing.pack_local_features import FEATURE_THUMBNAIL_PX

        return FEATURE_THUMBNAIL_PX
    return side_px
