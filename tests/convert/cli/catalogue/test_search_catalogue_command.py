"""`edge-build search` on drawn images, with the built-in encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.drawn.instances import draw_families
from edge_identify.datasets.drawn.simulated_photo import simulate_photo
from edge_identify.edge_runtime.errors import SetupError

Found = Callable[..., dict[str, Any]]


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    families = islice(draw_families(np.random.default_rng(8), ()), 6)
    rows = ["path,id,namespace,label"]
    for at, family in enumerate(families):
        Image.fromarray(family[0].pixels).convert("RGB").save(tmp_path / f"{at}.png")
        rows.append(f"{at}.png,thing-{at},{'even' if at % 2 == 0 else 'odd'},{family[0].kind}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    assert main(["add", f"image-list:{tmp_path / 'list.csv'}", "--catalogue", str(tmp_path / "c.db")]) == 0
    return tmp_path / "c.db"


@pytest.fixture
def found(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> Found:
    def find(*words: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main(["search", *words, "--catalogue", str(catalogue), "--json"]) == 0
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return find


def photo_of(reference_image: Path) -> str:
    taken = simulate_photo(Image.open(reference_image).convert("RGB"), np.random.default_rng(1), difficulty=0.2)
    path = reference_image.with_name(f"photo-of-{reference_image.stem}.jpg")
    taken.save(path)
    return str(path)


def test_a_photo_finds_the_image_of_what_it_shows(catalogue: Path, found: Found) -> None:
    matches = found("--like", photo_of(catalogue.with_name("3.png")), "--limit", "2")["matches"]
    assert [match["rank"] for match in matches] == [1, 2]
    assert matches[0]["reference"] == "thing-3"
    assert matches[0]["similarity"] > matches[1]["similarity"]


def test_of_several_examples_the_most_alike_counts(catalogue: Path, found: Found) -> None:
    photos = [word for at in (1, 4) for word in ("--like", photo_of(catalogue.with_name(f"{at}.png")))]
    matches = found(*photos, "--limit", "2")["matches"]
    assert {match["reference"] for match in matches} == {"thing-1", "thing-4"}


def test_filters_and_a_least_similarity_leave_images_out(
    catalogue: Path, found: Found, capsys: pytest.CaptureFixture[str]
) -> None:
    reference_image = str(catalogue.with_name("3.png"))
    assert {match["namespace"] for match in found("--like", reference_image, "--namespace", "even")["matches"]} == {
        "even"
    }
    assert [match["reference"] for match in found("--like", reference_image, "--at-least", "0.99")["matches"]] == [
        "thing-3"
    ]
    for words, named in ((["--namespace", "evne"], "'evne'"), (["--label", "label=cat"], "'cat'")):
        assert main(["search", "--like", reference_image, *words, "--catalogue", str(catalogue)]) == 8
        assert named in capsys.readouterr().err


def test_a_text_of_unknown_words_is_refused_and_a_word_that_is_not_known_is_told(
    catalogue: Path, found: Found, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", "a photo of a xylophone", "--catalogue", str(catalogue)]) == 8
    assert "knows none of these words" in capsys.readouterr().err
    answer = found("a photo of a dog with a xylophone", "--limit", "3")
    assert answer["unknown_words"] == ["xylophone"]
    assert len(answer["matches"]) == 3


def test_images_are_embedded_once(catalogue: Path, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    found("dog")
    with Catalogue.open_existing(catalogue) as opened:
        [fingerprint] = [row[0] for row in opened._database.execute("SELECT fingerprint FROM encoder").fetchall()]
        hashes = [image.sha256 for image in opened.images()]
        assert len(opened.build_memory().embeddings(fingerprint, hashes)) == 6
    monkeypatch.setattr(
        "edge_identify.convert.packing.reference_embeddings.image_batches",
        lambda images, *_, **__: iter(()) if not images else pytest.fail("an image was embedded again"),
    )
    assert len(found("cat")["matches"]) == 6


def test_a_catalogue_that_cannot_be_written_is_searched_with_a_note(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read_only(_catalogue: Catalogue) -> AbstractContextManager[None]:
        raise SetupError("attempt to write a readonly database")

    monkeypatch.setattr(Catalogue, "_transaction", read_only)
    assert main(["search", "dog", "--catalogue", str(catalogue)]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 6
    [note] = [line for line in shown.err.splitlines() if line.startswith("note: ")]
    assert "is not remembered: attempt to write a readonly database" in note


def test_nothing_found_is_no_result_and_an_empty_catalogue_says_so(
    catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["search", "dog", "--at-least", "1", "--catalogue", str(catalogue)]) == 0
    shown = capsys.readouterr()
    assert (shown.out, "no image reaches" in shown.err) == ("", True)
    Catalogue.open(catalogue.with_name("empty.db")).close()
    assert main(["search", "dog", "--catalogue", str(catalogue.with_name("empty.db"))]) == 8
    assert "the catalogue is empty" in capsys.readouterr().err


def test_a_text_and_an_example_or_neither_are_refused(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--catalogue", str(catalogue)]) == 8
    assert main(["search", "dog", "--like", str(catalogue.with_name("1.png")), "--catalogue", str(catalogue)]) == 8
    assert main(["search", "--like", str(catalogue), "--catalogue", str(catalogue)]) == 5
    assert main(["search", " ", "--catalogue", str(catalogue)]) == 8
    assert "TEXT" in capsys.readouterr().err


def test_the_page_has_the_example_and_what_was_found_and_tells_no_path(catalogue: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    reference_image = str(catalogue.with_name("3.png"))
    words = ["--catalogue", str(catalogue), "--limit", "4", "--html", str(page)]
    assert main(["search", "--like", reference_image, *words]) == 0
    text = page.read_text()
    assert text.count('src="data:image/jpeg') == 5
    assert str(tmp_path) not in text
    assert main(["search", "--like", reference_image, "--catalogue", str(catalogue), "--html", reference_image]) == 8
