"""`edge-identify --benchmark`: the time of each step with a pack on this machine, in milliseconds.

The photo is synthetic, so only the pack is needed. Each step runs several times and the median is shown. The whole
command is measured as a new process for each run, as a user starts it.
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
from edge_identify.edge_runtime.io.progress import Progress, during, no_progress
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ANSWERED, ExitCode
from edge_identify.edge_runtime.terminal.peak_memory import peak_memory_bytes

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack

SCHEMA = 1

_COMMAND_RUNS = 5
_STEP_RUNS = 9
_BATCH = 8
_COMMAND = "import sys; from edge_identify.edge_runtime.cli.main import main; sys.exit(main())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One measured step.

    Attributes:
        key: Name in the JSON object.
        title: Name in the table.
        milliseconds: Median wall time.
    """

    key: str
    title: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """The measured figures.

    Attributes:
        pack: Name and version of the pack.
        encoder: Variant of the image encoder.
        references: Number of vectors in the index.
        machine: Processor and operating system.
        steps: In the order of an identification.
        peak_memory_bytes: Peak memory of the whole command; None where the system does not report it.
    """

    pack: str
    encoder: str
    references: int
    machine: str
    steps: tuple[Step, ...]
    peak_memory_bytes: int | None


def benchmark_main(words: list[str]) -> int:
    """Run `edge-identify --benchmark`."""
    options = benchmark_parser().parse_args(words)
    return run_command(lambda: _run(options))


def benchmark_parser() -> CommandParser:
    """Return the parser of `edge-identify --benchmark`."""
    parser = CommandParser(
        prog="edge-identify --benchmark",
        examples=["edge-identify --benchmark --pack street-art"],
        description="Measures this machine with a pack: decodes, encodes and searches for a synthetic 12-megapixel "
        "photo, each step several times. Prints the median time of each step in milliseconds.",
        exit_codes=[ExitCode.PACK],
    )
    add_pack_options(parser, without="the only installed pack")
    parser.add_argument_group("output").add_argument(
        "--json", action="store_true", help="print one JSON object, not a table"
    )
    return parser


def _run(options: argparse.Namespace) -> ExitCode:
    choice = [word for name in ("pack", "store") if (value := getattr(options, name)) for word in (f"--{name}", value)]
    from edge_identify.edge_runtime.terminal.step_progress import shown_progress

    with shown_progress.closing():
        found = measure(chosen_pack(options), [str(word) for word in choice], progress=shown_progress)
    print(as_json(found) if options.json else "\n".join(as_lines(found)))
    return ExitCode.DONE


def measure(pack: Pack, choice: list[str], *, progress: Progress = no_progress) -> Benchmark:
    """Measure each step with a pack.

    Args:
        pack: The pack.
        choice: The options of `edge-identify` that choose this pack.
        progress: Shows the progress of each step.

    Raises:
        PackError: A file is damaged, or no encoder of the pack runs here.
        SetupError: The command cannot be run as a new process.
    """
    from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo

    with tempfile.TemporaryDirectory(prefix="edge-identify-") as folder:
        photo = Path(folder) / "drawn.jpg"
        photo.write_bytes(drawn_photo())
        command = [sys.executable, "-c", _COMMAND, str(photo), "--json", *choice]
        whole = during(progress, "measuring the whole command", lambda: _whole_command(command))
        peak = during(progress, "measuring memory", lambda: peak_memory_bytes(command))
        encoder, steps = during(progress, "measuring each step", lambda: _steps(pack, photo))
    return Benchmark(
        pack=f"{pack.manifest.name} {pack.manifest.version}",
        encoder=encoder,
        references=pack.manifest.index.count,
        machine=f"{platform.processor() or platform.machine()}, {platform.system()}",
        steps=(whole, *steps),
        peak_memory_bytes=peak,
    )


def as_lines(found: Benchmark) -> list[str]:
    """Return the lines of the table."""
    memory = "unknown" if found.peak_memory_bytes is None else f"{found.peak_memory_bytes / 2**20:.0f} MiB"
    return [
        f"{found.pack} · {found.encoder} · {found.references} vectors · {found.machine}",
        *(f"{step.milliseconds:9.1f} ms  {step.title}" for step in found.steps),
        f"{memory:>12}  peak memory of the whole command",
    ]


def as_json(found: Benchmark) -> str:
    """Return the JSON object. Within one schema number, fields may be added but none changes its meaning."""
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
        if ended.returncode not in ANSWERED:  # a synthetic photo may be unknown
            raise SetupError(f"edge-identify cannot be run by itself: {ended.stderr.strip() or ended.returncode}")

    title = "the whole command with one 12-megapixel photo, process start included"
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
        step("preprocess", "make the encoder's input", lambda: preprocess_photo(decoded, recipe)),
        step("encode_one", "encode one photo", lambda: for_one.embed(one)),
        step("encode_many", f"encode one photo in a batch of {_BATCH}", lambda: for_many.embed(batch), parts=_BATCH),
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
