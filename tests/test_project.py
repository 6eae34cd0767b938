"""The project's own shape: import floors, the list of packages, and who may load what."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "edge_runtime": {"edge_runtime"},
    "datasets": {"datasets", "edge_runtime"},
    "convert": {"convert", "datasets", "edge_runtime"},
    "sync_server": {"sync_server", "edge_runtime"},
}
NEVER_ON_THE_DEVICE = {"torch", "open_clip", "flask", "sqlite_utils", "timm", "torchvision"}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(room: str) -> list[Path]:
    found = list((ROOT / room).rglob("*.py"))
    assert found, room
    return found


def test_imports_go_one_way_between_the_rooms() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, allowed in MAY_IMPORT.items()
        for path in modules(room)
        for name in imports_of(path)
        if name.startswith("edge_identify.") and name.split(".")[1] not in allowed
    ]

    assert wrong == []


def test_the_device_side_names_none_of_the_maker_s_or_server_s_libraries() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("edge_runtime")
        for name in imports_of(path)
        if name.split(".")[0] in NEVER_ON_THE_DEVICE
    ]

    assert wrong == []


def test_every_folder_with_code_is_found_as_a_package() -> None:
    folders = {path.parent for room in MAY_IMPORT for path in modules(room)} - {ROOT / "datasets"}

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_nobody_outside_imports_a_command_line() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room in MAY_IMPORT
        for path in modules(room)
        for name in imports_of(path)
        if ".cli." in name and not (name.split(".")[1] == room and path.is_relative_to(ROOT / room / "cli"))
    ]

    assert wrong == []


def test_datasets_does_not_shadow_another_library_of_that_name() -> None:
    assert not (ROOT / "datasets/__init__.py").exists()
