"""What goes wrong for a person with the field app, in one real browser: what the app says then, and what stays.

Skipped without Chromium or npm's files, as the journey is.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from feature_nets import plain_photo
from web_app_tools import MISSING, WHY_SKIPPED

from colour_packs import add_calibration, with_files, write_colour_pack
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.store.self_test import ConformanceCase, serialise_cases
from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER
from edge_identify.sync_server.publishing.publish import publish
from live_service import live
from signed_trees import memory_ring, sign_folder

_SCRIPT = Path(__file__).with_name("chromium_bad_input.mjs")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=WHY_SKIPPED)]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the app said in each case, by `found`; what axe said of its screens, by `violations`."""
    folder = tmp_path_factory.mktemp("bad-input")
    (folder / "grey.png").write_bytes(plain_photo(128, 128, 128))
    pack = add_calibration(write_colour_pack(folder / "pack"))
    (pack / "self-test.png").write_bytes(plain_photo(255, 0, 0))
    case = ConformanceCase(photo="self-test.png", pixels_sha256="0" * 64, embedding=(1.0, 0.0, 0.0))
    (pack / "cases.json").write_bytes(serialise_cases((case,), tolerance=0.99))
    manifest = parse_manifest((pack / MANIFEST_NAME).read_bytes(), where="test")
    manifest = replace(with_files(manifest, pack), version=PackVersion(1, 1, 0))
    (pack / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    for repo in ("unsigned", "signed"):
        publish(pack, folder / repo, now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    root = sign_folder(folder / "signed", memory_ring())
    with (
        live("--repo", str(folder / "unsigned"), "--deliver-only") as unsigned,
        live("--repo", str(folder / "signed"), "--deliver-only") as signed,
    ):
        words = ["node", str(_SCRIPT), str(WEB_FOLDER / "package.json"), unsigned.url, signed.url, str(folder)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, timeout=240)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer | {"fingerprint": sha256_of_bytes(root)}


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("storage full", "There is not enough space on this device."),
        ("no storage in a private window", "This browser keeps no files here. Leave the private window"),
        ("position refused", "The browser does not allow this site to know your position."),
        ("no network", "The server cannot be reached. What has arrived is kept"),
        ("newer format", "The pack needs a newer version of this app."),
        ("no ONNX variant", "The pack has no ONNX encoder"),
        ("camera refused", "The browser does not allow this site to use the camera."),
        ("no camera", "There is no camera that this browser can use."),
        ("picture without a code", "No QR code was found in this picture."),
    ],
)
def test_what_goes_wrong_is_said_plainly(seen: dict[str, Any], case: str, words: str) -> None:
    assert seen["found"][case].startswith(words)


def test_a_browser_that_cannot_run_the_app_is_told_what_it_lacks(seen: dict[str, Any]) -> None:
    words = seen["found"]["unsupported browser"]

    assert words.startswith("This browser cannot run the app")
    assert "Origin Private File System, Web Locks" in words


def test_an_interrupted_install_goes_on_with_what_has_arrived(seen: dict[str, Any]) -> None:
    case = seen["found"]["interrupted install"]

    assert case["words"].startswith("Stopped. What has arrived is kept")
    assert case["fetchedAgain"] == 6 - case["files"]


@pytest.mark.parametrize(
    ("case", "words", "packs"),
    [
        ("tampered file", "A file is not what the server listed", []),
        ("older version", "The server offers an older version", ["1.1.0 null"]),
        ("two tabs", "Another tab of this app is installing", ["1.1.0 null"]),
        ("expired signatures", "The signatures of this server are wrong, missing or out of date", []),
    ],
)
def test_what_is_installed_stays_as_it_was(seen: dict[str, Any], case: str, words: str, packs: list[str]) -> None:
    assert seen["found"][case]["words"].startswith(words)
    assert seen["found"][case]["packs"] == packs


def test_a_signed_server_without_a_fingerprint_is_asked_about_and_not_believed_in_silence(
    seen: dict[str, Any],
) -> None:
    case = seen["found"]["signed without a fingerprint"]

    assert case["question"] == "Who publishes these packs?"
    assert case["left"] == []
    assert case["packs"] == ["1.1.0 first use"]


def test_the_fingerprint_that_a_person_has_compared_is_pinned(seen: dict[str, Any]) -> None:
    case = seen["found"]["signed with a compared fingerprint"]

    assert case == {"shown": seen["fingerprint"], "packs": ["1.1.0 fingerprint"]}


def test_a_scanned_code_gives_the_server_and_its_publisher(seen: dict[str, Any]) -> None:
    case = seen["found"]["scanned code"]

    assert case == {"address": "https://a.example.org/", "fingerprint": "0123456789abcdef" * 4}


def test_these_screens_have_no_faults_of_accessibility(seen: dict[str, Any]) -> None:
    assert {name: faults for name, faults in seen["violations"].items() if faults} == {}
    assert set(seen["violations"]) == {"unsupported", "first-use", "scanned"}
