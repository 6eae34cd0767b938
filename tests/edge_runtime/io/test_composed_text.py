"""Names in composed and decomposed Unicode."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from edge_identify.edge_runtime.io.composed_text import composed, existing_spelling, spellings

NFC, NFD = "Zürich", unicodedata.normalize("NFD", "Zürich")


def test_both_forms_are_one_name() -> None:
    assert NFC != NFD
    assert composed(NFD) == composed(NFC) == NFC
    assert spellings(NFD, [NFC, "Paris", NFD]) == [NFC, NFD]


def test_a_path_is_found_in_the_form_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / NFD).mkdir()
    (tmp_path / NFD / "a.jpg").touch()
    assert existing_spelling(tmp_path / NFC / "a.jpg").samefile(tmp_path / NFD / "a.jpg")
    assert existing_spelling(tmp_path / NFC / "none.jpg") == tmp_path / NFC / "none.jpg"
    assert existing_spelling(tmp_path / "é\0.jpg") == tmp_path / "é\0.jpg"
