"""Points are compared where similarity alone does not identify a photo, always, or never."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from feature_nets import photo_of_label, plain_photo, write_label_pack

from colour_packs import add_calibration, with_files, write_colour_pack
from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.errors import PackDamagedError, SetupError
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo
from edge_identify.edge_runtime.search.geometry import local_feature_net
from edge_identify.edge_runtime.search.geometry.cascade import (
    CANDIDATES,
    GeometryCascade,
    GeometryMode,
    needs_comparison,
)
from edge_identify.edge_runtime.search.geometry.packs_cascade import PacksCascade
from edge_identify.edge_runtime.search.identifier import Identifier
from example_answers import decided, uncalibrated

AUTO, ALWAYS, NEVER = GeometryMode.AUTO, GeometryMode.ALWAYS, GeometryMode.NEVER
GREEN, GREY = plain_photo(0, 255, 0), plain_photo(120, 120, 120)
OF_GREEN, OF_NOTHING = photo_of_label(1), photo_of_label(9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack whose green reference shows `label(1)`."""
    return write_label_pack(tmp_path_factory.mktemp("packs") / "labels")


@contextmanager
def cascade_of(folder: Path, mode: GeometryMode) -> Iterator[tuple[Identifier, GeometryCascade]]:
    with ExitStack() as stack:
        pack = open_pack(folder)
        identifier = stack.enter_context(Identifier(pack))
        yield identifier, stack.enter_context(GeometryCascade(pack, identifier.calibration, mode))


def answer(folder: Path, mode: GeometryMode, *photos: bytes, top_k: int = 2) -> Identification:
    """Return the answer to a photo, or to photos of one thing."""
    with cascade_of(folder, mode) as (identifier, cascade):
        opened = [OpenedPhoto(name="photo", content=photo) for photo in photos]
        prepared = [prepare_photo(photo, identifier.recipe) for photo in opened]
        found = identifier.identify_together(prepared, top_k=cascade.match_count(top_k))
        return cascade.verified(opened, found, top_k=top_k)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of the nets that are loaded."""
    found: list[Path] = []
    load = local_feature_net.open_feature_net

    def noted(pack: object) -> object:
        found.append(pack.folder)  # type: ignore[attr-defined]
        return load(pack)  # type: ignore[arg-type]

    monkeypatch.setattr(local_feature_net, "open_feature_net", noted)
    return found


def test_a_photo_that_similarity_identifies_is_not_compared_and_the_net_is_not_loaded(
    folder: Path, loaded: list[Path]
) -> None:
    found = answer(folder, AUTO, GREEN)

    assert (found.decision, found.best.reference.id) == (Decision.IDENTIFIED, "green")
    assert [match.matched_points for match in found.matches] == [None, None]
    assert loaded == []


def test_a_photo_that_similarity_does_not_identify_is_compared(folder: Path, loaded: list[Path]) -> None:
    by_similarity, compared = answer(folder, NEVER, OF_GREEN), answer(folder, AUTO, OF_GREEN)

    assert by_similarity.decision is Decision.UNKNOWN
    assert by_similarity.best.reference.id != "green"
    assert by_similarity.best.matched_points is None
    assert (compared.decision, compared.best.reference.id) == (Decision.IDENTIFIED, "green")
    assert compared.best.matched_points is not None
    assert compared.best.matched_points >= 60
    assert len(compared.matches) == 2
    assert loaded == [folder]


def test_a_photo_of_something_else_stays_unknown_after_its_comparison(folder: Path) -> None:
    found = answer(folder, AUTO, OF_NOTHING)

    assert found.decision is Decision.UNKNOWN
    assert found.best.matched_points is not None


def test_always_compares_a_photo_that_similarity_identifies_and_never_loads_nothing(
    folder: Path, loaded: list[Path]
) -> None:
    assert answer(folder, NEVER, GREEN).best.matched_points is None
    assert loaded == []
    assert answer(folder, ALWAYS, GREEN).best.matched_points == 0
    assert loaded == [folder]


def test_the_net_is_loaded_once_for_many_photos(folder: Path, loaded: list[Path]) -> None:
    with cascade_of(folder, AUTO) as (identifier, cascade):
        for photo in (GREEN, OF_GREEN, GREY, GREEN):
            opened = OpenedPhoto(name="photo", content=photo)
            found = identifier.identify_prepared(prepare_photo(opened, identifier.recipe), top_k=CANDIDATES)
            cascade.verified([opened], found, top_k=1)

    assert loaded == [folder]


def test_of_several_photos_the_one_with_most_points_counts(folder: Path) -> None:
    alone, together = answer(folder, AUTO, OF_GREEN), answer(folder, AUTO, GREY, OF_GREEN, OF_NOTHING)

    assert (together.decision, together.best.reference.id) == (Decision.IDENTIFIED, "green")
    assert together.best.matched_points == alone.best.matched_points


@pytest.mark.parametrize("lacks", ["points", "net"])
def test_a_pack_that_was_not_calibrated_for_points_is_compared_only_if_it_must_be(
    folder: Path, tmp_path: Path, loaded: list[Path], lacks: str
) -> None:
    lacking = shutil.copytree(folder, tmp_path / "pack")
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    if lacks == "net":
        manifest = replace(manifest, local_features=None)
    else:
        values = json.loads((folder / "calibration.json").read_bytes())
        del values["variants"]["onnx-fp32"]["points"]
        (lacking / "calibration.json").write_text(json.dumps(values))
    (lacking / MANIFEST_NAME).write_bytes(serialise_manifest(with_files(manifest, lacking)))

    assert answer(lacking, AUTO, OF_GREEN).best.matched_points is None
    assert loaded == []
    assert answer(lacking, ALWAYS, OF_GREEN).best.matched_points is not None


def test_a_pack_with_nothing_to_compare_with_answers_unless_it_must_be_compared(tmp_path: Path) -> None:
    plain = add_calibration(write_colour_pack(tmp_path / "plain"))

    assert answer(plain, AUTO, OF_GREEN).decision is Decision.UNKNOWN
    with pytest.raises(SetupError, match="has no thumbnails"):
        answer(plain, ALWAYS, OF_GREEN)


def test_as_many_matches_are_wanted_as_points_rerank(folder: Path, tmp_path: Path) -> None:
    plain = add_calibration(write_colour_pack(tmp_path / "plain"))
    for pack, mode, wanted in [(folder, AUTO, CANDIDATES), (folder, NEVER, 3), (plain, AUTO, 3)]:
        with cascade_of(pack, mode) as (_, cascade):
            assert cascade.match_count(3) == wanted
            assert cascade.match_count(CANDIDATES + 5) == CANDIDATES + 5


@pytest.mark.parametrize(
    ("answers", "auto"),
    [
        ([decided(Decision.IDENTIFIED)], False),
        ([decided(Decision.PROBABLY)], True),
        ([decided(Decision.AMBIGUOUS)], True),
        ([decided(Decision.UNKNOWN)], True),
        ([uncalibrated()], True),
        ([decided(Decision.UNKNOWN), decided(Decision.IDENTIFIED)], False),
        ([decided(Decision.UNKNOWN), decided(Decision.PROBABLY)], True),
    ],
)
def test_one_pack_that_identifies_a_photo_is_enough(answers: Sequence[Identification], auto: bool) -> None:
    assert needs_comparison(AUTO, answers) == auto
    assert needs_comparison(ALWAYS, answers)
    assert not needs_comparison(NEVER, answers)


def test_a_photo_that_one_pack_identifies_is_compared_with_none(folder: Path, loaded: list[Path]) -> None:
    with Identifier(open_pack(folder)) as identifier, PacksCascade([identifier], AUTO) as cascade:
        unknown = replace(decided(Decision.UNKNOWN), pack_name="colours")
        found = cascade.verified([], [unknown, decided(Decision.IDENTIFIED)], top_k=1)

    assert [len(one.matches) for one in found] == [1, 1]
    assert loaded == []


def test_a_pack_that_fails_is_left_out_or_told(folder: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(folder, tmp_path / "pack")
    with Identifier(open_pack(broken)) as identifier, PacksCascade([identifier], AUTO) as cascade:
        (broken / "thumbnails.sqlite").write_bytes(b"broken")
        answers = [replace(decided(Decision.UNKNOWN), pack_name="colours"), decided(Decision.UNKNOWN)]
        faults: list[str] = []

        found = cascade.verified([], answers, lambda name, _: faults.append(name), top_k=1)

        assert [answer.pack_name for answer in found] == [answers[1].pack_name]
        assert faults == ["colours"]
        with pytest.raises(PackDamagedError, match=r"thumbnails\.sqlite"):
            cascade.verified([], answers, top_k=1)


@pytest.mark.parametrize("are_several", [False, True])
def test_a_damaged_pack_of_several_does_not_stop_the_others_from_being_compared(
    folder: Path, tmp_path: Path, are_several: bool
) -> None:
    broken = shutil.copytree(folder, tmp_path / "pack")
    with ExitStack() as stack:
        identifiers = [stack.enter_context(Identifier(open_pack(one))) for one in (broken, folder)]
        (broken / "thumbnails.sqlite").write_bytes(b"broken")
        if not are_several:
            with pytest.raises(PackDamagedError, match=r"thumbnails\.sqlite"):
                PacksCascade(identifiers[:1], ALWAYS)
            return
        assert stack.enter_context(PacksCascade(identifiers, ALWAYS)).match_count(1) == CANDIDATES


def test_packs_with_one_net_load_it_once_and_describe_a_photo_once(
    tmp_path: Path, loaded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [write_label_pack(tmp_path / name, name=name) for name in ("one", "other")]
    described: list[object] = []
    find = local_feature_net.LocalFeatureNet.find_points

    def noted(net: local_feature_net.LocalFeatureNet, image: object, recipe: object) -> object:
        if recipe == net.spec.photo:
            described.append(image)
        return find(net, image, recipe)  # type: ignore[arg-type]

    monkeypatch.setattr(local_feature_net.LocalFeatureNet, "find_points", noted)
    photos = [OpenedPhoto(name=str(at), content=photo) for at, photo in enumerate((OF_GREEN, OF_NOTHING))]
    with ExitStack() as stack:
        identifiers = [stack.enter_context(Identifier(open_pack(each))) for each in folders]
        cascade = stack.enter_context(PacksCascade(identifiers, AUTO))
        prepared = [prepare_photo(photo, identifiers[0].recipe) for photo in photos]
        answers = [each.identify_together(prepared, top_k=cascade.match_count(1)) for each in identifiers]

        found = cascade.verified(photos, answers, top_k=1)

    assert loaded == folders[:1]
    assert len(described) == len(photos)
    assert [one.best.reference.id for one in found] == ["green", "green"]
    assert found[0].best.matched_points == found[1].best.matched_points


def test_a_start_that_compares_nothing_imports_the_cascade_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "green.png").write_bytes(GREEN)
    (tmp_path / "label.png").write_bytes(OF_GREEN)
    script = (
        "import sys; from edge_identify.edge_runtime.cli.main import main; code = main(sys.argv[1:]); "
        "print(code, *sorted(name for name in sys.modules if '.geometry.' in name), file=sys.stderr)"
    )

    def started(name: str) -> list[str]:
        words = [sys.executable, "-c", script, str(tmp_path / name), "--pack", str(folder)]
        ended = subprocess.run(words, capture_output=True, text=True, check=True)
        return ended.stderr.splitlines()[-1].split()

    small = [f"edge_identify.edge_runtime.search.geometry.{name}" for name in ("cascade", "packs_cascade")]
    assert started("green.png") == ["0", *small, "edge_identify.edge_runtime.search.geometry.shared_methods"]
    assert "edge_identify.edge_runtime.search.geometry.verifier" in started("label.png")
