"""Many threads use searches, a tokenizer and tables at the same time, in a process of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from asked_at_once import ask_at_once
from service_packs import write_service_pack

pytest.importorskip("tokenizers", reason="the extra siglip is not installed")


def test_searches_of_every_kind_answer_many_threads_as_they_answer_one(tmp_path: Path) -> None:
    ask_at_once("search", tmp_path, seconds=1)


def test_tables_that_are_closed_while_threads_ask_end_with_an_error_at_most(tmp_path: Path) -> None:
    ask_at_once("tables", write_service_pack(tmp_path / "pack"), seconds=1)
