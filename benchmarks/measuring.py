"""Timing for the benchmarks: interleaved rounds, medians, one JSON line.

On a shared machine the load changes from one measurement to the next. So every round runs each thing once, and a ratio
is only taken within one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from material import machine

from edge_identify.edge_runtime.terminal.exit_codes import ANSWERED
from edge_identify.edge_runtime.terminal.peak_memory import peak_memory_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process to measure.

    Attributes:
        words: Its command line.
        folder: Where it runs; None for here.
        environment: What it sees beside this process's own environment.
    """

    words: list[str]
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def whole_environment(self) -> dict[str, str]:
        """Return this process's environment with the command's own laid over it."""
        return {**os.environ, **self.environment}


def compile_once(folder: Path) -> None:
    """Have the processes that are measured keep their compiled modules in a folder, as installed programs do.

    Where the environment forbids Python to write them, a working tree is compiled anew at each start: 35 ms of CPU
    time that nobody who installed the program pays. The round that is not counted fills the folder.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def cpu_ms_interleaved(things: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median CPU milliseconds of each thing in this process, all threads together."""
    return _medians(_interleaved(things, rounds, time.process_time))


def wall_ms_interleaved(things: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median wall milliseconds of each thing."""
    return _medians(wall_ms_in_rounds(things, rounds))


def wall_ms_in_rounds(things: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the wall milliseconds of each thing in each round, so that things of one round can be compared."""
    return _interleaved(things, rounds, time.perf_counter)


def _medians(taken: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: round(median(values), 3) for name, values in taken.items()}


def _interleaved(
    things: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in things}
    for thing in things.values():
        thing()  # warms caches; not counted
    for _ in range(rounds):
        for name, thing in things.items():
            started = clock()
            thing()
            taken[name].append(1000 * (clock() - started))
    return taken


def processes_interleaved(commands: Mapping[str, Command], rounds: int) -> dict[str, dict[str, float]]:
    """Run whole processes and return the median wall and CPU milliseconds of each, and the MiB it held at most.

    Raises:
        subprocess.CalledProcessError: One of them failed.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            figures = wall_and_cpu_ms(command)
            if number:  # the first round warms the page cache
                taken[name].append(figures)
    return {
        name: {
            "wall_ms": round(median(row[0] for row in rows), 1),
            "cpu_ms": round(median(row[1] for row in rows), 1),
            "peak_mib": round((_peak_memory_bytes(commands[name]) or 0) / 2**20, 1),
        }
        for name, rows in taken.items()
    }


def _peak_memory_bytes(command: Command) -> int | None:
    return peak_memory_bytes(command.words, folder=command.folder, environment=command.whole_environment())


def wall_and_cpu_ms(command: Command) -> tuple[float, float]:
    """Run a whole process; return its wall and CPU milliseconds, those of its children included.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    environment = command.whole_environment()
    started = time.perf_counter()
    process = subprocess.Popen(command.words, stdout=subprocess.DEVNULL, cwd=command.folder, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    wall_ms = 1000 * (time.perf_counter() - started)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ANSWERED:
        raise subprocess.CalledProcessError(process.returncode, command.words)
    return wall_ms, 1000 * (used.ru_utime + used.ru_stime)


def print_line(name: str, **figures: object) -> None:
    """Print a benchmark's result: one JSON object on one line, the machine named and its load with it."""
    line = {"benchmark": name, **figures, "machine": machine(), "load": round(os.getloadavg()[0], 1)}
    print(json.dumps(line, ensure_ascii=False))
