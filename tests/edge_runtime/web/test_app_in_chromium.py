"""The field app in a real browser: installed from the server, used without it. Skipped without Chromium or npm's files.

`make web` fetches npm's files. With EDGE_IDENTIFY_SCREENSHOTS=FOLDER, pictures of every screen are kept.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from feature_nets import photo_of_label, plain_photo, write_label_pack
from web_app_tools import MISSING, WHY_SKIPPED

import edge_identify as ei
from colour_packs import with_files
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.store.self_test import ConformanceCase, serialise_cases
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.edge_runtime.sync.trust.metadata_layout import METADATA_FOLDER
from edge_identify.edge_runtime.taught.contribution_file import read_contribution
from edge_identify.edge_runtime.taught.kept_picture import decode_kept_picture
from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.publish import publish
from edge_identify.sync_server.publishing.signing.tree_signing import TreeSigning
from live_service import live
from signed_trees import MemoryRing, memory_ring, sign_folder

_SCRIPT = Path(__file__).with_name("chromium_journey.mjs")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=WHY_SKIPPED)]

#: Photos: a label that points identify, a pure colour, and a grey one that is unknown.
PHOTOS = {"label.png": photo_of_label(0), "blue.png": plain_photo(0, 0, 255), "grey.png": plain_photo(128, 128, 128)}


_INSTALLED = "colours 1.0.0, signed: fingerprint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """What the browser found in each step, and Python's answers to the same photos."""

    steps: dict[str, dict[str, Any]]
    expected: list[dict[str, Any]]
    contribution: Path


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    folder = tmp_path_factory.mktemp("app")
    photos = [folder / name for name in PHOTOS]
    for path in photos:
        path.write_bytes(PHOTOS[path.name])
    pack = _pack(folder / "pack")
    publish(pack, folder / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    ring = memory_ring()
    ring = replace(ring, root=sign_folder(folder / "repo", ring))
    steps = {}
    with ei.open(pack) as identifier:
        expected = [json.loads(identifier.identify(path).to_json())["answers"][0] for path in photos]
    with (
        live("--repo", str(folder / "repo"), "--deliver-only") as service,
        _browser(service.url, ring, folder / "profile", photos) as browser,
    ):
        steps["installed"] = _step(browser)
        _publish_damaged(pack, folder / "repo", ring)
        _go_on(browser)
        steps["refused"] = _step(browser)
        shutil.rmtree(folder / "repo" / METADATA_FOLDER)
        _go_on(browser)
        steps["unsigned"] = _step(browser)
        service.close()
        _go_on(browser)
        steps["offline"] = _step(browser)
    return Journey(steps=steps, expected=expected, contribution=folder / "profile" / "new.contribution.json")


def _pack(folder: Path) -> Path:
    """Write a pack of drawn labels with the local-feature net and one photo for the self-test."""
    write_label_pack(folder)
    (folder / "self-test.png").write_bytes(plain_photo(255, 0, 0))
    case = ConformanceCase(photo="self-test.png", pixels_sha256="0" * 64, embedding=(1.0, 0.0, 0.0))
    (folder / "cases.json").write_bytes(serialise_cases((case,), tolerance=0.99))
    return _described(folder, PackVersion(1, 0, 0))


def _described(folder: Path, version: PackVersion) -> Path:
    """Update a pack's manifest to its files."""
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    manifest = with_files(replace(manifest, version=version), folder)
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    return folder


@contextmanager
def _browser(url: str, ring: MemoryRing, profile: Path, photos: list[Path]) -> Iterator[subprocess.Popen[str]]:
    fingerprint = sha256_of_bytes(ring.root)
    words = ["node", str(_SCRIPT), str(WEB_FOLDER / "package.json"), url, fingerprint, str(profile), *map(str, photos)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
            assert process.wait(60) == 0
        finally:
            process.kill()


def _step(browser: subprocess.Popen[str]) -> dict[str, Any]:
    assert browser.stdout is not None
    line = browser.stdout.readline()
    assert line, "the browser's script ended; its error is above"
    found: dict[str, Any] = json.loads(line)
    return found


def _go_on(browser: subprocess.Popen[str]) -> None:
    assert browser.stdin is not None
    browser.stdin.write("go on\n")
    browser.stdin.flush()


def _publish_damaged(pack: Path, repo: Path, ring: MemoryRing) -> None:
    """Publish and sign version 1.1.0 with another index, and change one bit of that file where it is published."""
    index = pack / "images.faiss"
    data = bytearray(index.read_bytes())
    data[60] ^= 1  # another vector, so another file
    index.write_bytes(data)
    publish(_described(pack, PackVersion(1, 1, 0)), repo, now_utc=datetime(2026, 2, 1, tzinfo=UTC))
    TreeSigning(FolderTree(repo), ring, lambda _: None, now_utc=datetime.now(UTC)).sign_listed()
    blob = repo / blob_path(sha256_of_file(index))
    data[61] ^= 1
    blob.unlink()
    blob.write_bytes(data)


def test_a_pack_is_installed_from_the_server(journey: Journey) -> None:
    step = journey.steps["installed"]

    assert step["installed"] == [_INSTALLED]
    assert step["errors"] == []


def test_the_browser_refuses_requests_to_other_servers(journey: Journey) -> None:
    assert journey.steps["installed"]["blocked"]


def test_a_second_tab_that_installs_is_told_to_wait(journey: Journey) -> None:
    assert journey.steps["installed"]["busy"].startswith("Another tab of this app is installing")


def test_a_tampered_file_is_refused_and_the_old_version_stays(journey: Journey) -> None:
    assert "was changed or damaged" in journey.steps["refused"]["refusal"]
    assert journey.steps["refused"]["installed"] == [_INSTALLED]
    assert journey.steps["offline"]["installed"] == [_INSTALLED]


def test_a_server_that_lost_its_signatures_is_refused_and_the_old_version_stays(journey: Journey) -> None:
    assert journey.steps["unsigned"]["refusal"].startswith("The signatures of this server")
    assert journey.steps["unsigned"]["installed"] == [_INSTALLED]


def test_photos_are_identified_as_in_python_with_the_server_gone(journey: Journey) -> None:
    found = journey.steps["offline"]["answers"][: len(PHOTOS)]

    assert [one["decision"] for one in found] == [one["decision"] for one in journey.expected]
    assert [one["matches"][0]["id"] for one in found] == [one["matches"][0]["id"] for one in journey.expected]
    for one, expected in zip(found, journey.expected, strict=True):
        assert one["matches"][0]["score"] == pytest.approx(expected["matches"][0]["score"], abs=2e-4)
        assert one["known_probability"] == pytest.approx(expected["known_probability"], abs=5e-3)
    assert found[0]["decision"] == "identified"
    assert found[-1]["decision"] == "unknown"


def test_a_thing_that_is_taught_offline_is_recognised_at_once_as_the_persons_own(journey: Journey) -> None:
    step = journey.steps["offline"]

    assert step["taught"] == {"decision": "Identified", "thing": "Grey wall", "pictures": 2}
    assert step["answers"][len(PHOTOS)]["matches"][0]["own"] is True
    assert step["twice"] == ["Grey wall", "Mural"]
    assert step["undone"] == ["Grey wall"]
    assert "your own" in step["ownFound"]


def test_an_entry_of_the_history_shows_what_to_choose_from(journey: Journey) -> None:
    step = journey.steps["offline"]

    assert (step["matches"], step["thumbs"]) == (9, 7)  # four runners-up and five to choose from; one image has none


def test_the_apps_contribution_file_is_read_by_the_maker(journey: Journey) -> None:
    contribution = read_contribution(journey.contribution)

    assert (contribution.pack_name, contribution.by) == ("colours", "Ada")
    (thing,) = contribution.things
    assert (thing.name, thing.note) == ("Grey wall", "behind the station")
    assert decode_kept_picture(thing.pictures[0].jpeg, name="taught").getpixel((0, 0)) == pytest.approx(
        (128,) * 3, abs=2
    )


def test_the_decision_is_shown_in_words(journey: Journey) -> None:
    assert journey.steps["offline"]["shown"].strip() == "Unknown"


def test_a_photo_that_the_browser_cannot_read_is_explained(journey: Journey) -> None:
    assert journey.steps["offline"]["heic"].startswith("This is a HEIC photo")
    assert journey.steps["offline"]["undecodable"].startswith("This file is no photo")


def test_words_find_references_offline(journey: Journey) -> None:
    assert journey.steps["offline"]["found"] == "Crimson"


def test_the_language_can_be_changed(journey: Journey) -> None:
    assert journey.steps["offline"]["german"] == "Optionen"


def test_no_screen_has_faults_of_accessibility_or_runs_over_its_edge(journey: Journey) -> None:
    checked = journey.steps["offline"]["checked"]

    assert set(checked) == {"packs", "refused", "answer", "own", "taught", "search", "history", "entry", "settings"}
    assert {name: one["violations"] for name, one in checked.items() if one["violations"]} == {}
    assert {name: one["wider"] for name, one in checked.items() if one["wider"] > 0} == {}
    assert journey.steps["offline"]["errors"] == []
