"""requirements.lock is current: it holds what pyproject.toml asks for, in range, and names public versions only."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def locked() -> dict[str, list[Version]]:
    """Return the versions by package; there are several where a Python or a platform needs another."""
    versions = defaultdict[str, list[Version]](list)
    for line in LOCK.splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            assert pin.operator == "==", line
            versions[canonicalize_name(requirement.name)].append(Version(pin.version))
    return versions


def locked_directly() -> set[str]:
    """Return the packages that stand in the lock because pyproject.toml asked for them."""
    blocks = re.findall(r"^(\S+?)==.*\n((?: +#.*\n)+)", LOCK, flags=re.MULTILINE)
    return {canonicalize_name(name) for name, why in blocks if "edge-identify (pyproject.toml)" in why}


def asked_for() -> list[Requirement]:
    """Return what pyproject.toml asks for, with every extra, without this project itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for lines in project["optional-dependencies"].values() for line in lines)]
    return [requirement for requirement in map(Requirement, lines) if requirement.name != project["name"]]


@pytest.mark.parametrize("requirement", asked_for(), ids=str)
def test_what_is_asked_for_is_locked_in_its_range(requirement: Requirement) -> None:
    versions = locked().get(canonicalize_name(requirement.name), [])

    assert versions, "run `make lock`"
    assert [version for version in versions if version not in requirement.specifier] == [], "run `make lock`"


def test_nothing_is_locked_that_is_no_longer_asked_for() -> None:
    assert locked_directly() == {canonicalize_name(requirement.name) for requirement in asked_for()}, "run `make lock`"


def test_versions_are_public_and_come_from_no_named_place() -> None:
    assert [version for versions in locked().values() for version in versions if version.local] == []
    assert not re.search(r"--|://|@|\bfile:|\\", LOCK)


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile"])
def test_what_is_set_up_is_held_to_the_lock(name: str) -> None:
    text = re.sub(r"\\\n\s*", "", (ROOT / name).read_text(encoding="utf-8"))
    installs = [line for line in text.splitlines() if "pip install" in line and "build/lock/" not in line]

    assert any("--constraint requirements.lock" in line for line in installs)
    assert all("--constraint requirements.lock" in line or "--no-deps" in line for line in installs)
