"""`--same-thing` from the command line: one answer to several photos, and what becomes of broken ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from feature_nets import photo_of_label, plain_photo, write_label_pack
from PIL import Image

from colour_packs import COLOURS, add_calibration
from edge_identify.edge_runtime.answers import answer_json
from edge_identify.edge_runtime.answers.identification import Identification, StageSeconds
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto, prepare_photo
from edge_identify.edge_runtime.search.identifier import Identifier
from json_schema import faults

PHOTOS = {
    "red": (255, 0, 0),
    "between": (230, 10, 35),
    "redder": (235, 8, 30),
    "crimson": (220, 20, 60),
    "blue": (0, 0, 255),
    "grey": (99,) * 3,
}
PARIS, LONDON = (48.8566, 2.3522), (51.5074, -0.1278)


@pytest.fixture
def pack(colour_pack: Callable[[], Path]) -> str:
    """The colour pack, calibrated; red is in Paris and crimson in London."""
    folder = colour_pack()
    spots = {"red": PARIS, "crimson": LONDON}
    (folder / "references.sqlite").unlink()
    things = [
        Reference(id=name, name=name, namespace="warm" if name in spots else "cold")
        for name in (*spots, "green", "blue")
    ]
    located = [
        replace(thing, latitude=spots[thing.id][0], longitude=spots[thing.id][1]) if thing.id in spots else thing
        for thing in things
    ]
    images = [
        ReferenceImage(index_id=at + 1, reference_id=name, sha256="0" * 64) for at, (name, _, _) in enumerate(COLOURS)
    ]
    write_references(folder / "references.sqlite", located, images)
    return str(add_calibration(folder))


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos of one colour in the working folder, and a broken one."""
    monkeypatch.chdir(tmp_path)
    for name, colour in PHOTOS.items():
        Image.new("RGB", (9, 9), colour).save(f"{name}.png")
    Path("broken.png").write_bytes(b"no picture")


def valid(text: str) -> Any:
    schema = json.loads(Path(answer_json.__file__).with_name("answer.schema.json").read_text(encoding="utf-8"))
    document = json.loads(text)
    assert faults(document, schema, root=schema) == []
    return document


def prepared(pack: str, *names: str) -> list[PreparedPhoto]:
    recipe = open_pack(Path(pack)).manifest.preprocessing
    return [prepare_photo(Path(f"{name}.png"), recipe) for name in names]


def untimed(answer: Identification) -> Identification:
    return replace(answer, times=StageSeconds(prepare=0, encode=0, search=0, decide=0))


@pytest.mark.parametrize("filters", [Filters(), Filters(namespaces=("warm",))])
@pytest.mark.parametrize("top_k", [1, 3])
def test_one_photo_is_answered_exactly_as_ever(pack: str, filters: Filters, top_k: int) -> None:
    with Identifier(open_pack(Path(pack)), filters=filters) as identifier:
        for name in PHOTOS:
            (photo,) = prepared(pack, name)
            alone = identifier.identify_prepared(photo, top_k=top_k)

            assert untimed(identifier.identify_together([photo], top_k=top_k)) == untimed(alone)


def test_several_photos_have_the_mean_of_their_scores_in_any_order(pack: str) -> None:
    names = ("red", "redder", "crimson")
    with Identifier(open_pack(Path(pack))) as identifier:
        photos = prepared(pack, *names)
        each = [{m.reference.id: m.score for m in identifier.identify_prepared(photo).matches} for photo in photos]
        answers = [untimed(identifier.identify_together(order)) for order in permutations(photos)]

    assert all(answer == answers[0] for answer in answers)
    for match in answers[0].matches:
        assert match.score == pytest.approx(sum(scores[match.reference.id] for scores in each) / 3, abs=1e-6)


def test_photos_that_disagree_are_no_evidence(pack: str) -> None:
    with Identifier(open_pack(Path(pack))) as identifier:
        red, blue = prepared(pack, "red", "blue")
        alone = [identifier.identify_prepared(photo).verdict for photo in (red, blue)]
        verdict = identifier.identify_together([red, blue]).verdict

    assert verdict is not None
    assert all(one is not None and one.decision == "identified" for one in alone)
    assert verdict.decision == "unknown"


def test_more_photos_than_are_embedded_at_once_count_alike(pack: str) -> None:
    with Identifier(open_pack(Path(pack))) as identifier:
        many = prepared(pack, *["red"] * 20, *["crimson"] * 20)
        few = prepared(pack, "red", "crimson")

        for one, other in zip(
            identifier.identify_together(many).matches, identifier.identify_together(few).matches, strict=True
        ):
            assert one.reference.id == other.reference.id
            assert one.score == pytest.approx(other.score, abs=1e-6)


def test_the_times_of_all_photos_are_counted(pack: str) -> None:
    with Identifier(open_pack(Path(pack))) as identifier:
        photos = prepared(pack, "red", "crimson")
        times = identifier.identify_together(photos).times

    assert times.prepare == sum(photo.seconds for photo in photos)
    assert min(times.encode, times.search, times.decide) > 0


def test_the_object_names_all_photos_and_one_photo_gives_none(pack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--same-thing", "red.png", "redder.png", "--pack", pack, "--json"]) == 0
    (answer,) = valid(capsys.readouterr().out)["answers"]
    assert (answer["photo"], answer["photos"]) == ("red.png", ["red.png", "redder.png"])
    assert (answer["decision"], answer["matches"][0]["id"]) == ("identified", "red")

    assert main(["--same-thing", "red.png", "--pack", pack, "--jsonl"]) == 0
    assert "photos" not in valid(capsys.readouterr().out)


def test_a_broken_photo_is_skipped_and_the_rest_answers(pack: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--same-thing", "red.png", "broken.png", "redder.png", "--pack", pack]

    assert main([*words, "--jsonl"]) == 1
    out, err = capsys.readouterr()
    failure, answer = [valid(line) for line in out.splitlines()]
    assert failure["photo"] == "broken.png"
    assert answer["photos"] == ["red.png", "redder.png"]
    assert "skipped: broken.png: is not an image" in err

    assert main(words) == 1
    assert "red.png and 1 more: identified" in capsys.readouterr().out


@pytest.mark.parametrize("output", [[], ["--json"], ["--jsonl"], ["--html", "page.html"]])
@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["red", "redder"], 0),
        (["grey", "grey"], 3),
        (["between", "between"], 4),
        (["broken", "none"], 5),
        (["grey", "broken"], 3),
    ],
)
def test_the_exit_code_is_the_one_decision(pack: str, names: list[str], code: int, output: list[str]) -> None:
    assert main(["--same-thing", *(f"{name}.png" for name in names), "--pack", pack, *output]) == code


def test_a_person_reads_one_answer_and_from_which_photos(pack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--same-thing", *["red.png"] * 30, "--pack", pack]) == 0

    out, err = capsys.readouterr()
    assert out.count("identified") == 1
    assert "from 30 photos of the same thing: red.png, red.png" in " ".join(out.split())
    assert "photos:" not in err


def test_the_page_shows_all_photos_beside_one_answer(pack: str) -> None:
    assert main(["--same-thing", "red.png", "redder.png", "--pack", pack, "--html", "page.html"]) == 0

    page = Path("page.html").read_text(encoding="utf-8")
    assert "<h1>What 2 photos show</h1>" in page
    assert page.count('<li class="answer">') == 1
    assert re.findall(r'<img src="data:image/jpeg[^>]* alt="([^"]*)"', page) == ["red.png", "redder.png"]
    assert "from 2 photos of the same thing: red.png, redder.png" in page


def test_place_and_filters_weigh_for_all_photos(pack: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--same-thing", "between.png", "between.png", "--pack", pack, "--json"]

    def first(*more: str) -> dict[str, Any]:
        main([*words, *more])
        (answer,) = valid(capsys.readouterr().out)["answers"]
        return {"id": answer["matches"][0]["id"], "position": answer["position"], "filters": answer["filters"]}

    assert first("--near", "51.508,-0.128")["id"] == "crimson"
    assert first("--near", "48.8566,2.3522")["id"] == "red"
    assert first("--near", "48.8566,2.3522")["position"]["used"]
    assert first("--namespace", "cold")["id"] in ("green", "blue")


def test_points_of_the_best_photo_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_label_pack(tmp_path / "labels")
    photos = [tmp_path / "grey.png", tmp_path / "label.png"]
    for path, content in zip(photos, [plain_photo(120, 120, 120), photo_of_label(1)], strict=True):
        path.write_bytes(content)

    def decision(*words: str) -> tuple[str, str, bool]:
        main(["--same-thing", *map(str, photos), "--pack", str(folder), "--jsonl", *words])
        answer = json.loads(capsys.readouterr().out)
        return answer["decision"], answer["matches"][0]["id"], answer["matches"][0]["matched_points"] is not None

    assert decision() == decision("--verify-geometry") == ("identified", "green", True)
    by_similarity = decision("--verify-geometry=never")
    assert (by_similarity[0], by_similarity[2]) == ("unknown", False)


def test_an_explanation_is_for_one_photo(pack: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--same-thing", "red.png", "redder.png", "--pack", pack, "--explain", "proof.png"])

    assert ended.value.code == 2
    assert "--same-thing cannot be combined" in capsys.readouterr().err
