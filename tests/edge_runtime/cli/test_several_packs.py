"""`edge-identify` with several installed packs: all are asked, or the default one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from installed_packs import COLD, WARM, install, write_named_pack
from PIL import Image

from edge_identify.edge_runtime.answers import answer_json
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder
from edge_identify.edge_runtime.store.pack_store import PackStore
from json_schema import faults
from service_packs import write_service_pack

Answer = Callable[..., Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two packs that have the same encoder."""
    return stored(tmp_path_factory.mktemp("several"))


def stored(folder: Path, *, own_encoder: bool = False, calibrated: bool = True) -> Path:
    store = PackStore(folder / "store")
    cold = write_named_pack(folder / "cold", "cold", COLD, own_encoder=own_encoder, calibrated=calibrated)
    install(store, write_named_pack(folder / "warm", "warm", WARM))
    install(store, cold)
    return store.root


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., str]:
    def draw(*rgb: int) -> str:
        path = tmp_path / ("-".join(map(str, rgb)) + ".png")
        Image.new("RGB", (20, 12), rgb).save(path)
        return str(path)

    return draw


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]) -> Answer:
    """Runs the command and returns the object that it prints, checked by its schema."""

    def run(*words: object, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*map(str, words), "--json"]) == code
        document = json.loads(capsys.readouterr().out)
        schema = json.loads(Path(answer_json.__file__).with_name("answer.schema.json").read_text(encoding="utf-8"))
        assert faults(document, schema, root=schema) == []
        return document

    return run


def damage(store: Path, pack: str, name: str) -> None:
    (path,) = (store / pack).rglob(name)
    data = path.read_bytes()
    path.unlink()  # the file may be a link
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize(("rgb", "pack", "name"), [((0, 0, 250), "cold", "blue"), ((250, 0, 0), "warm", "red")])
def test_the_pack_that_knows_the_thing_answers_and_is_named(
    store: Path, photo: Callable[..., str], answer: Answer, rgb: tuple[int, ...], pack: str, name: str
) -> None:
    found = answer(photo(*rgb), "--store", store)

    assert found["pack"]["name"] == found["answers"][0]["pack"]["name"] == pack
    assert found["answers"][0]["decision"] == "identified"
    alone = answer(photo(*rgb), "--store", store, "--pack", pack)
    assert "pack" not in alone["answers"][0]
    assert alone["answers"][0]["matches"] == found["answers"][0]["matches"]
    assert found["answers"][0]["matches"][0]["id"] == name


def test_the_screen_the_page_and_the_last_line_name_the_packs(
    store: Path, photo: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    photos = [photo(0, 0, 255), photo(255, 0, 0)]

    assert main([*photos, "--store", str(store)]) == 0
    shown = capsys.readouterr()
    named = [line.strip() for line in shown.out.splitlines() if "pack:" in line]
    assert named == ["pack: cold 1.0.0", "pack: warm 1.0.0"]
    assert "cold 1.0.0 · onnx-fp32, warm 1.0.0 · onnx-fp32 · " in shown.err

    assert main([*photos, "--store", str(store), "--html", str(page)]) == 0
    text = page.read_text()
    assert "pack: cold 1.0.0" in text
    assert "Answered from the packs cold 1.0.0 by onnx-fp32, warm 1.0.0 by onnx-fp32, " in text

    assert main([photos[0], "--store", str(store), "--pack", "cold"]) == 0
    assert "pack:" not in capsys.readouterr().out


def test_answers_from_different_packs_have_no_common_pack(
    store: Path, photo: Callable[..., str], answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(photo(0, 0, 255), photo(255, 0, 0), "none.png", "--store", store, code=1)
    assert (found["pack"], found["encoder"]) == (None, None)
    assert [one.get("pack") and one["pack"]["name"] for one in found["answers"]] == ["cold", "warm", None]

    main([photo(255, 0, 0), "none.png", "--store", str(store), "--jsonl"])
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["pack"] == {"name": "warm", "version": "1.0.0"}
    assert (second["pack"], second["encoder"]) == (None, None)


@pytest.mark.parametrize(("own_encoder", "times"), [(False, 1), (True, 2)])
def test_a_photo_is_embedded_once_for_packs_with_the_same_encoder_bytes(
    own_encoder: bool,
    times: int,
    tmp_path: Path,
    photo: Callable[..., str],
    answer: Answer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = stored(tmp_path, own_encoder=own_encoder)
    loaded, embedded = [], []
    load, embed = OnnxEncoder.__init__, OnnxEncoder.embed

    def counted_load(self: OnnxEncoder, path: Path, **options: Any) -> None:
        loaded.append(path)
        load(self, path, **options)

    def counted_embed(self: OnnxEncoder, batch: np.ndarray) -> np.ndarray:
        embedded.append(len(batch))
        return embed(self, batch)

    monkeypatch.setattr(OnnxEncoder, "__init__", counted_load)
    monkeypatch.setattr(OnnxEncoder, "embed", counted_embed)

    assert answer(photo(0, 0, 255), "--store", store)["pack"]["name"] == "cold"
    assert (len(loaded), embedded) == (times, [1] * times)


def test_several_photos_of_one_thing_are_asked_of_all_packs(
    store: Path, photo: Callable[..., str], answer: Answer
) -> None:
    words = (photo(0, 0, 255), photo(0, 5, 250), "--same-thing", "--store", store)

    found, alone = answer(*words), answer(*words, "--pack", "cold")
    assert found["pack"]["name"] == "cold"
    assert found["answers"][0]["matches"] == alone["answers"][0]["matches"]


def test_a_pack_without_calibration_comes_after_one_that_decides(
    tmp_path: Path, photo: Callable[..., str], answer: Answer
) -> None:
    store = stored(tmp_path, calibrated=False)

    found = answer(photo(0, 0, 255), "--store", store, code=3)  # the other pack knows that it does not know it

    assert found["pack"]["name"] == "warm"
    assert found["answers"][0]["decision"] == "unknown"


def test_a_default_pack_alone_is_asked_until_it_is_removed(
    tmp_path: Path, photo: Callable[..., str], answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    store = stored(tmp_path)

    assert main(["packs", "--store", str(store), "--default", "warm"]) == 0
    assert [line.endswith("(default)") for line in capsys.readouterr().out.splitlines()] == [False, True]
    assert main(["packs", "--store", str(store), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["default"] == "warm"
    assert [pack["is_default"] for pack in listed["packs"]] == [False, True]
    found = answer(photo(0, 0, 255), "--store", store, code=3)
    assert found["pack"]["name"] == "warm"
    assert "pack" not in found["answers"][0]
    assert answer(photo(0, 0, 255), "--store", store, "--pack", "cold")["pack"]["name"] == "cold"

    assert main(["packs", "--store", str(store), "--no-default"]) == 0
    assert answer(photo(0, 0, 255), "--store", store)["pack"]["name"] == "cold"


def test_a_default_pack_that_is_gone_is_told(
    tmp_path: Path, photo: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    store = stored(tmp_path)
    main(["packs", "--store", str(store), "--default", "warm"])
    (store / "warm/active.json").unlink()
    capsys.readouterr()

    for words in ([photo(0, 0, 255)], ["search", "red"], ["packs"]):
        assert main([*words, "--store", str(store)]) == 6
        said = capsys.readouterr()
        assert f"error: the default pack 'warm' is not in {store} any more; set it with" in said.err
    assert said.out.startswith("cold 1.0.0")
    assert main(["packs", "--store", str(store), "--default", "wrm"]) == 6
    assert "no pack 'wrm' is installed" in capsys.readouterr().err

    (store / "default.json").write_text("{")
    assert main([photo(0, 0, 255), "--store", str(store)]) == 8
    assert "default.json: is damaged" in capsys.readouterr().err
    assert main(["packs", "--store", str(store), "--no-default"]) == 0
    assert main([photo(0, 0, 255), "--store", str(store)]) == 0


@pytest.mark.parametrize("file", ["pack.json", "images.faiss", "references.sqlite"])
def test_a_damaged_pack_is_one_line_and_the_others_answer(
    tmp_path: Path, photo: Callable[..., str], capsys: pytest.CaptureFixture[str], file: str
) -> None:
    store = stored(tmp_path)
    damage(store, "warm", file)

    assert main([photo(0, 0, 255), "--store", str(store)]) == 1
    shown = capsys.readouterr()
    assert "identified" in shown.out
    assert "pack: cold 1.0.0" in shown.out
    assert len([line for line in shown.err.splitlines() if line.startswith("pack warm is left out: ")]) == 1

    damage(store, "cold", file)
    assert main([photo(0, 0, 255), "--store", str(store)]) == 6
    assert capsys.readouterr().err.count("error: ") == 1


def test_a_damaged_copy_of_a_shared_encoder_does_no_harm(
    tmp_path: Path, photo: Callable[..., str], answer: Answer
) -> None:
    store = stored(tmp_path)
    damage(store, "cold", "model.onnx")  # the first: the other has its own copy

    assert answer(photo(255, 0, 0), "--store", store, code=1)["pack"]["name"] == "warm"


def test_packs_that_do_not_know_a_filter_are_left_out(
    store: Path, photo: Callable[..., str], answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(photo(0, 0, 255), "--store", store, "--namespace", "warm", code=3)
    assert found["pack"]["name"] == "warm"

    assert main([photo(0, 0, 255), "--store", str(store), "--namespace", "hot"]) == 8
    said = capsys.readouterr().err
    assert "cold: the pack has no namespace 'hot'; " in said
    assert "warm: the pack has no namespace 'hot'; " in said


def test_a_text_is_looked_for_in_the_words_of_all_packs_and_a_benchmark_needs_one(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--benchmark", "--store", str(store)]) == 8
    assert "choose one with --pack: cold, warm" in capsys.readouterr().err
    assert main(["search", "orange", "--store", str(store)]) == 0
    assert "pack: warm 1.0.0" in capsys.readouterr().out  # by its name
    assert main(["search", "violet", "--store", str(store)]) == 3


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two packs that know texts and have thumbnails, and one of images alone."""
    folder = tmp_path_factory.mktemp("mixed")
    store = PackStore(folder / "store")
    install(store, write_service_pack(folder / "letters"))
    install(store, write_service_pack(folder / "others", name="others"))
    install(store, write_named_pack(folder / "warm", "warm", WARM))
    return store.root


def test_a_text_is_answered_by_the_pack_that_fits_best_and_the_others_are_named(
    mixed: Path, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer("search", "red", "--store", mixed)
    assert found["pack"]["name"] == "letters"  # as well as the other: the first by name
    assert (
        found["answers"][0]["matches"]
        == answer("search", "red", "--store", mixed, "--pack", "letters")["answers"][0]["matches"]
    )

    assert main(["search", "red", "--store", str(mixed)]) == 0
    shown = capsys.readouterr()
    assert "pack: letters 1.0.0" in shown.out
    assert "other packs, and what is nearest there: others (" in shown.err


def test_photos_are_compared_in_the_packs_with_pictures_and_the_others_answer_without(
    mixed: Path, photo: Callable[..., str], answer: Answer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cv2")
    proof = tmp_path / "proof.png"

    found = answer(photo(0, 255, 0), "--store", mixed, "--verify-geometry", "--explain", str(proof))
    assert found["pack"]["name"] == "letters"
    assert found["answers"][0]["matches"][0]["matched_points"] == 0  # one colour has no points
    assert proof.read_bytes().startswith(b"\x89PNG")

    assert main([photo(255, 128, 0), "--store", str(mixed), "--verify-geometry", "--explain", str(proof)]) == 8
    said = capsys.readouterr().err
    assert "not compared: pack warm 1.0.0 has " in said
    assert "nothing to draw, because pack warm answered" in said
