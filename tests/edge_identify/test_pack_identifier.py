"""The identifier of the Python API: every kind of photo, every option, and the same answers as the command's."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from feature_nets import NET_SPEC, photo_of_label, write_label_pack
from PIL import Image

import edge_identify as ei
from edge_identify import pack_identifier
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.errors import PackFormatError, PhotoError, SetupError
from edge_identify.edge_runtime.photos.photo_inputs import PhotoInput
from edge_identify.edge_runtime.photos.prepared_photos import PhotoForRecipes
from edge_identify.edge_runtime.search.photo_batches import BATCH, ReadyPhoto
from service_packs import add_certainty, photo_of, write_service_pack

RED = (250, 5, 5)
PARIS, LONDON = (48.85, 2.35), (51.5, -0.1)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack with both encoders, decisions, namespaces, labels, positions and thumbnails."""
    return write_service_pack(tmp_path_factory.mktemp("packs") / "letters")


@pytest.fixture
def identifier(pack: Path) -> Iterator[ei.PackIdentifier]:
    with ei.open(pack) as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "red.jpg"
    path.write_bytes(photo_of(RED, at=PARIS))
    return path


def untimed(text: str) -> Any:
    return json.loads(re.sub(r'("(?:seconds|prepare|encode|search|decide)": )[0-9.e-]+', r"\g<1>0", text))


def test_an_answer_says_what_the_photo_shows(identifier: ei.PackIdentifier, photo: Path) -> None:
    answer = identifier.identify(photo)

    assert answer.decision == "identified"
    assert answer.best is answer.matches[0]
    assert (answer.best.reference.name, answer.best.rank) == ("Pure red", 1)
    assert answer.best.confidence is not None
    assert answer.best.confidence > 0.9
    assert (answer.question, answer.kind, answer.error) == (str(photo), "photo", None)


def test_a_probable_photo_is_named_as_an_identified_one_is(tmp_path: Path, photo: Path) -> None:
    grey = photo_of((120, 120, 120))
    with ei.open(add_certainty(write_service_pack(tmp_path / "pack"))) as identifier:
        answer, unknown = identifier.identify(photo, no_location=True), identifier.identify(grey)

    assert (answer.decision, answer.best.reference.name) == ("probably", "Pure red")
    assert (answer.is_named, unknown.is_named) == (True, False)
    assert json.loads(answer.to_json())["answers"][0]["decision"] == "probably"


def test_every_kind_of_photo_gets_the_same_answer(identifier: ei.PackIdentifier, photo: Path) -> None:
    data = photo.read_bytes()
    with Image.open(photo) as image, photo.open("rb") as file:
        answers = [identifier.identify(one) for one in (str(photo), photo, data, io.BytesIO(data), file, image)]
        pixels = identifier.identify(np.asarray(image.convert("RGB")))

    assert {answer.question for answer in answers[:2]} == {str(photo)}
    assert [answer.question for answer in answers[2:]] == ["photo", "photo", str(photo), str(photo)]
    assert len({answer.best.score for answer in (*answers, pixels)}) == 1
    assert {answer.position.coordinates if answer.position else None for answer in answers} == {PARIS}
    assert pixels.position is None


def test_a_transparent_pillow_image_lies_over_white(identifier: ei.PackIdentifier) -> None:
    clear = Image.new("RGBA", (8, 8), (*RED, 0))

    assert identifier.embed_image(clear) == pytest.approx([3**-0.5] * 3)


def test_the_json_is_what_the_command_prints(
    pack: Path, photo: Path, identifier: ei.PackIdentifier, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {
        (): identifier.identify(photo),
        ("--top-k", "2"): identifier.identify(photo, top_k=2),
        ("--near", "51.5,-0.1", "--accuracy", "20"): identifier.identify(photo, near=LONDON, accuracy_m=20),
        ("--no-location",): identifier.identify(photo, no_location=True),
        ("--namespace", "nature"): identifier.identify(photo, namespaces=["nature"]),
        ("--label", "label=cold", "--label", "label=warm"): identifier.identify(
            photo, labels={"label": ["cold", "warm"]}
        ),
    }
    for words, answer in asked.items():
        main([str(photo), "--pack", str(pack), "--json", *words])
        assert untimed(answer.to_json()) == untimed(capsys.readouterr().out), words

    main(["search", "paris ra", "--pack", str(pack), "--json"])
    assert untimed(identifier.search("paris ra").to_json()) == untimed(capsys.readouterr().out)


def test_a_position_weighs_and_one_text_is_one_filter(identifier: ei.PackIdentifier, photo: Path) -> None:
    assert identifier.identify(photo).position is not None
    assert identifier.identify(photo, no_location=True).position is None
    near = identifier.identify(photo, near=LONDON, accuracy_m=20).position
    assert near is not None
    assert (near.coordinates, near.accuracy_m, near.source) == (LONDON, 20, "given")

    cold = identifier.identify(photo, namespaces="nature", labels={"label": "cold"})
    assert {match.reference.id for match in cold.matches} == {"green", "blue/2"}
    with pytest.raises(SetupError, match="Parid"):
        identifier.identify(photo, namespaces=["Parid"])


def test_geometry_is_verified_for_bytes_paths_and_pixels(identifier: ei.PackIdentifier, photo: Path) -> None:
    pytest.importorskip("cv2")
    image = Image.new("RGB", (2000, 1500), RED)
    for one in (photo, photo.read_bytes(), image):
        answer = identifier.identify(one, top_k=1, verify_geometry="always")
        assert [match.matched_points for match in answer.matches] == [0]
    assert image.size == (2000, 1500), "the caller's image stays as it is"


def test_photos_are_compared_where_similarity_does_not_identify_them(tmp_path: Path) -> None:
    of_green = photo_of_label(1)
    with Image.open(io.BytesIO(of_green)) as image:
        pixels = np.asarray(image.convert("RGB"))
    (tmp_path / "label.png").write_bytes(of_green)
    with ei.open(write_label_pack(tmp_path / "labels")) as identifier:
        photos: list[PhotoInput] = [photo_of((0, 255, 0)), of_green, pixels, tmp_path / "label.png", b"no image"]
        *answers, failed = identifier.identify_many(photos, top_k=1)
        alone = identifier.identify(pixels, top_k=1)
        never = identifier.identify(of_green, verify_geometry="never")
        always = identifier.identify(photos[0], verify_geometry="always")
        with pytest.raises(ValueError, match="sometimes"):
            identifier.identify(of_green, verify_geometry="sometimes")  # type: ignore[arg-type]

    assert isinstance(failed, ei.FailedPhoto)
    found = [answer for answer in answers if isinstance(answer, ei.Identification)]
    assert [(one.decision, one.best.reference.id) for one in found] == [("identified", "green")] * 4
    points = [one.best.matched_points for one in found]
    assert points[0] is None
    assert len({*points[1:], alone.best.matched_points}) == 1
    assert {len(one.matches) for one in found} == {1}
    assert (never.decision, never.best.matched_points) == ("unknown", None)
    assert always.best.matched_points == 0


def test_many_photos_are_answered_in_order_and_broken_ones_are_values(
    identifier: ei.PackIdentifier, photo: Path, tmp_path: Path
) -> None:
    count = BATCH + 3
    photos: list[PhotoInput] = [
        photo,
        tmp_path / "missing.jpg",
        b"no image",
        np.zeros((4, 4), np.uint8),
        *[photo] * count,
    ]
    answers = list(identifier.identify_many(photos, top_k=1))

    assert [isinstance(answer, ei.FailedPhoto) for answer in answers] == [False, True, True, True, *[False] * count]
    assert [answer.question for answer in answers[:4]] == [str(photo), str(tmp_path / "missing.jpg"), "photo", "photo"]
    for answer in answers:
        if answer.error is None:
            assert answer.best.reference.id == "red"
            assert len(answer.matches) == 1
        else:
            assert isinstance(answer.error, PhotoError)
    assert "missing.jpg: no such file" in str(answers[1].error)


def test_a_photo_or_a_mode_that_cannot_be_used_is_told_before_an_encoder_is_loaded(
    pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> None:
        raise AssertionError("an encoder was loaded")

    monkeypatch.setattr(pack_identifier, "_identifier_of", load)
    with ei.open(pack) as identifier:
        for photo in (b"no image", "missing.jpg"):
            with pytest.raises(PhotoError):
                identifier.identify(photo)
        with pytest.raises(ValueError, match="sometimes"):
            identifier.identify(Image.new("RGB", (9, 9)), verify_geometry="sometimes")  # type: ignore[arg-type]


def test_of_many_photos_none_waits_larger_than_it_is_compared(pack: Path, tmp_path: Path) -> None:
    pixels = np.zeros((600, 800, 3), np.uint8)
    kept: list[object] = []

    def noted(ready: Iterator[ReadyPhoto[PhotoForRecipes]], *_: object) -> Iterator[object]:
        for photo in ready:
            assert photo.photo is photo.prepared.photo
            kept.append(photo.photo and photo.photo.content.size)  # type: ignore[union-attr]
        yield from ()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pack_identifier, "answers_in_batches", noted)
        for folder in (pack, write_label_pack(tmp_path / "labels")):
            with ei.open(folder) as identifier:
                assert list(identifier.identify_many([pixels])) == []

    side_px = NET_SPEC.photo.side_px
    assert kept == [None, (side_px, side_px * 3 // 4)]


def test_many_photos_are_taken_as_they_are_needed_and_a_run_may_be_left_early(
    identifier: ei.PackIdentifier, photo: Path
) -> None:
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield photo

    answers = identifier.identify_many(endless())
    assert taken == 0
    assert next(answers).question == str(photo)
    assert taken <= 4 * BATCH
    answers.close()  # type: ignore[attr-defined]  # a generator
    assert identifier.identify(photo).decision == "identified"


def test_options_of_many_photos_are_checked_at_once(identifier: ei.PackIdentifier, photo: Path) -> None:
    wrongs: list[dict[str, Any]] = [{"top_k": 0}, {"top_k": 1001}, {"near": (91.0, 0.0)}, {"accuracy_m": 5.0}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"top_k|latitude|accuracy_m"):
            identifier.identify_many([photo], **wrong)
        with pytest.raises(ValueError, match=r"top_k|latitude|accuracy_m"):
            identifier.identify(photo, **wrong)
    (answer,) = identifier.identify_many([photo], namespaces=["nature"], no_location=True)
    assert answer.error is None
    assert answer.best.reference.namespace == "nature"
    assert answer.position is None


def test_a_text_finds_references(identifier: ei.PackIdentifier) -> None:
    hits = identifier.search("ra", top_k=2, namespaces=["Paris"])

    assert [match.reference.id for match in hits.matches] == ["red", "crimson"]
    assert (hits.kind, hits.question, hits.decision) == ("text", "ra", None)
    assert identifier.search("Paris").suggested_namespaces == ("Paris",)
    assert identifier.search("Paris", namespaces="nature").suggested_namespaces == ()
    with pytest.raises(SetupError, match="empty"):
        identifier.search(" ")


def test_a_pack_without_a_text_encoder_is_searched_by_words_and_says_so(colour_pack: Any) -> None:
    with ei.open(colour_pack()) as identifier:
        found = identifier.search("crimsn")

    assert [match.reference.id for match in found.matches] == ["crimson"]
    assert "this pack has no text encoder" in found.note


def test_an_image_has_a_unit_vector_of_the_pack_s_space(identifier: ei.PackIdentifier, photo: Path) -> None:
    vector = identifier.embed_image(photo)

    assert vector.shape == (3,)
    assert vector.dtype == np.float32
    assert float(np.linalg.norm(vector)) == pytest.approx(1)
    assert vector[0] > 0.99
    assert re.fullmatch("[0-9a-f]{64}", identifier.embedding_space)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (b"", "has no bytes"),
        (b"no image", "is not an image"),
        (io.BytesIO(b""), "has no bytes"),
        (np.zeros((4, 4), np.uint8), r"uint8 \[4, 4\], not RGB uint8"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4, 4), np.uint8), "RGB"),
        (np.zeros((0, 4, 3), np.uint8), "RGB"),
    ],
)
def test_what_cannot_be_used_is_an_error_of_the_photo(identifier: ei.PackIdentifier, wrong: Any, message: str) -> None:
    with pytest.raises(PhotoError, match=message):
        identifier.identify(wrong)


def test_no_photo_at_all_is_a_programming_error(identifier: ei.PackIdentifier, photo: Path) -> None:
    for wrong in (None, 7, [photo]):
        with pytest.raises(TypeError, match="is no photo"):
            identifier.identify(wrong)  # type: ignore[arg-type]
    with photo.open(encoding="latin-1") as file, pytest.raises(TypeError, match="mode 'rb'"):
        identifier.identify(file)  # type: ignore[arg-type]


def test_a_closed_identifier_holds_no_file_and_opens_again(pack: Path, photo: Path) -> None:
    identifier = ei.open(pack)
    assert identifier.identify(photo).decision == "identified"
    identifier.close()
    identifier.close()
    with identifier:
        assert identifier.identify(photo).decision == "identified"


def test_a_damaged_pack_is_an_error_of_the_pack(tmp_path: Path) -> None:
    folder = write_service_pack(tmp_path / "pack")
    (folder / "pack.json").write_text("{}")

    with pytest.raises(PackFormatError):
        ei.open(folder)
