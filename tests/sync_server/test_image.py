"""The Dockerfile and compose.yaml, as far as they can be tested without docker; see `image_steps`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from edge_identify.sync_server.service.settings import read_settings
from image_steps import ROOT, environment, health_command, only, serve_once, steps

COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")


def test_the_service_is_not_root() -> None:
    user, _, group = only("USER").rest.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert steps().index(only("USER")) < steps().index(only("CMD"))


def test_dependencies_have_a_layer_that_code_does_not_touch() -> None:
    words = [(step.word, step.rest) for step in steps()]
    installs = next(at for at, (word, rest) in enumerate(words) if word == "RUN" and "requirements.txt" in rest)
    assert [rest for word, rest in words[:installs] if word == "COPY"] == ["pyproject.toml requirements.lock ./"]


def test_what_is_copied_is_there_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {step.rest.split()[0] for step in steps() if step.word == "COPY" and not step.rest.startswith("--from")}
    copied |= {word for step in steps() if step.word == "COPY" for word in step.rest.split()[1:-1]} - {"/opt/edge"}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_settings_of_image_and_compose_are_settings_of_the_service() -> None:
    in_compose = dict(re.findall(r'^      ([A-Z_]+): "?([^"\s]+)', COMPOSE, flags=re.MULTILINE))
    settings = read_settings({}, {**environment(), **in_compose, "LOG_LEVEL": "info"})
    assert (settings.host, settings.port, settings.repo, settings.workers) == ("0.0.0.0", 8000, Path("/repo"), 2)


def test_compose_limits_memory_and_processors_and_reaches_this_machine_alone() -> None:
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load(COMPOSE)["services"]["edge-serve"]
    assert service["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": "2G"}
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert service["volumes"] == ["./repo:/repo:ro"]
    assert service["read_only"] is True


def test_the_health_check_needs_no_other_program() -> None:
    assert health_command()[0] == "python"


@pytest.mark.skipif(sys.platform == "win32", reason="the image is Linux")
def test_the_command_starts_and_the_health_check_holds(service_repo: Path) -> None:
    """Uses this environment's `edge-serve`; `make image-check` installs its own."""
    serve_once(Path(sys.executable).parent, service_repo)
