"""`edge-build models`: list encoders with their sizes and licences."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.subcommand import add_json_option, subcommand
from edge_identify.convert.export.export_sizes import estimated_bytes
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.convert.models.model_families import ModelDescription, PublishedWeights
    from edge_identify.convert.models.weights.weights_licences import Licence


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "models",
        "list the tested encoders, or describe one encoder and its published weights",
        "edge-build models",
        "edge-build models ViT-B-32",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="builtin, or the name of an open_clip model")
    add_json_option(parser)
    parser.set_defaults(run=_models)


def _models(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.models.model_families import FAMILIES, describe_model, other_models

    descriptions = [describe_model(name) for name in ((options.name,) if options.name else FAMILIES)]
    others = () if options.name else other_models()
    if options.json:
        models = [_as_json(description) for description in descriptions]
        print(json.dumps({"models": models, "others": others}, ensure_ascii=False, indent=2))
    elif options.name:
        _print_one(descriptions[0])
    else:
        _print_table(descriptions, others)
    return ExitCode.DONE


def _print_table(descriptions: list[ModelDescription], others: tuple[str, ...]) -> None:
    print(f"{'model':<16} {'dim':>4} {'px':>4} {'image':>8} {'text':>8} {'int8':>12}  published weights")
    for description in descriptions:
        print(
            f"{description.name:<16} {description.dim:>4} {description.size_px:>4} "
            f"{_millions(description.image_parameters):>8} {_millions(description.text_parameters):>8} "
            f"{_int8_megabytes(description):>12}  {_licences_in_short(description.weights)}"
        )
    print(
        "\nimage, text: number of parameters; int8: estimated size of the two files. `edge-build models NAME` shows the"
        f" other sizes and the weights. open_clip has {len(others)} more models; their export is not tested."
    )


def _print_one(description: ModelDescription) -> None:
    print(
        f"{description.name}: embeddings of {description.dim}, images of {description.size_px} px, "
        f"{_millions(description.image_parameters)} parameters for images, "
        f"{_millions(description.text_parameters)} for text"
    )
    _print_sizes(description)
    if description.needs_tokenizer_file:
        print("  its text encoder needs the model's tokenizer.json (--tokenizer)")
    for weights in description.weights:
        print(f"  {description.name}/{weights.tag}: {_licence_line(weights.licence)}")
    if not description.weights:
        print("  no published weights; use --pretrained FILE")


def _print_sizes(description: ModelDescription) -> None:
    print("  estimated file sizes in MB (from the number of parameters; layers that int8 would harm stay larger):")
    for tower, sizes in estimated_bytes(description).items():
        print(f"    {tower:<5} {', '.join(f'{name} {size / 1e6:.0f}' for name, size in sizes.items())}")


def _int8_megabytes(description: ModelDescription) -> str:
    sizes = estimated_bytes(description)
    return " + ".join(f"{sizes[tower]['onnx-int8'] / 1e6:.0f}" for tower in ("image", "text")) + " MB"


def _licence_line(licence: Licence | None) -> str:
    if licence is None:
        return "licence unknown; ask the publisher"
    note = ", for research only: needs --accept-licence" if licence.is_research_only else ""
    return f"{licence.name}{note} ({licence.source})"


def _licences_in_short(weights: tuple[PublishedWeights, ...]) -> str:
    counts = Counter(_short_name(published.licence) for published in weights)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none"


def _short_name(licence: Licence | None) -> str:
    if licence is None:
        return "of unknown licence"
    name, *_ = licence.name.split(" (")
    return f"{name} (research only)" if licence.is_research_only else name


def _as_json(description: ModelDescription) -> dict[str, Any]:
    weights = [
        {"tag": published.tag, "licence": published.licence and asdict(published.licence)}
        for published in description.weights
    ]
    return asdict(description) | {"weights": weights, "estimated_bytes": estimated_bytes(description)}


def _millions(count: int) -> str:
    return f"{count / 1e6:.1f} M"
