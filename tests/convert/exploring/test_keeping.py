"""Which of several pictures is kept, why, and which references can go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_identify.convert.exploring.keeping import Candidate, best_first, removable, why_kept
from edge_identify.datasets.catalogue import CatalogueImage, ImageFacts
from edge_identify.edge_runtime.pack.references import Reference


def candidate(index_id: int, *, side_px: int = 100, length_bytes: int = 900, **facts: Any) -> Candidate:
    image = CatalogueImage(index_id=index_id, reference_id=f"r{index_id}", sha256=str(index_id), path=Path("a.png"))
    file = ImageFacts(image=image, width_px=side_px, height_px=side_px, length_bytes=length_bytes)
    withdrawn = facts.pop("is_withdrawn", False)
    return Candidate(facts=file, reference=Reference(id=f"r{index_id}", name="n", **facts), is_withdrawn=withdrawn)


def kept_and_why(*candidates: Candidate) -> tuple[int, str]:
    first, *others = best_first(candidates)
    return first.image.index_id, why_kept(first, others)


def test_the_largest_is_kept_then_the_least_compressed_then_the_best_described_then_the_first() -> None:
    small, large = candidate(1, url="https://example.org", licence="CC0"), candidate(2, side_px=200)
    assert kept_and_why(small, large) == (2, "the largest, 200 x 200 pixels")
    assert kept_and_why(candidate(1), candidate(2, length_bytes=1000))[0] == 2
    described = candidate(2, licence="CC0", labels={"label": "cat"})
    assert kept_and_why(candidate(1), described) == (2, "as large, and the most is known of its reference, 3 facts")
    assert kept_and_why(candidate(3), candidate(1), candidate(2)) == (
        1, "as large, as much is known of it, and it was added first",
    )  # fmt: skip


def test_what_was_withdrawn_is_not_kept_however_large() -> None:
    withdrawn = candidate(1, side_px=500, is_withdrawn=True)
    assert kept_and_why(withdrawn, candidate(2)) == (2, "its reference is not withdrawn")


def test_a_reference_with_a_picture_that_no_other_shows_stays() -> None:
    assert removable({"a": {1}, "b": {2}, "c": {3, 4}, "d": {5, 6}}, {2, 3, 5, 6}) == ["b", "d"]
