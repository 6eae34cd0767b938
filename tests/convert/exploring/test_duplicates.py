"""Groups of duplicates: each copy was compared with the image that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.exploring import duplicates
from edge_identify.convert.exploring.duplicates import Group, Sameness, find_duplicates
from edge_identify.convert.exploring.images_to_keep import Candidate
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import parse_source


def candidates_in(folder: Path) -> list[Candidate]:
    with Catalogue.open(folder / "catalogue") as catalogue:
        catalogue.add(parse_source(f"images:{folder}"))
        by_id = {reference.id: reference for reference in catalogue.references()}
        return [Candidate(facts=each, reference=by_id[each.image.reference_id]) for each in catalogue.image_facts()]


def groups_of(candidates: Sequence[Candidate]) -> list[Group]:
    """Search with equal embeddings for all images, so that only pixels decide."""
    return find_duplicates(candidates, {each.image.sha256: np.ones(1, np.float32) for each in candidates})


def drawn(seed: int, *, side_px: int = 96) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side_px, side_px), Image.Resampling.BICUBIC)


def named(groups: Sequence[Group]) -> list[tuple[str, dict[str, Sameness]]]:
    return [
        (group.kept.image.path.name, {copy.candidate.image.path.name: copy.sameness for copy in group.copies})
        for group in groups
    ]


def test_the_same_file_the_same_pixels_and_another_size_are_found_and_nothing_else(tmp_path: Path) -> None:
    image = drawn(1)
    image.save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    image.save(tmp_path / "c.bmp")
    drawn(1, side_px=60).save(tmp_path / "d.png")
    turned = image.transpose(Image.Transpose.ROTATE_90)  # what EXIF's orientation 6 turns upright
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "e.png", exif=exif)
    drawn(2).save(tmp_path / "other.png")
    [(kept, copies), near] = named(groups_of(candidates_in(tmp_path)))
    assert {kept, *copies} == {"a.png", "b.png", "c.bmp", "e.png"}
    assert sorted(copies.values()) == ["same file" if kept != "c.bmp" else "same pixels", *["same pixels"] * 2]
    assert near == (kept, {"d.png": Sameness.NEAR})


def test_exact_copies_of_a_near_copy_are_a_group_of_their_own(tmp_path: Path) -> None:
    drawn(1).save(tmp_path / "large.png")
    drawn(1, side_px=60).save(tmp_path / "small.bmp")
    drawn(1, side_px=60).save(tmp_path / "small2.png")
    exact, near = groups_of(candidates_in(tmp_path))
    assert named([exact, near]) == [
        ("small.bmp", {"small2.png": Sameness.PIXELS}),
        ("large.png", {"small.bmp": Sameness.NEAR}),
    ]
    assert (exact.is_exact, near.is_exact) == (True, False)


def test_dozens_of_copies_of_one_image_are_one_group(tmp_path: Path) -> None:
    for side_px in range(60, 100):
        drawn(1, side_px=side_px).save(tmp_path / f"{side_px}.png")
    [(kept, copies)] = named(groups_of(candidates_in(tmp_path)))
    assert (kept, len(copies)) == ("99.png", 39)


def test_a_chain_of_small_changes_does_not_make_a_group_of_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(5):  # each as dark as the one before it plus ten levels: only neighbours are the same
        Image.new("RGB", (40 - at, 40 - at), (at * 10, 0, 0)).save(tmp_path / f"{at}.png")

    def apart(one: Image.Image, other: Image.Image, *, enough: float) -> float:  # noqa: ARG001 - as the real one
        return abs(float(np.asarray(one)[0, 0, 0]) - float(np.asarray(other)[0, 0, 0]))

    monkeypatch.setattr(duplicates, "worst_difference", apart)
    found = find_duplicates(
        candidates := candidates_in(tmp_path),
        {each.image.sha256: np.ones(1, np.float32) for each in candidates},
        most_difference=12,
    )
    assert [(kept, list(copies)) for kept, copies in named(found)] == [("0.png", ["1.png"]), ("2.png", ["3.png"])]


def sign(number: int) -> Image.Image:
    """Return a large image with a small number in seven-segment digits."""
    image = drawn(3, side_px=900)
    for stroke, box in enumerate(((0, 0, 30, 8), (0, 0, 8, 30), (22, 0, 30, 30), (0, 22, 30, 30))):
        if number & 1 << stroke:
            image.paste("white", (450 + box[0], 420 + box[1], 450 + box[2], 420 + box[3]))
    return image


def test_two_large_images_that_differ_in_a_digit_are_two(tmp_path: Path) -> None:
    sign(0b1101).save(tmp_path / "a.jpg", quality=92)
    sign(0b0111).save(tmp_path / "b.jpg", quality=92)
    assert groups_of(candidates_in(tmp_path)) == []


def test_a_large_image_and_its_smaller_compressed_copy_and_part_are_the_same(tmp_path: Path) -> None:
    sign(0b1101).save(tmp_path / "a.png")
    sign(0b1101).resize((600, 600)).save(tmp_path / "b.jpg", quality=70)
    sign(0b1101).crop((50, 80, 850, 900)).save(tmp_path / "c.jpg", quality=85)
    [(kept, copies)] = named(groups_of(candidates_in(tmp_path)))
    assert (kept, set(copies)) == ("a.png", {"b.jpg", "c.jpg"})


def test_what_the_encoder_finds_unlike_is_not_compared(tmp_path: Path) -> None:
    drawn(1).save(tmp_path / "a.png")
    drawn(1, side_px=60).save(tmp_path / "b.png")
    first, second = candidates_in(tmp_path)
    apart = {first.image.sha256: np.array([1, 0], np.float32), second.image.sha256: np.array([0, 1], np.float32)}
    assert find_duplicates([first, second], apart) == []


def test_an_image_that_cannot_be_opened_is_the_same_as_its_own_copies_alone(tmp_path: Path) -> None:
    drawn(1).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    drawn(1, side_px=60).save(tmp_path / "c.png")
    candidates = candidates_in(tmp_path)
    (tmp_path / "a.png").unlink()
    assert named(groups_of(candidates)) == [("a.png", {"b.png": Sameness.FILE})]


def test_where_nothing_may_differ_only_exact_copies_are_left(tmp_path: Path) -> None:
    smooth = Image.linear_gradient("L").convert("RGB")
    smooth.save(tmp_path / "a.png")
    smooth.save(tmp_path / "b.bmp")
    smooth.resize((128, 128)).save(tmp_path / "c.png")
    candidates = candidates_in(tmp_path)
    embeddings = {each.image.sha256: np.ones(1, np.float32) for each in candidates}
    assert [len(group.copies) for group in find_duplicates(candidates, embeddings)] == [1, 1]
    assert [len(group.copies) for group in find_duplicates(candidates, embeddings, most_difference=0)] == [1]
