"""Counts in sentences."""

import pytest

from edge_identify.edge_runtime.io.counted import counted, plural


@pytest.mark.parametrize(("count", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images")])
def test_one_is_singular_and_every_other_number_plural(count: int, text: str) -> None:
    assert counted(count, "image") == text
    assert plural(count, "is", "are") == ("is" if count == 1 else "are")
