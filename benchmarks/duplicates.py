"""How well `edge-build duplicates` tells copies of a picture from pictures of look-alikes.

    python benchmarks/duplicates.py [--count 100]

Prints a JSON line for each way to change a picture, one for look-alikes, one for each difference that might be taken
for the limit, and one for the whole search. Copies: drawn things and mosaics, changed as people and programs change
pictures: compressed, resized, cropped by up to an eighth on each side, tinted, and all of that at once. Look-alikes:
near-twins, mosaics on one wall that differ in one colour or in one to five tiles, with and without the same changes.
`convert.exploring.duplicates` has its limits from here. Images of different things
are no measure of it: any method tells them apart.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import PIL.Image
from measuring import print_line
from PIL.Image import Resampling

from edge_identify.convert.exploring.catalogue_embeddings import embed_catalogue
from edge_identify.convert.exploring.duplicates import LEAST_SIMILARITY, MOST_DIFFERENCE, find_duplicates
from edge_identify.convert.exploring.image_comparison import look_of, worst_difference
from edge_identify.convert.exploring.images_to_keep import Candidate
from edge_identify.convert.models.model_loading import load_model
from edge_identify.convert.models.model_names import BUILTIN
from edge_identify.convert.progress import no_progress
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.drawn.instances import DrawnInstance, draw_families, draw_near_twins
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.photos.preprocessing import preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.convert.models.model_loading import LoadedModel

    Change = Callable[[Image, np.random.Generator], Image]

_SEED = 7_202_611_221
_LIMITS = (8, 12, 16, 20, 24, 28, 32, 36, 44)
_MOST_CUT = 0.125  # of a side, at each of its ends


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="near-twins, and as many other drawn things")
    options = parser.parse_args()
    rng = np.random.default_rng(_SEED)
    twins = [(_picture(one), _picture(other)) for one, other in draw_near_twins(rng, options.count)]
    things = [_picture(family[0]) for family in islice(draw_families(rng, ()), options.count)]
    originals = [*things, *(one for one, _ in twins)]
    model = load_model(BUILTIN)
    copies = {
        name: _measured("copies", name, [(each, change(each, rng)) for each in originals], model)
        for name, change in _CHANGES.items()
    }
    alike = {
        name: _measured("look-alikes", name, [(one, change(other, rng)) for one, other in twins], model)
        for name, change in {"unchanged": _unchanged, **_CHANGES}.items()
    }
    same, other = np.concatenate(list(copies.values())), np.concatenate(list(alike.values()))
    for limit in _LIMITS:
        print_line(
            "duplicates_limit",
            limit=limit,
            copies_found=round(float((same <= limit).mean()), 4),
            look_alikes_taken_for_copies=round(float((other <= limit).mean()), 4),
        )
    with tempfile.TemporaryDirectory() as folder:
        _search(Path(folder), things, twins, model, rng)


def _picture(instance: DrawnInstance) -> Image:
    cut = PIL.Image.fromarray(instance.pixels)
    return PIL.Image.alpha_composite(PIL.Image.new("RGBA", cut.size, (255, 255, 255, 255)), cut).convert("RGB")


def _unchanged(picture: Image, _rng: np.random.Generator) -> Image:
    return picture


def _compressed(picture: Image, quality: int) -> Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return PIL.Image.open(buffer).convert("RGB")


def _resized(picture: Image, factor: float) -> Image:
    return picture.resize((round(picture.width * factor), round(picture.height * factor)), Resampling.LANCZOS)


def _cropped(picture: Image, rng: np.random.Generator) -> Image:
    left, top, right, bottom = rng.uniform(0, _MOST_CUT, 4)
    width, height = picture.size
    return picture.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


def _tinted(picture: Image, rng: np.random.Generator) -> Image:
    pixels = (np.asarray(picture, np.float32) - 128) * rng.uniform(0.85, 1.15) + 128 + rng.uniform(-15, 15)
    return PIL.Image.fromarray(np.clip(pixels * rng.uniform(0.85, 1.15, 3), 0, 255).astype(np.uint8))


def _everything(picture: Image, rng: np.random.Generator) -> Image:
    changed = _tinted(_resized(_cropped(picture, rng), rng.uniform(0.6, 1.4)), rng)
    return _compressed(changed, int(rng.integers(60, 95)))


_CHANGES: dict[str, Change] = {
    "JPEG 75": lambda picture, _: _compressed(picture, 75),
    "JPEG 40": lambda picture, _: _compressed(picture, 40),
    "half size": lambda picture, _: _resized(picture, 0.5),
    "three quarters, JPEG 80": lambda picture, _: _compressed(_resized(picture, 0.75), 80),
    "one and a half": lambda picture, _: _resized(picture, 1.5),
    "cropped": _cropped,
    "tinted": _tinted,
    "everything": _everything,
}


def _measured(kind: str, change: str, pairs: Sequence[tuple[Image, Image]], model: LoadedModel) -> NDArray[np.float64]:
    """Print what is found of pairs and return their differences; what no search would compare differs by 255."""
    similar = np.sum(_embedded([one for one, _ in pairs], model) * _embedded([two for _, two in pairs], model), axis=1)
    started = time.process_time()
    looks = [(look_of(one.copy()), look_of(other.copy())) for one, other in pairs]
    apart = np.array([worst_difference(one, other, enough=MOST_DIFFERENCE) for one, other in looks])
    cpu_ms = 1000 * (time.process_time() - started) / len(pairs)
    compared = similar >= LEAST_SIMILARITY
    apart = np.where(compared, apart, 255.0)
    print_line(
        "duplicates_pairs",
        kind=kind,
        change=change,
        pairs=len(pairs),
        similarity={str(share): round(float(np.quantile(similar, share)), 3) for share in (0, 0.02, 0.5)},
        compared=round(float(compared.mean()), 4),
        difference={str(share): round(float(np.quantile(apart, share)), 1) for share in (0.02, 0.5, 0.98)},
        found=round(float((apart <= MOST_DIFFERENCE).mean()), 4),
        cpu_ms_each=round(cpu_ms, 1),
    )
    return apart


def _embedded(pictures: Sequence[Image], model: LoadedModel) -> NDArray[np.float32]:
    from edge_identify.convert.export.towers import embed, image_tower

    return embed(image_tower(model), np.stack([preprocess(picture, model.preprocessing) for picture in pictures]))


def _search(
    folder: Path,
    things: Sequence[Image],
    twins: Sequence[tuple[Image, Image]],
    model: LoadedModel,
    rng: np.random.Generator,
) -> None:
    """Hide one copy of each thing and of each first twin in a catalogue that has the other twins too, and look."""
    changes = list(_CHANGES.values())
    for at, picture in enumerate([*things, *(one for one, _ in twins)]):
        picture.save(folder / f"{at}.png")
        changes[at % len(changes)](picture, rng).save(folder / f"{at}copy.png")
    for at, (_, other) in enumerate(twins):
        other.save(folder / f"twin{at}.png")
    with Catalogue.open(folder / "catalogue") as catalogue:
        catalogue.add(parse_source(f"images:{folder}"))
        facts, references = catalogue.image_facts(), {each.id: each for each in catalogue.references()}
        embedded = embed_catalogue(model, [each.image for each in facts], catalogue.build_memory(), no_progress, print)
    started = time.process_time()
    groups = find_duplicates(
        [Candidate(facts=each, reference=references[each.image.reference_id]) for each in facts],
        {image.sha256: row for image, row in zip(embedded.images, embedded.embeddings[:], strict=True)},
    )
    cpu_s = time.process_time() - started
    told = [(_thing_of(group.kept), _thing_of(copy.candidate)) for group in groups for copy in group.copies]
    right = sum(one == other for one, other in told)
    hidden = len(things) + len(twins)
    print_line(
        "duplicates_search",
        pictures=len(facts),
        copies_hidden=hidden,
        recall=round(right / hidden, 4),
        precision=round(right / max(1, len(told)), 4),
        cpu_s=round(cpu_s, 1),
    )


def _thing_of(candidate: Candidate) -> str:
    return candidate.image.path.stem.removesuffix("copy")


if __name__ == "__main__":
    main()
