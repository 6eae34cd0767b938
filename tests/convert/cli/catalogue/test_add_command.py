"""What is left of a catalogue when adding to a new one fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.errors import SetupError


def test_a_run_that_fails_late_keeps_what_another_run_has_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "pictures/red.png")
    source = f"images:{tmp_path / 'pictures'}"
    right = Catalogue.add

    def another_was_first(_catalogue: Catalogue, *_: object, **__: object) -> None:
        with Catalogue.open(tmp_path / "c.sqlite") as other:
            right(other, parse_source(source))
        raise SetupError("c.sqlite: the catalogue cannot be used (database is locked)")

    monkeypatch.setattr(Catalogue, "add", another_was_first)
    assert main(["add", source, "--catalogue", str(tmp_path / "c.sqlite")]) == 8

    with Catalogue.open_existing(tmp_path / "c.sqlite") as catalogue:
        assert [image.reference_id for image in catalogue.images()] == ["red"]
