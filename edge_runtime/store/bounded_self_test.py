"""The self-test of a new pack in a process of its own, with limits of time and memory.

ONNX Runtime, SQLite and Pillow are native code: a thread cannot be ended while it runs in them. So the first open of
a pack that came from somewhere else, and its self-test, happen in a child process. It is ended when a limit is passed.

Where no such process can be started, the self-test runs in this process, without limits: in a frozen application, and
where Python is a part of another program. Windows and macOS have the limit of time alone.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime import errors
from edge_identify.edge_runtime.errors import (
    PackDamagedError,
    PackFileDamagedError,
    SelfTestNotStartedError,
    SelfTestUnfinishedError,
)
from edge_identify.edge_runtime.pack.manifest import Manifest
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.store.self_test import self_test

#: Raises an error if the pack in a folder, with these variants, does not work on this machine.
SelfTest = Callable[[Path, Manifest, tuple[str, ...]], object]

MAX_TEST_S = 40.0  # the demo's pack takes 1 s on a laptop, a ViT-L-14 in fp32 (1.7 GB) about 8 s
_S_PER_PACK_BYTE = 1 / 5_000_000  # for larger packs: the same on a device that is many times slower than a laptop
_MEMORY_BYTES = 2**31  # besides a multiple of the pack, since ONNX Runtime copies and rearranges weights
_MEMORY_PER_PACK_BYTE = 4
_STARTED = (
    b"started"  # the first line of a child that has come as far as the pack; what ends it then is the pack's fault
)
_MORE_S = 10  # after which a child whose parent was killed ends by itself

#: Run with `-I`, so that neither the folder nor the environment adds code; the parent's `sys.path` finds the same.
_CHILD = (
    "import json, sys; job = json.load(sys.stdin); sys.path[:] = job['sys_path']; "
    "from edge_identify.edge_runtime.store.bounded_self_test import run_job; run_job(job)"
)


def self_test_within_limits(
    folder: Path, manifest: Manifest, variant_names: tuple[str, ...], *, limit_s: float = MAX_TEST_S
) -> None:
    """Open a pack and run its self-test, within limits of time and memory.

    Args:
        folder: The pack's folder.
        manifest: Its manifest.
        variant_names: The encoder variants in the folder.
        limit_s: Most seconds, and one more for each 5 MB of the pack.

    Raises:
        PackError: The pack does not work here, or passes a limit: `SelfTestUnfinishedError` is that of time.
        SelfTestNotStartedError: No process can be started, or it lacks a library.
    """
    if not _can_start_python():
        self_test(open_pack(folder, variant_names=variant_names))
        return
    length_bytes = sum(entry.length_bytes for entry in manifest.files_for(variant_names))
    limit_s = round(limit_s + length_bytes * _S_PER_PACK_BYTE, 1)
    job = {
        "sys_path": sys.path,
        "folder": str(folder),
        "variant_names": variant_names,
        "memory_bytes": _MEMORY_BYTES + _MEMORY_PER_PACK_BYTE * length_bytes,
        "limit_s": limit_s,
    }
    _raise_if_failed(_answer_of_child(job, manifest.name, limit_s), manifest.name)


def run_job(job: dict[str, Any]) -> None:
    """Run the self-test that a parent process asks for, and print its result as JSON. The child's main function."""
    _limit_this_process(job["memory_bytes"], job["limit_s"])
    print(_STARTED.decode(), flush=True)  # noqa: T201  -- the parent reads it
    try:
        self_test(open_pack(Path(job["folder"]), variant_names=tuple(job["variant_names"])))
    except errors.EdgeIdentifyError as error:
        answer = {"error": type(error).__name__, "message": str(error), "problem": getattr(error, "problem", None)}
    except ImportError as error:
        answer = {"error": "SelfTestNotStartedError", "message": f"a library cannot be loaded to test packs ({error})"}
    except MemoryError:
        answer = {"error": "MemoryError", "message": f"takes more than {job['memory_bytes'] / 2**20:.0f} MiB of memory"}
    except Exception as error:
        answer = {"error": "Exception", "message": f"ends with {type(error).__name__}: {error}"}
    else:
        answer = {"error": None}
    print(json.dumps(answer))  # noqa: T201  -- the parent reads it


def _can_start_python() -> bool:
    """Return whether `sys.executable` is a Python interpreter, and not the program that Python is a part of."""
    is_python = Path(sys.executable or "none").stem.lower().startswith(("python", "pypy"))
    return is_python and not getattr(sys, "frozen", False)


def _answer_of_child(job: dict[str, Any], name: str, limit_s: float) -> dict[str, Any]:
    # On an exception in this process, such as Ctrl-C, `run` ends the child.
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-c", _CHILD],
            input=json.dumps(job).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SelfTestUnfinishedError(
            f"pack {name}: its self-test did not end within {limit_s:g} seconds; tell its publisher, unless this "
            "device is very slow or busy"
        ) from error
    except OSError as error:
        raise SelfTestNotStartedError(
            f"{sys.executable}: cannot be started to test pack {name} ({error.strerror})"
        ) from error
    started, _, answered = ended.stdout.partition(b"\n")
    if started.rstrip() != _STARTED:
        raise SelfTestNotStartedError(
            f"{sys.executable}: ended before it could test pack {name} ({_how(ended.returncode)}); free some memory, "
            "or install edge-identify again"
        )
    with suppress(ValueError):
        answer = json.loads(answered)
        if isinstance(answer, dict):
            return answer
    raise PackDamagedError(
        f"pack {name}: its self-test ended the process that ran it ({_how(ended.returncode)}); tell its publisher"
    )


def _how(returncode: int) -> str:
    if returncode >= 0:
        return f"exit code {returncode}"
    with suppress(ValueError):
        return signal.Signals(-returncode).name
    return f"signal {-returncode}"


def _raise_if_failed(answer: dict[str, Any], name: str) -> None:
    if answer["error"] is None:
        return
    if answer["error"] == "PackFileDamagedError":
        problem, message = answer["problem"], answer["message"]
        raise PackFileDamagedError(problem, message.removeprefix(f"{problem}; "))
    kind = getattr(errors, answer["error"], None)
    if kind is None:
        raise PackDamagedError(f"pack {name}: its self-test {answer['message']}; tell its publisher")
    raise kind(answer["message"])


def _limit_this_process(memory_bytes: int, limit_s: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C in a terminal reaches the child, too
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(limit_s) + _MORE_S)
    if sys.platform == "linux":
        import resource

        # Not RLIMIT_AS, which counts mapped files and reserved addresses: an index of gigabytes is mapped.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
