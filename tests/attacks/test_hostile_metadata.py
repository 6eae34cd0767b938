"""Every attack of python-tuf's list on the metadata of a server, and what must be accepted: the test vectors."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tuf.ngclient._internal import trusted_metadata_set

from edge_identify.edge_runtime.errors import EdgeIdentifyError, NetworkError, PackNotFoundError
from edge_identify.edge_runtime.sync.trust.signed_offers import signed_offer
from edge_identify.edge_runtime.sync.trust.trusted_roots import TrustedRoot
from signed_trees import PACK, MemoryFiles, MemoryServer, SignedTree, pinned

VECTORS = Path(__file__).parent / "vectors/vectors.json"
_CONTENT: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = _CONTENT["cases"]
TEXTS: dict[str, str] = _CONTENT["texts"]


def verdict(server: MemoryServer, trusted: TrustedRoot, pack: str, now: datetime) -> str:
    try:
        offer = signed_offer(server, trusted, pack, now_utc=now)
    except PackNotFoundError:
        return "absent"
    except NetworkError:
        return "refused"
    return str(offer.pack.newest.version)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_client_reaches_the_verdict_of_each_vector(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.fromisoformat(case["now"])
    monkeypatch.setattr(trusted_metadata_set.datetime, "datetime", _clock(now))
    trusted = None
    for step in case["steps"]:
        files = {name: TEXTS[key].encode() for name, key in step["files"].items()}
        trusted = trusted or pinned(tmp_path, files[case["pinned"]])
        assert verdict(MemoryServer(MemoryFiles(files)), trusted, case["pack"], now) == step["verdict"]


def _clock(now: datetime) -> type[datetime]:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now.astimezone(tz)

    return Clock


def test_flipped_bits_in_metadata_never_change_the_answer(tmp_path: Path) -> None:
    tree = SignedTree()
    draw, good = random.Random(1), tree.copy()
    for at in range(60):
        name = draw.choice(sorted(good))
        flipped = bytearray(good[name])
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        server = MemoryServer(MemoryFiles({**good, name: bytes(flipped)}))
        trusted = pinned(tmp_path / str(at), good["1.root.json"])
        try:
            offer = signed_offer(server, trusted, PACK)
        except EdgeIdentifyError:
            continue
        assert str(offer.pack.newest.version) == "1.0.0", (name, at)


def test_after_an_attack_the_device_takes_the_good_repository_again(tmp_path: Path) -> None:
    tree = SignedTree()
    trusted = pinned(tmp_path, tree.first_root)
    now = datetime.now(UTC)
    assert verdict(MemoryServer(tree.files), trusted, PACK, now) == "1.0.0"
    damaged = {name: data[: len(data) // 2] for name, data in tree.copy().items()}
    assert verdict(MemoryServer(MemoryFiles(damaged)), trusted, PACK, now) == "refused"
    tree.publish("1.1.0")
    assert verdict(MemoryServer(tree.files), trusted, PACK, now) == "1.1.0"
