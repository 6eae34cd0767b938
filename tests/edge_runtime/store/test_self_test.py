"""The self-test passes if the encoder gives the maker's embeddings here, and refuses the pack otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.store.self_test import ConformanceCase, self_test, serialise_cases

Rewrite = Callable[[Path], None]


def with_case(folder: Path, rewrite: Rewrite, embedding: tuple[float, ...]) -> Path:
    Image.new("RGB", (30, 20), (255, 0, 0)).save(folder / "photo.png")
    case = ConformanceCase(photo="photo.png", pixels_sha256="0" * 64, embedding=embedding)
    (folder / "cases.json").write_bytes(serialise_cases((case,), tolerance=0.99))
    rewrite(folder)
    return folder


def test_the_expected_embedding_passes(colour_pack: Callable[[], Path], rewrite_manifest: Rewrite) -> None:
    folder = with_case(colour_pack(), rewrite_manifest, (1.0, 0.0, 0.01))

    assert self_test(open_pack(folder)) == 1


@pytest.mark.parametrize("embedding", [(0.0, 0.0, 1.0), (1.0, 0.0), (0.9, 0.3, 0.3)])
def test_another_embedding_is_refused_with_the_photo_and_the_cosine(
    colour_pack: Callable[[], Path], rewrite_manifest: Rewrite, embedding: tuple[float, ...]
) -> None:
    folder = with_case(colour_pack(), rewrite_manifest, embedding)

    with pytest.raises(PackDamagedError, match=r"self-test photo photo\.png has cosine"):
        self_test(open_pack(folder))


@pytest.mark.parametrize("saturates", [True, False])
def test_an_older_8_bit_encoder_that_fails_here_says_what_to_do(
    colour_pack: Callable[[], Path], rewrite_manifest: Rewrite, monkeypatch: pytest.MonkeyPatch, saturates: bool
) -> None:
    folder = with_case(colour_pack(), rewrite_manifest, (0.0, 0.0, 1.0))
    manifest = folder / "pack.json"
    manifest.write_text(manifest.read_text().replace('"onnx-fp32"', '"onnx-int8"'))
    monkeypatch.setattr("edge_identify.edge_runtime.encoders.encoder_choice.saturates_here", lambda: saturates)

    with pytest.raises(PackDamagedError, match="something else on this device") as found:
        self_test(open_pack(folder))
    assert ("build it again with `edge-build pack`" in str(found.value)) == saturates


def test_a_file_of_cases_that_is_not_one_is_refused(colour_pack: Callable[[], Path], rewrite_manifest: Rewrite) -> None:
    folder = colour_pack()
    (folder / "cases.json").write_text('{"tolerance": "high"}')
    rewrite_manifest(folder)

    with pytest.raises(PackFormatError, match="`tolerance` should be a number"):
        self_test(open_pack(folder))


@pytest.mark.parametrize("cases", ['{"tolerance": 0.9, "cases": []}', '{"tolerance": -5, "cases": []}'])
def test_a_self_test_that_tests_nothing_is_refused(
    colour_pack: Callable[[], Path], rewrite_manifest: Rewrite, cases: str
) -> None:
    folder = colour_pack()
    (folder / "cases.json").write_text(cases)
    rewrite_manifest(folder)

    with pytest.raises(PackDamagedError, match="it tests nothing"):
        self_test(open_pack(folder))


def test_a_photo_that_cannot_be_opened_is_the_pack_s_fault(
    colour_pack: Callable[[], Path], rewrite_manifest: Rewrite
) -> None:
    folder = with_case(colour_pack(), rewrite_manifest, (1.0, 0.0, 0.0))
    (folder / "photo.png").write_bytes(b"no picture")
    rewrite_manifest(folder)

    with pytest.raises(PackDamagedError, match="self-test photo cannot be used"):
        self_test(open_pack(folder))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE reference SET labels = 'nothing'",
        "UPDATE reference SET labels = '[1]'",
        """UPDATE reference SET attributes = '{"a": 1}'""",
        "UPDATE reference SET latitude = 'north'",
        "DROP TABLE reference_image",
        "DELETE FROM reference",
    ],
)
def test_a_pack_that_could_not_answer_is_stopped_before_it_is_activated(
    colour_pack: Callable[[], Path], rewrite_manifest: Rewrite, change: str
) -> None:
    import sqlite3
    from contextlib import closing

    folder = with_case(colour_pack(), rewrite_manifest, (1.0, 0.0, 0.0))
    with closing(sqlite3.connect(folder / "references.sqlite")) as database:
        database.execute(change)
        database.commit()
    rewrite_manifest(folder)

    with pytest.raises(PackDamagedError, match=r"references\.sqlite"):
        self_test(open_pack(folder))


def test_a_column_of_a_later_version_changes_nothing(
    colour_pack: Callable[[], Path], rewrite_manifest: Rewrite
) -> None:
    import sqlite3
    from contextlib import closing

    folder = with_case(colour_pack(), rewrite_manifest, (1.0, 0.0, 0.0))
    with closing(sqlite3.connect(folder / "references.sqlite")) as database:
        database.execute("ALTER TABLE reference ADD COLUMN thumbnail BLOB")
        database.commit()
    rewrite_manifest(folder)

    assert self_test(open_pack(folder)) == 1


def test_a_case_about_a_file_that_the_pack_does_not_list_is_refused(
    colour_pack: Callable[[], Path], rewrite_manifest: Rewrite
) -> None:
    folder = colour_pack()
    case = ConformanceCase(photo="elsewhere.png", pixels_sha256="0" * 64, embedding=(1.0, 0.0, 0.0))
    (folder / "cases.json").write_bytes(serialise_cases((case,), tolerance=0.99))
    rewrite_manifest(folder)

    with pytest.raises(PackDamagedError, match=r"elsewhere\.png: is not among the pack's files"):
        self_test(open_pack(folder))
