"""The last step of the demo: the field app in headless Chromium installs the pack, and identifies a photo offline."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER

_SCRIPT = Path(__file__).with_name("demo_app.mjs")
_PATIENCE_S = 60
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def what_is_missing() -> str | None:
    """Return why the app cannot be tried in a browser here; None if it can."""
    if shutil.which("node") is None:
        return "node is not installed; with it, `make web` fetches the app's runtime"
    if not (WEB_FOLDER / "vendor/ort.wasm.min.mjs").exists() or not (WEB_FOLDER / "node_modules").exists():
        return "the app's runtime is not here; run `make web`"
    if _browser() is None:
        return f"no browser is installed ({', '.join(_BROWSERS)})"
    return None


def take_picture(url: str, photo: Path, picture: Path, *, fingerprint: str, stop_server: Callable[[], None]) -> str:
    """Install the pack in the app, stop the server, identify a photo, and take a picture of the answer.

    Args:
        url: Address of the server.
        photo: The photo.
        picture: The PNG file to write.
        fingerprint: Of the publisher's root.
        stop_server: Called when the pack is installed.

    Returns:
        The decision and the name that the app shows.

    Raises:
        SystemExit: The app failed; its error is on standard error.
    """
    environment = os.environ | {"EDGE_IDENTIFY_CHROMIUM": str(_browser())}
    words = ["node", str(_SCRIPT), str(WEB_FOLDER / "package.json"), url, fingerprint, str(photo), str(picture)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as browser:
        assert browser.stdout is not None
        if browser.stdout.readline() != "installed\n":
            raise SystemExit("the app could not install the pack; see above")
        stop_server()
        told = browser.communicate("the server is stopped\n", timeout=_PATIENCE_S)[0].strip()
    if browser.returncode or not picture.exists():
        raise SystemExit("the app could not identify the photo; see above")
    return told


def _browser() -> str | None:
    chosen = os.environ.get("EDGE_IDENTIFY_CHROMIUM")
    return chosen or next((found for name in _BROWSERS if (found := shutil.which(name))), None)
