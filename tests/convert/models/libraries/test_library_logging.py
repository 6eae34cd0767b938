"""Muting affects only the named libraries, and ends with the block."""

from __future__ import annotations

import logging

import pytest

from edge_identify.convert.models.libraries.library_logging import muted


def _say(pathname: str, logger: str = "root") -> None:
    record = logging.LogRecord(logger, logging.WARNING, pathname, 1, "psst", None, None)
    logging.getLogger(None if logger == "root" else logger).handle(record)


def test_a_muted_library_is_dropped_and_others_are_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with muted("chatty"):
        _say("/lib/chatty/factory.py")
        _say("/lib/quiet/factory.py")
        logging.getLogger("chatty.part").warning("psst")
        logging.getLogger("quiet.part").warning("listen")
    assert [record.name for record in caplog.records] == ["root", "quiet.part"]


def test_afterwards_the_library_is_heard_again_even_if_it_failed(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="broken"), muted("chatty"):
        raise ValueError("broken")
    _say("/lib/chatty/factory.py")
    logging.getLogger("chatty.part").warning("psst")
    assert len(caplog.records) == 2


def test_a_library_that_logs_through_the_root_leaves_no_handler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with muted("test_library_chatter"):
        logging.warning("this would install a handler")
    assert logging.getLogger().handlers == []
