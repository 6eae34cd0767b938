"""Teaching a device in the field: usable at once, with the pack's own rule, through updates of the pack."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from feature_nets import photo_of_label, plain_photo, write_label_pack
from installed_packs import COLD, WARM, install, write_named_pack

import edge_identify as ei
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.store.version_changes import remove_pack

BLUE, RED = plain_photo(0, 0, 255), plain_photo(255, 0, 0)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a pack of warm colours."""
    install(PackStore(tmp_path / "store"), write_named_pack(tmp_path / "warm", "warm", WARM))
    return tmp_path / "store"


def test_a_taught_thing_is_identified_at_once_and_later(store: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        assert identifier.identify(BLUE).decision == "unknown"

        thing = identifier.teach(BLUE, name="Blue door", note="Rue Bleue 3")
        answer = identifier.identify(BLUE)

    assert (answer.decision, answer.best.reference.id, answer.best.is_own) == ("identified", thing.id, True)
    assert answer.best.reference.attributes == {"note": "Rue Bleue 3"}
    assert json.loads(answer.to_json())["answers"][0]["matches"][0]["own"] is True
    with ei.open("warm", store=store) as identifier:
        assert identifier.identify(BLUE).best.reference.name == "Blue door"
        (many,) = identifier.identify_many([BLUE])
        assert isinstance(many, ei.Identification)
        assert many.best.is_own


def test_answers_from_the_pack_stay_the_packs(store: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        identifier.teach(BLUE, name="Blue door")
        answer = identifier.identify(RED)

    assert (answer.best.reference.id, answer.best.is_own) == ("red", False)
    assert "own" not in json.loads(answer.to_json())["answers"][0]["matches"][0]


def test_what_is_taught_can_make_an_answer_ambiguous(store: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        assert identifier.identify(RED).decision == "identified"
        identifier.teach(RED, name="Another red")

        assert identifier.identify(RED).decision == "ambiguous"


def test_a_forgotten_thing_is_unknown_again(store: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        identifier.teach(BLUE, name="Blue door")
        assert identifier.identify(BLUE).best.is_own
        identifier.forget("Blue door")

        assert identifier.identify(BLUE).decision == "unknown"
        assert identifier.taught() == ()


def test_with_filters_only_the_pack_answers(store: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        identifier.teach(BLUE, name="Blue door")

        assert not any(match.is_own for match in identifier.identify(BLUE, namespaces=["warm"]).matches)


def test_a_taught_thing_is_found_by_its_name_and_its_note(store: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        before = identifier.search("blue door")
        thing = identifier.teach(BLUE, name="Blue door", note="Rue Bleue 3")
        by_name, by_note = identifier.search("bleu door"), identifier.search("rue bleue")
        filtered = identifier.search("blue door", namespaces=["warm"])
        identifier.forget(thing.id)
        after = identifier.search("blue door")

    for found in (by_name, by_note):
        assert (found.best.reference.id, found.best.is_own) == (thing.id, True)
    for found in (before, filtered, after):
        assert not any(match.is_own for match in found.matches)


def test_embeddings_survive_an_update_and_are_made_again_for_another_space(store: Path, tmp_path: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        before = identifier.teach(BLUE, name="Blue door")
        assert identifier.identify(BLUE).best.is_own
        first_space = identifier.embedding_space
    newer = write_named_pack(tmp_path / "newer", "warm", WARM, own_encoder=True)
    manifest = parse_manifest((newer / MANIFEST_NAME).read_bytes(), where="test")
    version = replace(manifest.version, minor=manifest.version.minor + 1)
    (newer / MANIFEST_NAME).write_bytes(serialise_manifest(replace(manifest, version=version)))
    install(PackStore(store), newer)

    with ei.open("warm", store=store) as identifier:
        assert identifier.embedding_space != first_space
        assert identifier.identify(BLUE).best.reference.id == before.id
        (after,) = identifier.taught()

    assert list(after.pictures[0].embeddings) == [first_space, identifier.embedding_space]


def test_an_embedding_that_is_no_unit_vector_is_made_again(store: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        identifier.teach(BLUE, name="Blue door")
        identifier.identify(BLUE)
        things = store / "warm" / "taught" / "things.json"
        document = json.loads(things.read_text())
        document["things"][0]["pictures"][0]["embeddings"] = {identifier.embedding_space: "AAAAAAAAAAAAAAAA"}
        things.write_text(json.dumps(document))

    with ei.open("warm", store=store) as identifier:
        assert identifier.identify(BLUE).best.score == pytest.approx(1, abs=1e-3)


def test_what_is_taught_survives_the_removal_of_the_pack(store: Path, tmp_path: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        identifier.teach(BLUE, name="Blue door")
    remove_pack(PackStore(store), "warm")
    assert PackStore(store).names() == ()

    install(PackStore(store), tmp_path / "warm")

    with ei.open("warm", store=store) as identifier:
        assert identifier.identify(BLUE).best.is_own


def test_beside_several_packs_each_has_its_own(store: Path, tmp_path: Path) -> None:
    install(PackStore(store), write_named_pack(tmp_path / "cold", "cold", COLD))
    violet = plain_photo(180, 0, 255)
    with ei.open("warm", store=store) as identifier:
        identifier.teach(violet, name="Violet")

    with ei.open(store=store) as both:
        answer = both.identify(violet)
        with pytest.raises(ei.EdgeIdentifyError, match="2 packs are open"):
            both.teach(violet, name="Violet")

    assert (answer.pack_name, answer.best.is_own) == ("warm", True)


def test_points_of_a_taught_picture_identify_it(tmp_path: Path) -> None:
    pack = write_label_pack(tmp_path / "labels")
    new = photo_of_label(7)
    with ei.open(pack) as identifier:
        assert identifier.identify(new, verify_geometry="always").decision != "identified"
        identifier.teach(new, name="Seventh label")
        answer = identifier.identify(new, verify_geometry="always")

    assert answer.best.is_own
    assert (answer.best.matched_points or 0) > 50
    assert (tmp_path / "labels.taught").is_dir()  # beside the pack, which stays as it was


def test_an_empty_teaching_is_refused(store: Path) -> None:
    with ei.open("warm", store=store) as identifier:
        with pytest.raises(ei.EdgeIdentifyError, match="no photo is given"):
            identifier.teach(name="Blue door")
        with pytest.raises(ei.EdgeIdentifyError, match="such file"):
            identifier.teach("nowhere.jpg", name="Blue door")
        assert identifier.taught() == ()
