"""OpenCV, which only those have who asked for it."""

from __future__ import annotations

from typing import Any

from edge_identify.edge_runtime.errors import SetupError


def load_opencv() -> Any:
    """Return the module `cv2`.

    Raises:
        SetupError: It is not installed, or it does not load here.
    """
    try:
        import cv2
    except ImportError as error:
        raise SetupError(
            f"comparing pictures point by point needs OpenCV ({error}); "
            "install it with: pip install 'edge-identify[geometry]'"
        ) from error
    return cv2
