"""The field app as static files beside the packs, for hosts without `edge-serve run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained
from edge_identify.edge_runtime.io.durable_writes import write_bytes
from edge_identify.sync_server.delivery.web_app_files import WORKER

if TYPE_CHECKING:
    from edge_identify.sync_server.delivery.web_app_files import WebApp

APP_FOLDER = "app"
_ENDINGS = {"br": ".br", "gzip": ".gz"}


def export_web_app(app: WebApp, repo: Path) -> Path:
    """Write the app into the folder `app` of a published tree, with compressed copies beside the files.

    The service worker is written last: browsers that come meanwhile keep the old version.

    Args:
        app: The app.
        repo: Folder of the published tree.

    Returns:
        The folder of the app.

    Raises:
        SetupError: The app lacks its runtime, or the folder cannot be written.
    """
    if not app.is_complete:
        raise SetupError("the app's runtime is not here; run `make web` first, where npm is")
    folder = repo / APP_FOLDER
    with disk_errors_explained(folder):
        for name in sorted(app.files, key=lambda name: (name == WORKER, name)):
            _write(folder / name, app, name)
    return folder


def _write(path: Path, app: WebApp, name: str) -> None:
    file = app.files[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    for coding, data in file.encoded.items():
        write_bytes(path.with_name(path.name + _ENDINGS[coding]), data)
    write_bytes(path, file.data)
