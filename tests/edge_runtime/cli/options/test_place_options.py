"""Place and filters, from the command line to the answer: the colours stand in cities."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from colour_packs import COLOURS, add_calibration, write_many_colours_pack
from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.cli.options.place_options import joined_coordinates
from edge_identify.edge_runtime.decisions.decision import Decision, Verdict
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.photos.position import Position
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto, prepare_photo
from edge_identify.edge_runtime.search.identifier import Identifier

PARIS, LONDON = (48.8566, 2.3522), (51.5074, -0.1278)
NEAR_CRIMSON = (51.508, -0.128)  # 70 m from it

#: Blue has no coordinates. Red and crimson look alike.
THINGS = (
    Reference(id="red", name="Pure red", namespace="Paris", labels={"tone": "warm"}),
    Reference(id="green", name="Pure green", namespace="Paris", labels={"tone": "cold"}),
    Reference(id="blue", name="Pure blue", namespace="London", labels={"tone": "cold"}),
    Reference(id="crimson", name="Crimson", namespace="London", labels={"tone": "warm"}),
)
SPOTS = {"red": PARIS, "green": (PARIS[0] + 0.01, PARIS[1]), "crimson": LONDON}
LOCATED = tuple(
    replace(thing, latitude=SPOTS[thing.id][0], longitude=SPOTS[thing.id][1]) if thing.id in SPOTS else thing
    for thing in THINGS
)


@pytest.fixture
def located_pack(colour_pack: Callable[[], Path]) -> Path:
    """The colour pack, calibrated, its colours in two cities."""
    return with_references(colour_pack(), LOCATED)


def with_references(folder: Path, things: tuple[Reference, ...]) -> Path:
    (folder / "references.sqlite").unlink()
    images = [
        ReferenceImage(index_id=position + 1, reference_id=identifier, sha256="0" * 64)
        for position, (identifier, _, _) in enumerate(COLOURS)
    ]
    write_references(folder / "references.sqlite", things, images)
    return add_calibration(folder)


def photo(path: Path, colour: tuple[int, int, int], at: tuple[float, float] | None = None) -> Path:
    """Write a photo of one colour, and where it was taken."""
    exif = Image.Exif()
    if at is not None:
        gps = exif.get_ifd(0x8825)
        gps[1], gps[3] = "N" if at[0] >= 0 else "S", "E" if at[1] >= 0 else "W"
        gps[2], gps[4] = (abs(at[0]), 0.0, 0.0), (abs(at[1]), 0.0, 0.0)
    Image.new("RGB", (9, 9), colour).save(path, quality=100, subsampling=0, exif=exif)
    return path


def position(at: tuple[float, float]) -> Position:
    return Position(latitude=at[0], longitude=at[1])


def told(place: Position | None, _photo: Path) -> Position | None:
    """Return a place whatever the photo says, as the options do."""
    return place


BETWEEN = (230, 10, 35)  # red and crimson


def answer_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    main([*words, "--json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)["answers"][0]
    return answer


def test_a_photo_between_two_look_alikes_is_the_one_that_stands_where_it_was_taken(
    located_pack: Path, tmp_path: Path
) -> None:
    image = photo(tmp_path / "p.jpg", BETWEEN)
    with Identifier(open_pack(located_pack)) as identifier:
        anywhere = identifier.identify(image)
        in_paris = identifier.identify(image, position=position(PARIS))
        in_london = identifier.identify(image, position=position(NEAR_CRIMSON))

    assert anywhere.decision is Decision.AMBIGUOUS
    assert (in_paris.decision, in_paris.matches[0].reference.id) == (Decision.IDENTIFIED, "red")
    assert (in_london.decision, in_london.matches[0].reference.id) == (Decision.IDENTIFIED, "crimson")
    place = in_london.matches[0].place
    assert place is not None
    assert place.distance_m == pytest.approx(67, abs=3)
    assert place.score > 1
    assert in_london.matches[0].confidence is not None
    assert place.vision_confidence < in_london.matches[0].confidence


@pytest.fixture
def shades(tmp_path: Path) -> Path:
    """A pack of 300 shades from red on, each a little farther from it; the 150th is in London, the others in Paris."""
    things = [
        (Reference(id=f"s{at:03d}", name="shade", latitude=PARIS[0], longitude=PARIS[1]), (255, at // 4, at % 4))
        for at in range(300)
    ]
    alone = replace(things[150][0], latitude=LONDON[0], longitude=LONDON[1])
    things[150] = (alone, things[150][1])
    return write_many_colours_pack(tmp_path / "shades", things)


@pytest.mark.parametrize("together", [False, True])
def test_what_is_far_down_by_its_looks_comes_first_by_its_place_and_more_to_show_changes_nothing(
    shades: Path, tmp_path: Path, together: bool
) -> None:
    image = photo(tmp_path / "p.png", (255, 0, 0))
    with Identifier(open_pack(shades)) as identifier:
        recipe = open_pack(shades).manifest.preprocessing
        ready = prepare_photo(image, recipe, position_of=lambda _: position(LONDON))

        def ask(top_k: int) -> Identification:
            if together:
                return identifier.identify_together([ready, ready], top_k=top_k)
            return identifier.identify_prepared(ready, top_k=top_k)

        few, many = ask(5), ask(260)
        by_looks = identifier.identify(image, top_k=200)

    at = [match.reference.id for match in by_looks.matches].index("s150")
    assert 100 < at < 200
    assert few.matches[0].reference.id == "s150"
    assert len(many.matches) == 260
    assert many.matches[:5] == few.matches
    assert few.verdict is not None
    assert many.verdict is not None
    assert (few.verdict.decision, few.verdict.evidence) == (many.verdict.decision, many.verdict.evidence)
    assert [match.reference.id for match in many.matches[200:]] == sorted(
        match.reference.id for match in many.matches[200:]
    )
    assert {match.confidence for match in many.matches[200:]} == {0.0}


def test_a_clear_photo_is_still_identified_where_the_thing_is_not(located_pack: Path, tmp_path: Path) -> None:
    green, blue = photo(tmp_path / "g.png", (0, 255, 0)), photo(tmp_path / "b.png", (0, 0, 255))
    with Identifier(open_pack(located_pack)) as identifier:
        elsewhere = identifier.identify(green, position=position(LONDON))
        unlocated = identifier.identify(blue, position=position(PARIS))

    assert (elsewhere.decision, elsewhere.matches[0].reference.id) == (Decision.IDENTIFIED, "green")
    assert elsewhere.matches[0].place is not None
    assert elsewhere.matches[0].place.score < 1
    assert (unlocated.decision, unlocated.matches[0].reference.id) == (Decision.IDENTIFIED, "blue")
    assert unlocated.matches[0].place is not None
    assert (unlocated.matches[0].place.score, unlocated.matches[0].place.distance_m) == (1.0, None)


@pytest.mark.parametrize("spot", [None, PARIS])
def test_a_pack_without_coordinates_or_all_at_one_spot_answers_as_without_a_position(
    colour_pack: Callable[[], Path], tmp_path: Path, spot: tuple[float, float] | None
) -> None:
    latitude, longitude = spot or (None, None)
    things = tuple(replace(thing, latitude=latitude, longitude=longitude) for thing in THINGS)
    image = photo(tmp_path / "p.png", BETWEEN)
    folder = add_calibration(with_references(colour_pack(), things), neighbours=2)
    with Identifier(open_pack(folder)) as identifier:
        without = identifier.identify(image, top_k=1)
        placed = identifier.identify(image, top_k=1, position=position((48.86, 2.36)))

    assert placed.verdict == without.verdict
    assert placed.matches == without.matches
    assert placed.position == position((48.86, 2.36))


def test_photos_of_one_batch_are_answered_as_each_alone(located_pack: Path, tmp_path: Path) -> None:
    recipe = open_pack(located_pack).manifest.preprocessing
    image = photo(tmp_path / "p.png", BETWEEN)
    places = [None, position(PARIS), position(NEAR_CRIMSON), None]
    add_calibration(located_pack, neighbours=2)
    with Identifier(open_pack(located_pack)) as identifier:
        prepared = [prepare_photo(image, recipe, position_of=partial(told, place)) for place in places]
        together = identifier.identify_batch(prepared, top_k=1)
        alone = [identifier.identify(image, top_k=1, position=place) for place in places]

    assert [found.matches for found in together] == [found.matches for found in alone]
    assert [found.verdict for found in together] == [found.verdict for found in alone]
    assert [found.position for found in together] == places


def test_an_uncalibrated_pack_shows_the_position_and_does_not_use_it(
    located_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_calibration(located_pack, variant="another")
    image = photo(tmp_path / "p.jpg", BETWEEN, LONDON)

    answer = answer_of([str(image), "--pack", str(located_pack)], capsys)

    assert answer["decision"] is None
    assert answer["position"]["used"] is False
    assert answer["matches"][0]["place"] is None


def test_where_the_position_came_from_is_told_and_options_override_the_photo(
    located_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = photo(tmp_path / "p.jpg", BETWEEN, (51.5, -0.125))
    words = [str(image), "--pack", str(located_pack)]

    told = answer_of(words, capsys)
    given = answer_of([*words, "--near", "48.8566,2.3522", "--accuracy", "20"], capsys)
    nowhere = answer_of([*words, "--near", "48.8566,2.3522", "--no-location"], capsys)

    assert told["position"] == {"lat": 51.5, "lng": -0.125, "accuracy_m": None, "source": "photo", "used": True}
    assert told["matches"][0]["id"] == "crimson"
    assert given["position"] == {"lat": 48.8566, "lng": 2.3522, "accuracy_m": 20.0, "source": "given", "used": True}
    assert given["matches"][0]["id"] == "red"
    assert given["matches"][0]["place"]["distance_m"] == 0
    assert nowhere["position"] is None
    assert nowhere["decision"] == "ambiguous"
    assert nowhere["matches"][0]["place"] is None


def test_a_person_sees_how_it_looks_where_it_is_and_what_both_come_to(
    located_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = photo(tmp_path / "p.jpg", BETWEEN)

    main([str(image), "--pack", str(located_pack), "--near", "51.508,-0.128"])

    out = " ".join(capsys.readouterr().out.split())
    assert "place: 51.50800, -0.12800 (given)" in out
    assert re.search(r"1: looks \d\d%, 68 m away \(odds x 2\.\d\), together 9\d%", out)


def test_southern_and_western_coordinates_are_taken_as_one_word(
    located_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = photo(tmp_path / "p.jpg", (0, 0, 255))

    answer = answer_of([str(image), "--pack", str(located_pack), "--near", "-33.8568,-151.5"], capsys)

    assert (answer["position"]["lat"], answer["position"]["lng"]) == (-33.8568, -151.5)
    assert joined_coordinates(["--near", "-.5,1", "-0", "a"]) == ["--near=-.5,1", "-0", "a"]
    assert joined_coordinates(["--near", "--json"]) == ["--near", "--json"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--near", "91,0"], "latitude 91 is outside -90 to 90"),
        (["--near", "0,181"], "longitude 181 is outside -180 to 180"),
        (["--near", "nan,0"], "latitude nan"),
        (["--near", "inf,0"], "latitude inf"),
        (["--near", "here"], "not a latitude and a longitude in degrees, such as 48.8584,2.2945"),
        (["--near", "48.8,2.2,1"], "not a latitude and a longitude"),
        (["--near", ""], "not a latitude and a longitude"),
        (["--near", "1,2", "--accuracy", "0"], "accuracy 0 m is not above 0"),
        (["--near", "1,2", "--accuracy", "nan"], "accuracy nan"),
        (["--near", "1,2", "--accuracy", "far"], "'far' is not a distance in metres, such as 100"),
        (["--accuracy", "50"], "--accuracy needs --near"),
        (["--label", "crab"], "'crab' is not KEY=VALUE, such as category=crab"),
    ],
)
def test_nonsense_is_wrong_usage_and_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["p.jpg", *words])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 16])  # by numpy, by FAISS
def test_a_filter_leaves_only_what_passes_and_the_list_is_full(
    located_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    photos = [str(photo(tmp_path / f"p{number}.png", (255, 0, 0))) for number in range(count)]

    answer = answer_of([*photos, "--pack", str(located_pack), "--namespace", "London", "--top-k", "2"], capsys)

    assert [match["id"] for match in answer["matches"]] == ["crimson", "blue"]
    assert answer["filters"] == {"namespaces": ["London"], "labels": {}}


def test_labels_and_namespaces_join(located_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(photo(tmp_path / "p.png", (255, 0, 0))), "--pack", str(located_pack), "--label", "tone=cold"]

    both = answer_of([*words, "--label", "tone=warm"], capsys)
    joined = answer_of([*words, "--namespace", "London"], capsys)

    assert len(both["matches"]) == 4
    assert [match["id"] for match in joined["matches"]] == ["blue"]
    main([*words])
    assert "only among: tone=cold" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--namespace", "Lodon"], "no namespace 'Lodon'; the nearest are London"),
        (["--label", "tone=hot"], "no label of kind 'tone' 'hot'; it has cold, warm"),
        (["--label", "hue=warm"], "no kind of label 'hue'; it has tone"),
    ],
)
def test_a_filter_that_names_nothing_ends_with_the_nearest_names(
    located_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main([str(photo(tmp_path / "p.png", (255, 0, 0))), "--pack", str(located_pack), *words]) == 8
    assert said in capsys.readouterr().err


def test_a_filter_never_makes_a_decision_easier(located_pack: Path, tmp_path: Path) -> None:
    # By margin alone: among few references any photo stands out, unless it is measured against the whole pack.
    add_calibration(located_pack, score_weight=0.0, margin_weight=40.0, intercept=-8.0)
    pack = open_pack(located_pack)
    filters = [Filters(namespaces=("London",)), Filters(namespaces=("Paris",)), Filters(labels={"tone": ("cold",)})]
    decisions = set()
    for number in range(40):
        colour = (number * 97 % 256, number * 41 % 256, number * 149 % 256)
        image = photo(tmp_path / "p.png", colour)
        with Identifier(pack) as whole:
            free = whole.identify(image)
        assert free.verdict is not None
        for some in filters:
            with Identifier(pack, filters=some) as narrowed:
                found = narrowed.identify(image)
            assert found.verdict is not None
            assert found.verdict.evidence <= free.verdict.evidence + 1e-9
            if free.decision is Decision.UNKNOWN:
                assert found.decision is Decision.UNKNOWN
            decisions.add((free.decision, found.decision))

    assert (Decision.IDENTIFIED, Decision.UNKNOWN) in decisions
    assert (Decision.IDENTIFIED, Decision.IDENTIFIED) in decisions


PLACES = (PARIS, NEAR_CRIMSON, (PARIS[0] + 0.01, PARIS[1]), (50.0, 1.0), (-33.9, 151.2))
SOME = (
    *(Filters(namespaces=(city,)) for city in ("London", "Paris")),
    *(Filters(labels={"tone": (tone,)}) for tone in ("cold", "warm")),
    Filters(namespaces=("London",), labels={"tone": ("cold",)}),  # blue alone, which has no coordinates
    Filters(namespaces=("London",), labels={"tone": ("warm",)}),
)


def verdict_of(identifier: Identifier, ready: list[PreparedPhoto], *, together: bool) -> Verdict:
    """Return the decision on two photos of one thing, or on the first of them alone."""
    found = identifier.identify_together(ready) if together else identifier.identify_batch(ready)[0]
    assert found.verdict is not None
    return found.verdict


@pytest.mark.parametrize("together", [False, True])
def test_a_filter_makes_nothing_known_where_a_position_is_told(
    located_pack: Path, tmp_path: Path, together: bool
) -> None:
    """A filter leaves fewer references near the photo, and fewer look-alikes elsewhere: neither proves anything."""
    add_calibration(located_pack, intercept=-37.5, temperature=0.2)
    with Identifier(open_pack(located_pack)) as whole:
        recipe = open_pack(located_pack).manifest.preprocessing
        narrowed = [whole.narrowed(some) for some in SOME]
        became = set()
        for number in range(60):
            colour = (number * 97 % 256, number * 41 % 256, number * 149 % 256)
            image = photo(tmp_path / "p.png", colour)
            for spot in PLACES:
                ready = [prepare_photo(image, recipe, position_of=partial(told, position(spot)))] * 2
                verdicts = [verdict_of(one, ready, together=together) for one in (whole, *narrowed)]
                for verdict in verdicts[1:]:
                    assert verdict.evidence <= verdicts[0].evidence + 1e-9
                    became.add((verdicts[0].decision, verdict.decision))
        for one in narrowed:
            one.close()

    assert not {both for both in became if both[0] is Decision.UNKNOWN and both[1] is not Decision.UNKNOWN}
    assert {both[0] for both in became} == set(Decision) - {Decision.PROBABLY}  # this calibration has no such word
    assert (Decision.AMBIGUOUS, Decision.IDENTIFIED) in became  # it may become clear which of the known things it is


def test_the_place_of_what_a_filter_leaves_is_weighed_against_the_whole_pack(
    located_pack: Path, tmp_path: Path
) -> None:
    image = photo(tmp_path / "p.png", BETWEEN)
    with Identifier(open_pack(located_pack)) as whole, whole.narrowed(Filters(labels={"tone": ("warm",)})) as warm:
        free = whole.identify(image, position=position(PARIS))
        narrowed = warm.identify(image, position=position(PARIS))

    scores = {match.reference.id: match.place.score for match in free.matches if match.place}
    assert {match.reference.id: match.place.score for match in narrowed.matches if match.place} == {
        name: scores[name] for name in ("red", "crimson")
    }


def test_a_filter_tells_look_alikes_apart_that_it_leaves_out(located_pack: Path, tmp_path: Path) -> None:
    image = photo(tmp_path / "p.png", BETWEEN)
    with Identifier(open_pack(located_pack), filters=Filters(namespaces=("London",))) as identifier:
        found = identifier.identify(image)

    assert found.decision is Decision.IDENTIFIED
    assert found.matches[0].reference.id == "crimson"
