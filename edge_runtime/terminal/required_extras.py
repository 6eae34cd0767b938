"""Check that the libraries of an extra are installed."""

from __future__ import annotations

from importlib.util import find_spec

from edge_identify.edge_runtime.errors import SetupError


def require_extra(extra: str, modules: tuple[str, ...]) -> None:
    """Check that the libraries of an extra are installed, without importing them.

    Args:
        extra: Its name in pyproject.toml.
        modules: Import names of its libraries.

    Raises:
        SetupError: A library is missing; the message has the command that installs it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise SetupError(f"{module} is not installed; run: pip install 'edge-identify[{extra}]'")
