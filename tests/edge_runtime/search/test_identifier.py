"""From a photo to its matches, through a real ONNX file, a real index file and a real SQLite file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto, prepare_photo
from edge_identify.edge_runtime.search.identifier import Identifier


def photo(folder: Path, colour: tuple[int, int, int]) -> Path:
    path = folder / "photo.png"
    Image.new("RGB", (40, 30), colour).save(path)
    return path


@pytest.mark.parametrize("many", [False, True])
def test_a_photo_gets_the_nearest_reference_first_with_its_facts(
    colour_pack: Callable[[], Path], tmp_path: Path, many: bool
) -> None:
    with Identifier(open_pack(colour_pack()), many=many) as identifier:
        answer = identifier.identify(photo(tmp_path, (250, 5, 5)), top_k=2)

    first, second = answer.matches
    assert (first.reference.id, first.rank, second.rank) == ("red", 1, 2)
    assert first.score == pytest.approx(0.9996, abs=1e-3)
    assert first.reference.labels == {"label": "warm"}
    assert first.reference.latitude == 48.85
    assert (answer.pack_name, answer.pack_version, answer.variant_name) == ("colours", "1.0.0", "onnx-fp32")


@pytest.mark.parametrize("many", [False, True])
def test_a_thing_that_does_not_fill_the_frame_is_found_by_a_nearer_view(
    colour_pack: Callable[[], Path], tmp_path: Path, many: bool
) -> None:
    path = tmp_path / "small.png"
    image = Image.new("RGB", (120, 90), (0, 0, 255))
    image.paste((255, 0, 0), (30, 15, 90, 75))
    image.save(path)
    pack = open_pack(colour_pack())
    recipe = replace(pack.manifest.preprocessing, photo_views=(1.0, 0.6))
    nearer = replace(pack, manifest=replace(pack.manifest, preprocessing=recipe))

    answers = []
    for asked in (pack, nearer):
        with Identifier(asked, many=many) as identifier:
            answers.append(identifier.identify(path, top_k=4))

    whole, closer = ({match.reference.id: match.score for match in answer.matches} for answer in answers)
    assert whole["blue"] > 0.6
    assert whole["red"] < 0.9
    assert closer["red"] == pytest.approx(1, abs=1e-3)
    assert closer["blue"] == pytest.approx(whole["blue"], abs=1e-6), "the whole is looked at as well"
    assert next(iter(closer)) == "red"


@pytest.mark.parametrize("many", [False, True])
def test_several_images_of_one_reference_are_one_match_with_the_best_score(
    colour_pack: Callable[[], Path], tmp_path: Path, many: bool
) -> None:
    with Identifier(open_pack(colour_pack()), many=many) as identifier:
        answer = identifier.identify(photo(tmp_path, (200, 30, 70)), top_k=4)

    assert [match.reference.id for match in answer.matches] == ["crimson", "red", "blue", "green"]
    assert answer.matches[0].score == pytest.approx(1.0, abs=1e-5)


def test_asking_for_more_than_there_is_gives_all_there_is(colour_pack: Callable[[], Path], tmp_path: Path) -> None:
    with Identifier(open_pack(colour_pack())) as identifier:
        answer = identifier.identify(photo(tmp_path, (0, 0, 255)), top_k=100)

    assert len(answer.matches) == 4


def test_a_batch_gives_what_its_photos_give_one_by_one(colour_pack: Callable[[], Path]) -> None:
    rng = np.random.default_rng(3)
    with Identifier(open_pack(colour_pack()), many=True) as identifier:
        pixels = rng.integers(0, 256, (7, 2, 8, 8, 3), dtype=np.uint8)  # two views each
        photos = [PreparedPhoto(pixels=views, seconds=0.0) for views in pixels]
        together = identifier.identify_batch(photos)
        alone = [identifier.identify_prepared(photo) for photo in photos]

    for batch, single in zip(together, alone, strict=True):
        assert [match.reference.id for match in batch.matches] == [match.reference.id for match in single.matches]
        scores = [match.score for match in single.matches]
        assert [match.score for match in batch.matches] == pytest.approx(scores)


def test_prepared_photos_of_one_batch_are_answered_as_one_by_one(
    colour_pack: Callable[[], Path], tmp_path: Path
) -> None:
    colours = [(250, 5, 5), (0, 255, 0), (120, 120, 120), (230, 10, 35)]
    pack = open_pack(add_calibration(colour_pack()))
    with Identifier(pack, many=True) as identifier:
        recipe = pack.manifest.preprocessing
        prepared = [prepare_photo(photo(tmp_path, colour), recipe) for colour in colours]
        together = identifier.identify_batch(prepared, top_k=2)
        alone = [identifier.identify(photo(tmp_path, colour), top_k=2) for colour in colours]

    for batch, single in zip(together, alone, strict=True):
        assert [match.reference.id for match in batch.matches] == [match.reference.id for match in single.matches]
        assert [match.index_id for match in batch.matches] == [match.index_id for match in single.matches]
        assert batch.decision == single.decision


def test_the_stages_of_an_answer_take_time_and_add_up(colour_pack: Callable[[], Path], tmp_path: Path) -> None:
    with Identifier(open_pack(colour_pack())) as identifier:
        started = perf_counter()
        answer = identifier.identify(photo(tmp_path, (250, 5, 5)))
        wall = perf_counter() - started

    times = answer.times
    assert min(times.prepare, times.encode, times.search, times.decide) > 0
    assert answer.seconds == times.total == times.prepare + times.encode + times.search + times.decide
    assert answer.seconds <= wall


def test_a_match_names_the_image_that_matched(colour_pack: Callable[[], Path], tmp_path: Path) -> None:
    pack = open_pack(colour_pack())
    with (
        Identifier(pack) as identifier,
        ReferenceTable(pack.file(pack.manifest.references_file)) as references,
    ):
        for match in identifier.identify(photo(tmp_path, (200, 30, 70)), top_k=4).matches:
            assert match.index_id is not None
            assert references.reference_id_of(match.index_id) == match.reference.id


def test_a_broken_photo_is_a_photo_error(colour_pack: Callable[[], Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    with (
        Identifier(open_pack(colour_pack())) as identifier,
        pytest.raises(PhotoError, match=r"broken\.jpg.*empty"),
    ):
        identifier.identify(broken)


def test_a_pack_without_a_calibration_still_opens_and_decides_nothing(
    colour_pack: Callable[[], Path], tmp_path: Path
) -> None:
    with Identifier(open_pack(colour_pack())) as identifier:
        answer = identifier.identify(photo(tmp_path, (250, 5, 5)))

    assert (answer.decision, answer.verdict, answer.look_alikes) == (None, None, None)
    assert {match.confidence for match in answer.matches} == {None}


@pytest.mark.parametrize("many", [False, True])
def test_a_calibrated_pack_decides(colour_pack: Callable[[], Path], tmp_path: Path, many: bool) -> None:
    pack = open_pack(add_calibration(colour_pack()))
    with Identifier(pack, many=many) as identifier:
        green = identifier.identify(photo(tmp_path, (0, 255, 0)), top_k=1)
        grey = identifier.identify(photo(tmp_path, (120, 120, 120)), top_k=1)
        between = identifier.identify(photo(tmp_path, (230, 10, 35)), top_k=1)

    assert (green.decision, grey.decision, between.decision) == (
        Decision.IDENTIFIED,
        Decision.UNKNOWN,
        Decision.AMBIGUOUS,
    )
    assert green.matches[0].confidence == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-3)
    assert green.look_alikes is None
    # Only one match was asked for; what else it may be is said all the same.
    assert len(between.matches) == 1
    assert between.look_alikes is not None
    assert [reference.id for reference in between.look_alikes.references] == ["crimson", "red"]


def test_the_decision_does_not_depend_on_how_many_matches_are_shown(
    colour_pack: Callable[[], Path], tmp_path: Path
) -> None:
    with Identifier(open_pack(add_calibration(colour_pack(), contrast_weight=3.0, margin_weight=2.0))) as identifier:
        one, four = (identifier.identify(photo(tmp_path, (230, 10, 35)), top_k=top_k) for top_k in (1, 4))

    assert one.verdict is not None
    assert four.verdict is not None
    assert one.verdict == four.verdict
    assert one.matches[0].confidence == four.matches[0].confidence


def test_the_calibration_of_another_variant_is_never_used(colour_pack: Callable[[], Path], tmp_path: Path) -> None:
    pack = open_pack(add_calibration(colour_pack(), variant="onnx-int8"))
    with Identifier(pack) as identifier:
        answer = identifier.identify(photo(tmp_path, (0, 255, 0)))

    assert answer.decision is None
    assert answer.matches[0].confidence is None
