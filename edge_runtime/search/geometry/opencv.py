"""Lazy import of OpenCV (extra `geometry`)."""

from __future__ import annotations

from typing import Any

from edge_identify.edge_runtime.errors import SetupError


def load_opencv() -> Any:
    """Return the module `cv2`.

    Raises:
        SetupError: OpenCV is not installed, or it cannot be loaded.
    """
    try:
        import cv2
    except ImportError as error:
        raise SetupError(
            f"geometric verification needs OpenCV ({error}); install it with: pip install 'edge-identify[geometry]'"
        ) from error
    return cv2
