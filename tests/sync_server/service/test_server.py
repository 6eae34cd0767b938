"""Signals and exit codes of the service."""

from __future__ import annotations

import signal

import pytest

from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.service.server import ShutdownSignal


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, ExitCode.DONE), (signal.SIGINT, ExitCode.INTERRUPTED)])
def test_only_the_first_signal_ends_the_server(number: signal.Signals, code: ExitCode) -> None:
    ended: list[signal.Signals] = []
    ending = ShutdownSignal(ended.append)
    ending(number)
    ending(signal.SIGINT)
    ending(signal.SIGTERM)
    assert (ended, ending.code) == ([number], code)
