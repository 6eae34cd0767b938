"""What a start of `edge-identify` costs where points are compared, beside one where similarity alone is sure.

    python benchmarks/compared_start.py --pack PACK --photos FOLDER [--rounds 7]

Installs PACK, which must have local features, twice: in one store the points of thumbnails can be kept between runs, in
the other a file is in the way. FOLDER holds photos; the first that similarity identifies and the first whose points are
compared are taken. Prints one JSON line: medians of wall and CPU time, and the ratios to the sure photo.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from cold_start import _OURS, _SETTLING_S, _install
from measuring import Command, compile_once, print_line, processes_interleaved

from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack, read_manifest
from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.store.installed_packs import POINTS_FOLDER_NAME

_SURE, _COMPARED, _NOT_KEPT = "sure", "compared", "compared_not_kept"
_TRIED = 60  # photos that are asked to find the two


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print_line("compared_start", rounds=options.rounds, **measure(options.pack, options.photos, options.rounds))


def measure(pack: Path, photos: Path, rounds: int) -> dict[str, object]:
    """Return the times of the three kinds of starts, and the ratios to the sure one."""
    sure, unsure = two_photos(open_pack(pack), sorted(photos.iterdir())[:_TRIED])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_once(folder / "compiled")
        manifest = read_manifest(pack)
        for store in ("kept", "not-kept"):
            _install(pack, manifest, folder / store)
        (folder / "not-kept" / manifest.name / POINTS_FOLDER_NAME).write_bytes(b"")  # no folder can be made there
        time.sleep(_SETTLING_S)
        figures = processes_interleaved(
            {
                _SURE: _command(sure, folder / "kept"),
                _COMPARED: _command(unsure, folder / "kept"),
                _NOT_KEPT: _command(unsure, folder / "not-kept"),
            },
            rounds,
        )
    ratios = {
        name: {key: round(taken[key] / figures[_SURE][key], 3) for key in taken if figures[_SURE][key]}
        for name, taken in figures.items()
        if name != _SURE
    }
    return {"figures": figures, "to_sure": ratios}


def two_photos(pack: Pack, photos: list[Path]) -> tuple[Path, Path]:
    """Return a photo that similarity identifies, and one that it does not."""
    found: dict[bool, Path] = {}
    with Identifier(pack, many=True) as identifier:
        for photo in photos:
            (answer,) = identifier.identify_batch([prepare_photo(photo, identifier.recipe)], top_k=1)
            found.setdefault(answer.decision is Decision.IDENTIFIED, photo)
            if len(found) == 2:
                return found[True], found[False]
    sys.exit(f"{len(photos)} photos are all decided alike by similarity: give others")


def _command(photo: Path, store: Path) -> Command:
    return Command(words=[sys.executable, "-c", _OURS, str(photo), "--json", "--store", str(store)])


if __name__ == "__main__":
    main()
