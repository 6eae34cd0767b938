"""The engine and the service under concurrent requests of all kinds, during version changes and until they close."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from asked_at_once import Askers, ask_at_once
from busy_packs import PICTURED, SHADES, photo_of_a_thumbnail, write_busy_packs
from edge_identify.sync_server.publishing.publish import publish
from live_service import Client, Reply, live
from service_packs import photo_of

pytest.importorskip("cv2", reason="the extra geometry is not installed")

NOW = datetime(2026, 1, 31, tzinfo=UTC)
SECONDS = 3
VECTOR = {"embedding": [0.6, 0.0, 0.8], "embedding_space": "c" * 64, "limit": 3}
RED = photo_of((250, 40, 30))


def questions_of(client: Client, seen: set[str]) -> dict[str, Callable[[], object]]:
    """Return questions of all kinds, with the answer that every version must give; `seen` collects the versions."""

    def matches(ask: Callable[[], Reply]) -> Callable[[], object]:
        def asked() -> object:
            reply = ask()
            assert reply.status == 200, reply.data
            answer = reply.json()
            seen.add(answer["pack"]["version"])
            return [match["id"] for match in answer["matches"]]

        return asked

    def search(**more: object) -> Callable[[], object]:
        return matches(lambda: client.post_json("/v1/search", {**VECTOR, **more}))

    def identify(*form: tuple[str, str], photo: bytes = RED) -> Callable[[], object]:
        return matches(lambda: client.post_file("/v1/identify", photo, ("top_k", "3"), *form))

    def embedded(ask: Callable[[], Reply]) -> Callable[[], object]:
        return lambda: ask().json()["embedding"]

    return {
        "a label": search(labels={"label": ["warm"]}),
        "another": search(labels={"label": ["cold"]}),
        "a shade": search(labels={"shade": ["7"]}),
        "a vector": search(),
        "a text": matches(lambda: client.post_json("/v1/search", {"text": "ragb"})),
        "a text, in Paris": matches(lambda: client.post_json("/v1/search", {"text": "ragb", "namespaces": ["Paris"]})),
        "a photo": identify(),
        "a photo, with a label": identify(("label", "label=cold")),
        "points": identify(("label", f"shade={PICTURED}"), ("verify_geometry", "true"), photo=photo_of_a_thumbnail()),
        "a picture's vector": embedded(lambda: client.post_file("/v1/embed/image", RED)),
        "a text's vector": embedded(lambda: client.post_json("/v1/embed/text", {"text": "ra"})),
        "a reference": lambda: client.get("/v1/packs/letters/references/00040").json()["name"],
        "a thumbnail": lambda: client.get(f"/v1/packs/letters/thumbnails/{SHADES}").data,
        "health": lambda: client.get("/health").status,
    }


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A folder with versions of one pack only."""
    return write_busy_packs(tmp_path_factory.mktemp("versions"), ["1.0.0", "1.1.0", "1.2.0"])


def test_an_engine_answers_many_threads_as_one_while_versions_change_until_it_is_closed(packs: list[Path]) -> None:
    ask_at_once("engine", packs[0].parent, seconds=SECONDS)


def test_the_service_answers_many_clients_as_one_while_versions_change_until_it_is_told_to_end(
    packs: list[Path], tmp_path: Path
) -> None:
    publish(packs[0], tmp_path / "repo", now_utc=NOW)
    options = ("--repo", str(tmp_path / "repo"), "--refresh-s", "0.2", "--log-level", "warning")
    seen: set[str] = set()
    with live(*options) as client:
        with Askers(questions_of(client, seen), slow=["points"], often=["a label"]) as askers:
            for pack in packs[1:]:
                publish(pack, tmp_path / "repo", now_utc=NOW)
                askers.wait(SECONDS / 2)
                while not askers.failures and not (askers.are_done and pack.name in seen):
                    askers.wait(0.1)
            ended_with = client.process.poll()
            askers.end()
            client.process.terminate()
        assert ended_with is None, f"the service ended with {ended_with} while it was asked: {askers.failures}"
        askers.check()
        assert client.process.wait(timeout=30) == 0
    events = [json.loads(line)["event"] for line in client.lines]
    assert not [event for event in events if "fault" in event or "cannot" in event], client.lines
