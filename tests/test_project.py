"""The project's own shape, beside the floors that import-linter checks in `make lint`."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("edge_runtime", "datasets", "convert", "sync_server")


def test_every_folder_with_code_is_found_as_a_package() -> None:
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")} - {ROOT / "datasets"}

    assert len(folders) > len(ROOMS)
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_datasets_does_not_shadow_another_library_of_that_name() -> None:
    assert not (ROOT / "datasets/__init__.py").exists()
