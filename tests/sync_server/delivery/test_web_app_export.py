"""The field app as static files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.sync_server.delivery.web_app_export import export_web_app
from edge_identify.sync_server.delivery.web_app_files import read_web_app


def test_every_file_lies_beside_the_packs_with_its_compressed_copies(tmp_path: Path) -> None:
    app = replace(read_web_app(), is_complete=True)

    folder = export_web_app(app, tmp_path)

    assert folder == tmp_path / "app"
    assert {name: (folder / name).read_bytes() for name in app.files} == {
        name: file.data for name, file in app.files.items()
    }
    assert (folder / "app/main.js.gz").read_bytes() == app.files["app/main.js"].encoded["gzip"]


def test_an_app_without_its_runtime_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="make web"):
        export_web_app(replace(read_web_app(), is_complete=False), tmp_path)

    assert not (tmp_path / "app").exists()
