"""The image to keep, the reason, and removable references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_identify.convert.exploring.images_to_keep import Candidate, best_first, is_replaced_by, removable, why_kept
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage, ImageFacts
from edge_identify.edge_runtime.pack.references import Reference


def candidate(index_id: int, *, side_px: int = 100, length_bytes: int = 900, **facts: Any) -> Candidate:
    image = CatalogueImage(index_id=index_id, reference_id=f"r{index_id}", sha256=str(index_id), path=Path("a.png"))
    file = ImageFacts(image=image, width_px=side_px, height_px=side_px, length_bytes=length_bytes)
    states = {name: facts.pop(name, False) for name in ("is_withdrawn", "is_lost")}
    return Candidate(facts=file, reference=Reference(id=f"r{index_id}", name="n", **facts), **states)


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


def test_a_file_that_is_gone_is_kept_last_and_replaces_nothing() -> None:
    gone = candidate(1, side_px=500, is_lost=True)
    assert kept_and_why(gone, candidate(2)) == (2, "its file is there")
    assert is_replaced_by(gone, candidate(2))
    assert not is_replaced_by(candidate(2), gone)


def test_what_is_valid_longer_is_kept_and_what_is_not_always_valid_replaces_nothing_else() -> None:
    ended = candidate(1, side_px=500, attributes={"valid_until": "2021-12-31"})
    later = candidate(2, attributes={"valid_until": "2030-12-31"})
    begins = candidate(3, attributes={"valid_from": "2028-01-01"})
    assert kept_and_why(ended, later) == (2, "its reference is valid longer, until 2030-12-31")
    assert kept_and_why(later, begins) == (3, "its reference does not expire")
    assert kept_and_why(begins, candidate(4)) == (4, "its reference is valid earlier")
    assert is_replaced_by(ended, later)
    assert not is_replaced_by(later, ended)
    assert not is_replaced_by(later, begins)  # until 2028 there would be none
    assert is_replaced_by(begins, candidate(4))


def test_nothing_that_is_in_packs_is_replaced_by_what_was_withdrawn() -> None:
    withdrawn = candidate(1, is_withdrawn=True)
    assert not is_replaced_by(candidate(2, is_lost=True), withdrawn)
    assert is_replaced_by(withdrawn, candidate(2))


def test_a_reference_with_an_image_that_no_other_shows_stays() -> None:
    assert removable({"a": {1}, "b": {2}, "c": {3, 4}, "d": {5, 6}}, {2, 3, 5, 6}) == ["b", "d"]
