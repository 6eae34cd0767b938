"""All commands print the version of the installed package, and look it up only for that."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

ROOMS = {"edge-identify": "edge_runtime", "edge-build": "convert", "edge-serve": "sync_server"}


def run(program: str, option: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; from edge_identify.{ROOMS[program]}.cli.main import main\n"
        f"try: sys.exit(main(['{option}']))\n"
        "finally: print('loaded', 'importlib.metadata' in sys.modules, file=sys.stderr)"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)


@pytest.mark.parametrize("program", ROOMS)
def test_the_version_is_that_of_the_installed_package(program: str) -> None:
    assert run(program, "--version").stdout == f"{program} {version('edge-identify')}\n"


@pytest.mark.parametrize("program", ROOMS)
def test_help_does_not_load_the_package_s_metadata(program: str) -> None:
    assert "loaded False" in run(program, "--help").stderr
