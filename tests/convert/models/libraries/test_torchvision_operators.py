"""torchvision can be imported with any wheel, or the message says what to install."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from edge_identify.convert.models.libraries import torchvision_operators
from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.edge_runtime.errors import SetupError

_IMPORT = """
from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
ensure_torchvision_operators(); ensure_torchvision_operators()
import torchvision.transforms
"""


def test_torchvision_imports_in_a_fresh_process_and_asking_twice_is_harmless() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", _IMPORT], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_torch_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SetupError, match=r"pip install 'edge-identify\[convert\]'"):
        ensure_torchvision_operators()


def test_without_torchvision_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SetupError, match=r"edge-identify\[convert\].*torchvision"):
        torchvision_operators._extension_loads()
