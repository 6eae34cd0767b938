"""What finds vectors, makes tokens and looks up references is asked by many threads at once, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from asked_at_once import how_it_ended
from service_packs import write_service_pack

pytest.importorskip("tokenizers", reason="the extra siglip is not installed")


def test_searches_of_every_kind_answer_many_threads_as_they_answer_one(tmp_path: Path) -> None:
    assert how_it_ended("search", tmp_path, seconds=1) == "ended well"


def test_tables_that_are_closed_while_threads_ask_end_with_an_error_at_most(tmp_path: Path) -> None:
    assert how_it_ended("tables", write_service_pack(tmp_path / "pack"), seconds=1) == "ended well"
