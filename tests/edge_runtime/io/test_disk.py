"""Errors of the disk become errors of one line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained, flush_folder


def test_a_full_disk_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(SetupError, match=r"blob: No space left on device; make room"),
        disk_errors_explained(tmp_path),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "blob"))


def test_an_error_that_names_no_file_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=str(tmp_path)), disk_errors_explained(tmp_path):
        raise OSError(errno.EIO, "Input/output error")


def test_a_folder_that_is_gone_is_no_trouble_to_flush(tmp_path: Path) -> None:
    flush_folder(tmp_path / "gone")
