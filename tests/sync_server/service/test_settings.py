"""Settings: precedence, and refused names and values."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.sync_server.service.settings import Settings, read_settings


def test_a_flag_counts_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "service.toml"
    file.write_text('port = 1\nworkers = 1\nmax_body_mib = 1\nrepo = "here"\npatience_s = 3\n')
    environment = {"EDGE_SERVE_WORKERS": "2", "EDGE_SERVE_MAX_BODY_MIB": "2", "HOME": "/", "LOG_LEVEL": "INFO"}

    found = read_settings({"max_body_mib": 3, "store": None}, environment, file)

    assert (found.port, found.workers, found.max_body_mib) == (1, 2, 3)
    assert (found.repo, found.patience_s, found.log_level) == (Path("here"), 3, "info")
    assert read_settings({}, {}) == Settings()
    assert Settings().host == "127.0.0.1"


def test_the_prefixed_log_level_counts_before_the_bare_one() -> None:
    both = {"EDGE_SERVE_LOG_LEVEL": "error", "LOG_LEVEL": "debug"}
    assert read_settings({}, both).log_level == "error"
    assert read_settings({}, dict(reversed(both.items()))).log_level == "error"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", r"unknown setting; did you mean port\?"),
        ('port = "1"', "expected int"),
        ("port = true", "expected int"),
        ("port = 70000", "port is 70000; expected 0 to 65535"),
        ("patience_s = nan", "patience_s is nan; expected"),
        ("host = 1", "expected text"),
        ("deliver_only = 1", "expected bool"),
        ('log_level = "loud"', "choose one of"),
        ("port 1", "is not TOML"),
    ],
)
def test_files_with_something_wrong_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "service.toml").write_text(text)
    with pytest.raises(SetupError, match=said):
        read_settings({}, {}, tmp_path / "service.toml")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"EDGE_SERVE_PROT": "1"}, "EDGE_SERVE_PROT: unknown setting"),
        ({"EDGE_SERVE_PORT": "x"}, "EDGE_SERVE_PORT is 'x'"),
        ({"EDGE_SERVE_DELIVER_ONLY": "maybe"}, "expected bool"),
        ({"LOG_LEVEL": "loud"}, "choose one of"),
    ],
)
def test_variables_with_something_wrong_are_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        read_settings({}, environment)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        read_settings({}, {}, tmp_path / "none.toml")
