"""`verify_geometry` of `POST /v1/identify` with packs that have local features: the answers of the device."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from feature_nets import photo_of_label, plain_photo, write_label_pack
from flask.testing import FlaskClient
from installed_packs import WARM, install, write_named_pack

from edge_identify.edge_runtime.cli.main import main as identify
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
from edge_identify.sync_server.answering.engine_pool import EnginePool
from edge_identify.sync_server.answering.pack_sources import InstalledPacks
from edge_identify.sync_server.answering.shared_verifier import SharedVerifier
from edge_identify.sync_server.service.app import create_app

GREEN, GREY = plain_photo(0, 255, 0), plain_photo(120, 120, 120)
OF_GREEN, OF_ANOTHER = photo_of_label(1), photo_of_label(6)  # green's label in the packs `labels` and `others`


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PackStore:
    """Two packs with local features, and one of colours alone."""
    folder = tmp_path_factory.mktemp("modes")
    store = PackStore(folder / "store")
    install(store, write_label_pack(folder / "labels", name="labels"))
    install(store, write_label_pack(folder / "others", name="others", labels={1: 5, 2: 6, 3: 7, 4: 8}))
    install(store, write_named_pack(folder / "warm", "warm", WARM))
    return store


@pytest.fixture(scope="module")
def service(store: PackStore) -> Iterator[FlaskClient]:
    # One slot for computing: a request that waited for a slot while holding it would wait for ever.
    pool = EnginePool([InstalledPacks(store)], ConcurrencyLimit(1, patience_s=60))
    pool.refresh()
    yield create_app(None, pool=pool).test_client()
    pool.close()


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packs of the answers that the service compares."""
    found: list[str] = []
    verify = SharedVerifier.verify_together

    def noted(self: SharedVerifier, photos: Sequence[bytes], answer: Any, *, top_k: int) -> Any:
        after = verify(self, photos, answer, top_k=top_k)
        found.append(answer.pack_name)
        return after

    monkeypatch.setattr(SharedVerifier, "verify_together", noted)
    return found


def ask(service: FlaskClient, photos: Sequence[bytes], **fields: str) -> dict[str, Any]:
    return ask_for(200, service, photos, **fields)


def ask_for(status: int, service: FlaskClient, photos: Sequence[bytes], /, **fields: str) -> dict[str, Any]:
    files = [(io.BytesIO(photo), f"{at}.png") for at, photo in enumerate(photos)]
    response = service.post("/v1/identify", data={"file": files, **fields})
    assert response.status_code == status, response.text
    answer: dict[str, Any] = json.loads(response.data)
    return answer


def on_the_device(
    store: PackStore, photos: Sequence[bytes], folder: Path, capsys: pytest.CaptureFixture[str], *words: str
) -> dict[str, Any]:
    """Return what the command says of the photos, without times and the folder of the photos."""
    paths = [folder / f"{at}.png" for at in range(len(photos))]
    for path, photo in zip(paths, photos, strict=True):
        path.write_bytes(photo)
    capsys.readouterr()
    identify([*map(str, paths), "--store", str(store.root), "--jsonl", *words])
    answer = json.loads(capsys.readouterr().out.replace(f"{folder}/", ""))
    return comparable(answer)


def comparable(answer: Mapping[str, Any]) -> dict[str, Any]:
    matches = [{name: value for name, value in match.items() if name != "image_url"} for match in answer["matches"]]
    return {name: value for name, value in answer.items() if name not in ("seconds", "stage_seconds")} | {
        "matches": matches
    }


@pytest.mark.parametrize(
    ("photos", "mode", "words", "decision", "counted"),
    [
        ([GREEN], None, [], "identified", False),
        ([OF_GREEN], None, [], "identified", True),
        ([OF_GREEN], "auto", ["--verify-geometry=auto", "--top-k", "1"], "identified", True),
        ([OF_GREEN], "never", ["--verify-geometry=never"], "unknown", False),
        ([GREEN], "always", ["--verify-geometry"], "unknown", True),
        ([GREY, OF_GREEN], None, ["--same-thing"], "identified", True),
        ([GREY, OF_GREEN], "never", ["--same-thing", "--verify-geometry=never"], "unknown", False),
    ],
)
def test_one_pack_is_compared_when_the_device_compares_it(
    service: FlaskClient,
    store: PackStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    photos: list[bytes],
    mode: str | None,
    words: list[str],
    decision: str,
    counted: bool,
) -> None:
    form = {"top_k": "1"} if "--top-k" in words else {}
    answer = ask(service, photos, pack="labels", **form, **({} if mode is None else {"verify_geometry": mode}))

    assert answer["decision"] == decision
    assert (answer["matches"][0]["matched_points"] is not None) == counted
    assert comparable(answer) == on_the_device(store, photos, tmp_path, capsys, "--pack", "labels", *words)


@pytest.mark.parametrize(
    ("photos", "mode", "pack", "packs_compared"),
    [
        ([GREEN], "auto", "labels", []),
        ([OF_ANOTHER], "auto", "others", ["labels", "others"]),
        ([GREY, OF_ANOTHER], "auto", "others", ["labels", "others"]),
        ([OF_ANOTHER], "always", "others", ["labels", "others"]),
    ],
)
def test_of_several_packs_all_that_can_are_compared_unless_one_identifies_the_photo(
    service: FlaskClient,
    store: PackStore,
    compared: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    photos: list[bytes],
    mode: str,
    pack: str,
    packs_compared: list[str],
) -> None:
    answer = ask(service, photos, verify_geometry=mode, top_k="3")

    assert compared == packs_compared
    assert answer["pack"]["name"] == pack
    words = ["--same-thing"] if len(photos) > 1 else []
    device = on_the_device(store, photos, tmp_path, capsys, f"--verify-geometry={mode}", "--top-k", "3", *words)
    assert comparable(answer) == device


@pytest.mark.parametrize(("older", "mode"), [("true", "always"), ("1", "always"), ("false", "never"), ("0", "never")])
def test_what_older_clients_send_means_always_or_never(service: FlaskClient, older: str, mode: str) -> None:
    before, now = (ask(service, [OF_GREEN], pack="labels", verify_geometry=value) for value in (older, mode))

    assert comparable(before) == comparable(now)


def test_a_photo_that_cannot_be_used_is_left_out_of_a_comparison(service: FlaskClient) -> None:
    for fields in ({"pack": "labels"}, {}):
        answer = ask(service, [b"no picture", OF_GREEN, GREY], **fields)
        assert (answer["matches"][0]["id"], answer["photos"]) == ("green", ["1.png", "2.png"])
        assert answer["matches"][0]["matched_points"] >= 60
        assert [one["photo"] for one in answer["left_out"]] == ["0.png"]


def test_a_pack_with_nothing_to_compare_with_says_so_if_it_must_be_compared(service: FlaskClient) -> None:
    assert ask(service, [GREY], pack="warm")["matches"][0]["matched_points"] is None
    for photos in ([GREY], [GREY, GREY]):
        problem = ask_for(422, service, photos, pack="warm", verify_geometry="always")
        assert problem["type"] == "/docs#invalid-value"
        assert "pack warm has no thumbnails" in problem["detail"]


def test_another_mode_is_refused_and_the_description_names_the_modes(service: FlaskClient) -> None:
    problem = ask_for(422, service, [GREY], verify_geometry="sometimes")
    assert problem["detail"] == "`verify_geometry` is 'sometimes', not one of auto, always, never"

    paths = json.loads(service.get("/openapi.json").data)["paths"]
    form = paths["/v1/identify"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    field = form["verify_geometry"]
    assert (field["type"], field["default"]) == ("string", "auto")
    assert field["enum"] == ["auto", "always", "never", "true", "1", "false", "0"]
    assert "string, one of auto always never, default auto" in service.get("/docs").text


def test_the_routes_of_older_services_that_identify_compare_too(service: FlaskClient) -> None:
    def asked(path: str) -> Any:
        return json.loads(service.post(path, data={"file": (io.BytesIO(OF_ANOTHER), "photo.png")}).data)

    best = asked("/identify")["matches"][0]
    assert best["flash_id"] == "green"
    assert best["confidence"] >= 0.9
    assert asked("/visual-search/")["results"][0]["id"] == "green"
    distances = [image["distance"] for image in asked("/api/demo_backend_v2/image_search/search_by_image?pack=others")]
    assert distances == sorted(distances)
