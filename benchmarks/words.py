"""How well `edge-identify search` finds references by their names, typed right and with one typing error.

    python benchmarks/words.py --data DIR [--pack PACK]

Builds one pack with the built-in encoder from all references of both sets under DIR (`grocery/`, `invaders/`; one that
is not there is skipped aloud), or opens PACK, which an earlier run wrote. Each reference's name is searched once as it
is and once with a typing error, drawn with a fixed seed: a letter left out, one too many, another one, or two swapped.
Prints one JSON line.

Trap: a mosaic's name is a code, such as PA_823. A wrong digit in it often gives another reference's code, or one that
dozens are equally near to. So each line also has the share that the best possible order reaches, which knows how the
errors were drawn; see `typing_limits`.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from string import ascii_lowercase, digits
from time import perf_counter
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from measuring import print_line
from real_photos import REAL_SETS, missing_part
from typing_limits import best_chances

from edge_identify.convert.cli.main import main as edge_build
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.pack.references import Reference, ReferenceTable
from edge_identify.edge_runtime.search.text_searcher import TextSearcher
from edge_identify.edge_runtime.search.words.word_index import WordIndex

SEED = 17
DEPTH = 3  # a name with a typing error is to be among so many
MANY = 20_000  # references of the larger index, whose making is timed

_COLUMNS: Mapping[str, tuple[str, str]] = {
    "grocery": ("path=path,id=id,name=name,category=kind,label=coarse", "description"),
    "invaders": ("path=path,id=id,name=id,namespace=city,label=status,lat=lat,lng=lng", "hint"),
}


def main() -> None:
    """Measure and print a line."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="words-") as scratch:
        folder = options.pack or Path(scratch) / "pack"
        if not folder.exists() and not build(options.data, folder):
            raise SystemExit("no set is there: nothing was measured")
        print_line("words", **measure(folder, limit=options.limit))


def build(data: Path, folder: Path) -> bool:
    """Build one pack from the sets that are there; return whether any is."""
    catalogue = folder.with_suffix(".catalogue")
    present = [real.name for real in REAL_SETS if not _is_missing(data, real.name)]
    for name in present:
        mapped, attributes = _COLUMNS[name]
        source = f"table:{data / name / 'references.csv'}"
        edge_build(["add", source, "--map", mapped, "--attributes", attributes, "--catalogue", str(catalogue)])
    pack = ["pack", "--catalogue", str(catalogue), "--name", "words", "--out", str(folder)]
    return bool(present) and edge_build([*pack, "--variants", "onnx-int8", "--photo-views", "1"]) == 0


def _is_missing(data: Path, name: str) -> bool:
    missing = missing_part(data / name)
    if missing:
        print(f"SKIPPED {name}: {missing}", file=sys.stderr)
    return bool(missing)


def measure(folder: Path, *, limit: int | None = None) -> dict[str, Any]:
    """Return the figures of all references, of names of words, and of codes by the place of the typing error."""
    pack = open_pack(folder)
    with ReferenceTable(pack.file(pack.manifest.references_file)) as table:
        references = table.references()
    generator = random.Random(SEED)
    typed = {each.id: with_typing_error(each.name, generator) for each in references}
    chosen = references[:: max(1, len(references) // limit)] if limit else references
    with TextSearcher(pack, many=True) as searcher:
        searcher.search("anything")  # makes the index
        exact = {each.id: _place_of(each.name, each.name, searcher) for each in chosen}
        wrong = {each.id: _place_of(each.name, typed[each.id], searcher) for each in chosen}
    best = best_chances({each.name: typed[each.id] for each in references}, depth=DEPTH)
    figures: dict[str, Any] = {"index_s": _seconds_of_index(references), "seed": SEED}
    for kind, some in _kinds(chosen, typed).items():
        figures[kind] = {
            "references": len(some),
            "exact_first": _share(exact[each.id][0] == 1 for each in some),
            f"one_error_in_{DEPTH}": _share(wrong[each.id][0] <= DEPTH for each in some),
            "one_error_first": _share(wrong[each.id][0] == 1 for each in some),
            f"best_order_in_{DEPTH}": round(sum(best[each.name] for each in some) / len(some), 3),
            "ms_exact": round(1000 * median(exact[each.id][1] for each in some), 1),
            "ms_one_error": round(1000 * median(wrong[each.id][1] for each in some), 1),
        }
    return figures


def with_typing_error(name: str, generator: random.Random) -> str:
    """Return a name with one typing error; letters are mistaken for letters, digits for digits."""
    while True:
        at = generator.randrange(len(name))
        sign = generator.choice(digits if name[at].isdigit() else ascii_lowercase)
        kind = generator.randrange(4)
        if kind == 0:
            typed = name[:at] + name[at + 1 :]
        elif kind == 1:
            typed = name[:at] + sign + name[at:]
        elif kind == 2:
            typed = name[:at] + sign + name[at + 1 :]
        else:
            typed = name[:at] + name[at : at + 2][::-1] + name[at + 2 :]
        if typed.strip() and typed.lower() != name.lower():
            return typed


def _place_of(name: str, text: str, searcher: TextSearcher) -> tuple[int, float]:
    """Return the place of the first match with a name, from 1, beyond all if there is none; and the seconds."""
    started = perf_counter()
    matches = searcher.search(text, top_k=DEPTH).matches
    seconds = perf_counter() - started
    return next((match.rank for match in matches if match.reference.name == name), DEPTH + 1), seconds


def _kinds(references: Iterable[Reference], typed: Mapping[str, str]) -> dict[str, list[Reference]]:
    kinds: dict[str, list[Reference]] = {"all": [], "words": [], "codes, letters": [], "codes, digits": []}
    for each in references:
        kinds["all"].append(each)
        if each.name != each.id:
            kinds["words"].append(each)
        else:
            kinds["codes, letters" if _digits(each.name) == _digits(typed[each.id]) else "codes, digits"].append(each)
    return {kind: some for kind, some in kinds.items() if some}


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


def _seconds_of_index(references: Sequence[Reference]) -> dict[str, float]:
    """Return the time that making an index takes, by number of references; typing errors take a little more, once."""
    times: dict[str, float] = {}
    for count in (len(references), MANY):
        some = [
            Reference(
                id=f"{each.id}-{at // len(references)}" if at >= len(references) else each.id,
                name=each.name,
                namespace=each.namespace,
                labels=each.labels,
                attributes=each.attributes,
            )
            for at, each in ((at, references[at % len(references)]) for at in range(count))
        ]
        started = perf_counter()
        WordIndex(some).find("asdfgh", most=1)
        times[str(count)] = round(perf_counter() - started, 3)
    return times


def _share(found: Iterable[bool]) -> float:
    each = list(found)
    return round(sum(each) / len(each), 3)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with grocery/ and invaders/")
    parser.add_argument("--pack", type=Path, help="pack to use; built there if it is missing")
    parser.add_argument("--limit", type=int, help="about so many references are searched, evenly chosen")
    return parser


if __name__ == "__main__":
    main()
