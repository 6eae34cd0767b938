"""The image to keep, the reason, and removable references."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_identify.convert.exploring.images_to_keep import (
    Candidate,
    best_first,
    is_named_as_copy,
    is_replaced_by,
    original_of,
    removable,
    why_kept,
)
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage, ImageFacts
from edge_identify.edge_runtime.pack.references import Reference


def candidate(index_id: int, *, side_px: int = 100, length_bytes: int = 900, **facts: Any) -> Candidate:
    image = CatalogueImage(index_id=index_id, reference_id=f"r{index_id}", sha256=str(index_id), path=Path("a.png"))
    file = ImageFacts(image=image, width_px=side_px, height_px=side_px, length_bytes=length_bytes)
    states = {name: facts.pop(name, False) for name in ("is_withdrawn", "is_lost", "is_from_camera")}
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


def file_of(index_id: int, name: str, kind: str = "JPEG", *, length_bytes: int = 900, **states: bool) -> Candidate:
    plain = candidate(index_id, length_bytes=length_bytes, **states)
    image = replace(plain.image, source_path=name, type=kind)
    return replace(plain, facts=replace(plain.facts, image=image))


@pytest.mark.parametrize(
    "name",
    ["cat (1).jpg", "cat(2).jpg", "cat - Copy.jpg", "cat - Copy (3).jpg", "cat copy 2.jpg", "Copy of cat.jpg",
     "cat-Kopie.jpg", "Copia de cat.jpg", "cat 2.jpg", "backup/cat.jpg", "photos copy/cat.jpg", "cat_edited.jpg"],
)  # fmt: skip
def test_what_is_named_as_a_copy_is_not_kept_though_it_was_added_first_and_is_longer(name: str) -> None:
    copy, original = file_of(1, name, length_bytes=1000), file_of(2, "cat.jpg")
    assert kept_and_why(copy, original) == (2, "the others are named as copies")
    assert original_of([copy, original]) is original


@pytest.mark.parametrize("name", ["copycat.jpg", "PA_01.jpg", "photo 12.jpg", "scopy.jpg"])
def test_other_names_are_not_those_of_copies(name: str) -> None:
    assert not is_named_as_copy(file_of(1, name).image)


def test_what_a_camera_wrote_is_kept_before_what_was_saved_again_with_more_bytes() -> None:
    saved_again, original = file_of(1, "b.jpg", length_bytes=2000), file_of(2, "a.jpg", is_from_camera=True)
    assert kept_and_why(saved_again, original) == (2, "it has the facts of the camera that took it")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_of_equal_pixels_the_jpeg_is_the_original_and_length_says_nothing_of_the_others(kind: str) -> None:
    made, original = file_of(1, "a.x", kind, length_bytes=9000), file_of(2, "b.jpg")
    assert original_of([made, original]) is original
    told = f"the {kind} has the same pixels, so it was made from this JPEG"
    assert why_kept(original, [made], is_exact=True) == told
    near = file_of(3, "c.jpg", length_bytes=2000)
    assert why_kept(original, [near]) == "the original of its exact copies, one of which is the best of these"
    first, longer = file_of(1, "a.png", "PNG"), file_of(2, "b.bmp", "BMP", length_bytes=9000)
    assert original_of([longer, first]) is first
    assert why_kept(first, [longer], is_exact=True) == "as large, as much is known of it, and it was added first"
