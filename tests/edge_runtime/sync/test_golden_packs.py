"""Golden packs of earlier versions open, verify, pass their self-test and give the same answers, also after a sync.

`python tests/support/golden_packs.py` wrote them; a test fails where one is missing.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.binary_codes_file import binarise, map_binary_codes_file
from edge_identify.edge_runtime.pack.index_file import map_index_file
from edge_identify.edge_runtime.pack.manifest import IndexKind
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest, verify_pack_files
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.store.self_test import self_test
from edge_identify.edge_runtime.sync.sync_client import sync_pack
from edge_identify.sync_server.publishing.publish import publish
from golden_packs import FORMS, GOLDEN, PHOTOS, golden_answers, golden_pack

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

each_form = pytest.mark.parametrize("form", FORMS)


def assert_answers_as_it_did(folder: Path, form: str, *, many: bool) -> None:
    with Identifier(open_pack(folder), many=many) as identifier:
        for photo in PHOTOS:
            found = identifier.identify(folder / photo).matches
            expected = golden_answers(form)[photo]
            assert [match.reference.id for match in found] == [reference_id for reference_id, _ in expected]
            assert [match.score for match in found] == pytest.approx([score for _, score in expected], abs=1e-5)


def test_each_form_of_the_format_has_its_golden_pack_and_no_other_lies_there() -> None:
    assert {path.name for path in GOLDEN.iterdir() if path.is_dir()} == set(FORMS)
    assert {path.name for path in GOLDEN.glob("*.answers.json")} == {f"{form}.answers.json" for form in FORMS}


@each_form
def test_a_golden_pack_is_whole_and_passes_its_self_test(form: str) -> None:
    folder = golden_pack(form)

    verify_pack_files(folder, read_manifest(folder))

    assert self_test(open_pack(folder)) == len(PHOTOS)


@each_form
@pytest.mark.parametrize("many", [False, True], ids=["numpy", "FAISS"])
def test_a_golden_pack_answers_as_it_did(form: str, many: bool) -> None:
    assert_answers_as_it_did(golden_pack(form), form, many=many)


@each_form
def test_a_golden_pack_s_references_are_read_whole(form: str) -> None:
    with Identifier(open_pack(golden_pack(form))) as identifier:
        matches = identifier.identify(golden_pack(form) / PHOTOS[0], top_k=4).matches
    red = next(match.reference for match in matches if match.reference.id == "red")

    assert (red.name, red.latitude, red.longitude, dict(red.labels)) == ("Pure red", 48.85, 2.35, {"label": "warm"})


def test_the_first_form_has_none_of_the_younger_fields() -> None:
    manifest = read_manifest(golden_pack("format-1-first"))
    (variant,) = manifest.image_variants.values()

    assert (manifest.index.kind, manifest.index.binary_codes) == (IndexKind.FLAT, None)
    assert variant.fidelity.cosine_centred is variant.fidelity.top5_agreement is variant.fidelity.recall_change is None
    assert "cosine_centred" not in (golden_pack("format-1-first") / "pack.json").read_text()


def test_the_present_form_has_them_and_is_written_as_it_was() -> None:
    data = (golden_pack("format-1-with-signs") / "pack.json").read_bytes()
    manifest = parse_manifest(data)
    (variant,) = manifest.image_variants.values()

    assert (manifest.index.kind, variant.fidelity.recall_change) == (IndexKind.SQ8, 0.0)
    assert manifest.index.binary_codes is not None
    assert serialise_manifest(manifest) == data


def test_the_binary_codes_are_those_of_the_stored_vectors_about_their_mean() -> None:
    # Four vectors are never searched by their signs, so no answer would show it.
    folder = golden_pack("format-1-with-signs")
    index = read_manifest(folder).index
    assert index.binary_codes is not None
    rows = map_index_file(folder / index.file, index)
    stored = (rows.codes * rows.scale + rows.offset).astype(np.float32)

    codes = map_binary_codes_file(folder / index.binary_codes.file, index)

    assert codes.mean == pytest.approx(stored.mean(axis=0), abs=1e-7)
    assert codes.rows.tolist() == binarise(stored, codes.mean).tolist()
    assert len({tuple(row) for row in codes.rows.tolist()}) > 1


@each_form
def test_a_golden_pack_is_published_synced_and_answers_from_the_store(
    form: str, server_url: str, tmp_path: Path
) -> None:
    publish(golden_pack(form), tmp_path / "repo", now_utc=NOW)
    store = PackStore(tmp_path / "store")

    report = sync_pack(
        store,
        server_url,
        name="colours",
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=lambda folder, _, names: self_test(open_pack(folder, variant_names=names)),
    )

    assert report.fetched_files > 0
    assert_answers_as_it_did(store.active("colours").folder, form, many=False)


@each_form
def test_a_changed_byte_of_a_golden_pack_is_found(form: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(golden_pack(form), tmp_path / "pack"))
    index = folder / "images.faiss"
    data = bytearray(index.read_bytes())
    data[-1] ^= 1
    index.write_bytes(data)

    with pytest.raises(PackDamagedError, match=r"images\.faiss: its content has changed"):
        verify_pack_files(folder, read_manifest(folder))
