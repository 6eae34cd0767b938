"""`edge-identify --benchmark`: what this machine does with a pack, step by step, in milliseconds.

The photo is drawn, so nothing is needed but the pack. A newcomer would time a step once: the first run pays for
caches and clocks. Each step runs several times and the median is shown, except for the whole command, where each run
is a process of its own, started as a person would start it.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.cli.options.pack_options import add_pack_options, chosen_pack
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ANSWERED, EXIT_CODES_HELP, ExitCode

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.terminal.peak_memory import peak_memory_bytes

SCHEMA = 1

_COMMAND_RUNS = 5
_STEP_RUNS = 9
_BATCH = 8
_COMMAND = "import sys; from edge_identify.edge_runtime.cli.main import main; sys.exit(main())"


_DESCRIPTION = """\
example:
  edge-identify --benchmark --pack street-art

Tells what this machine does with a pack: a drawn 12-megapixel photo is decoded, encoded and searched for, each step
several times. Shows the median of each in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One measured step.

    Attributes:
        key: Its name in the JSON object.
        title: Its name for a person.
        milliseconds: Median wall time.
    """

    key: str
    title: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What was measured.

    Attributes:
        pack: The pack's name and version.
        encoder: The image encoder's variant.
        references: Vectors in the index.
        machine: Processor and system.
        steps: In the order of a photo's way.
        peak_memory_bytes: Of the whole command; None where the system does not tell.
    """

    pack: str
    encoder: str
    references: int
    machine: str
    steps: tuple[Step, ...]
    peak_memory_bytes: int | None


def benchmark_main(words: list[str]) -> int:
    """Run `edge-identify --benchmark`."""
    parser = argparse.ArgumentParser(
        prog="edge-identify --benchmark",
        description=_DESCRIPTION,
        epilog=EXIT_CODES_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_pack_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    options = parser.parse_args(words)
    return run_command(lambda: _run(options))


def _run(options: argparse.Namespace) -> ExitCode:
    choice = [word for name in ("pack", "store") if (value := getattr(options, name)) for word in (f"--{name}", value)]
    found = measure(chosen_pack(options), [str(word) for word in choice])
    print(as_json(found) if options.json else "\n".join(as_lines(found)))
    return ExitCode.DONE


def measure(pack: Pack, choice: list[str]) -> Benchmark:
    """Measure each step with a pack.

    Args:
        pack: The pack.
        choice: The options that make `edge-identify` choose it.

    Raises:
        PackError: A file is damaged, or no encoder of the pack runs here.
        SetupError: The command cannot be run as a process of its own.
    """
    from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo

    with tempfile.TemporaryDirectory(prefix="edge-identify-") as folder:
        photo = Path(folder) / "drawn.jpg"
        photo.write_bytes(drawn_photo())
        command = [sys.executable, "-c", _COMMAND, str(photo), "--json", *choice]
        whole, peak = _whole_command(command), peak_memory_bytes(command)
        encoder, steps = _steps(pack, photo)
    return Benchmark(
        pack=f"{pack.manifest.name} {pack.manifest.version}",
        encoder=encoder,
        references=pack.manifest.index.count,
        machine=f"{platform.processor() or platform.machine()}, {platform.system()}",
        steps=(whole, *steps),
        peak_memory_bytes=peak,
    )


def as_lines(found: Benchmark) -> list[str]:
    """Return the table for a person."""
    memory = "unknown" if found.peak_memory_bytes is None else f"{found.peak_memory_bytes / 2**20:.0f} MiB"
    return [
        f"{found.pack} · {found.encoder} · {found.references} vectors · {found.machine}",
        *(f"{step.milliseconds:9.1f} ms  {step.title}" for step in found.steps),
        f"{memory:>12}  peak memory of the whole command",
    ]


def as_json(found: Benchmark) -> str:
    """Return the object for a program; fields may be added, none changes its meaning within a schema number."""
    milliseconds: Mapping[str, float] = {step.key: round(step.milliseconds, 3) for step in found.steps}
    return json.dumps(
        {
            "schema": SCHEMA,
            "pack": found.pack,
            "encoder": found.encoder,
            "references": found.references,
            "machine": found.machine,
            "milliseconds": milliseconds,
            "peak_memory_bytes": found.peak_memory_bytes,
        },
        ensure_ascii=False,
        indent=2,
    )


def _whole_command(command: list[str]) -> Step:
    def run() -> None:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode not in ANSWERED:  # it knows nothing of a drawn photo
            raise SetupError(f"edge-identify cannot be run by itself: {ended.stderr.strip() or ended.returncode}")

    title = "the whole command, from start to answer, one 12-megapixel photo"
    return Step(key="whole_command", title=title, milliseconds=_median_ms(run, _COMMAND_RUNS))


def _steps(pack: Pack, photo: Path) -> tuple[str, tuple[Step, ...]]:
    import numpy as np

    from edge_identify.edge_runtime.encoders.encoder_choice import image_encoder
    from edge_identify.edge_runtime.photos.images import open_photo
    from edge_identify.edge_runtime.photos.preprocessing import enough_px, preprocess_photo
    from edge_identify.edge_runtime.search.binary_codes import open_search

    recipe, index = pack.manifest.preprocessing, pack.manifest.index
    for_one, for_many = image_encoder(pack, many=False), image_encoder(pack, many=True)
    search = open_search(pack, many=False)
    decoded = open_photo(photo, enough_px=enough_px(recipe))
    one = preprocess_photo(decoded, recipe)[None]
    batch = np.repeat(one, _BATCH, axis=0)
    embedding = for_one.embed(one)

    def step(key: str, title: str, run: Callable[[], object], *, parts: int = 1) -> Step:
        return Step(key=key, title=title, milliseconds=_median_ms(run, _STEP_RUNS) / parts)

    return for_one.variant_name, (
        step("decode", "decode the photo", lambda: open_photo(photo, enough_px=enough_px(recipe))),
        step("preprocess", "make the encoder's pixels", lambda: preprocess_photo(decoded, recipe)),
        step("encode_one", "encode one photo", lambda: for_one.embed(one)),
        step("encode_many", f"encode each of {_BATCH} photos at once", lambda: for_many.embed(batch), parts=_BATCH),
        step("search", f"search {index.count} vectors", lambda: search.nearest(embedding, 5)),
    )


def _median_ms(run: Callable[[], object], times: int) -> float:
    run()  # warms caches; not counted
    taken = []
    for _ in range(times):
        started = perf_counter()
        run()
        taken.append(perf_counter() - started)
    return 1000 * median(taken)
