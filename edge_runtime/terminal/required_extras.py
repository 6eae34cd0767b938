"""Refusing to begin where the libraries of an extra are not installed."""

from __future__ import annotations

from importlib.util import find_spec

from edge_identify.edge_runtime.errors import SetupError


def require_extra(extra: str, modules: tuple[str, ...]) -> None:
    """Refuse to begin where the libraries of an extra are not installed.

    Args:
        extra: Its name in pyproject.toml.
        modules: Import names of its libraries; none is imported.

    Raises:
        SetupError: Names the first that is missing and the line that installs it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise SetupError(f"{module} is not installed; run: pip install 'edge-identify[{extra}]'")
