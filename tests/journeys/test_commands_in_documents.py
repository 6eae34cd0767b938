"""The commands of README and the guides, run as they stand, in their order, on drawn images.

All documents share one catalogue, one pack and one server: a line that several of them have is run once.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo import serving
from documents import GUIDES, ROOT, blocks, lines
from edge_identify.convert.cli.main import main as edge_build
from edge_identify.datasets.drawn.instances import draw_families
from edge_identify.datasets.drawn.simulated_photo import simulate_photo
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.photos.photo_inputs import open_photo_input
from edge_identify.edge_runtime.taught.contribution_file import (
    ContributedPicture,
    ContributedThing,
    Contribution,
    serialise_contribution,
)
from edge_identify.edge_runtime.taught.kept_picture import kept_picture

THINGS = 12
ADDRESSES = ("http://127.0.0.1:8000", "http://192.168.1.20:8000")
KEYS = {"EDGE_KEYS_PASSPHRASE": "a passphrase of the test"}
NOT_RUN = ("make", "source")  # the first needs another folder, the second another shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The folder in which all commands ran, and what each line printed."""

    folder: Path
    printed: Mapping[str, str]

    def by(self, words: str) -> str:
        return next(out for line, out in self.printed.items() if words in line)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Somebody who has built the pack: a step of its own, since it takes longest."""
    folder = tmp_path_factory.mktemp("documents")
    draw(folder)
    reader = Reader(folder)
    typed = lines(GUIDES[0], "sh")
    built = next(at for at, line in enumerate(typed) if line.startswith("edge-build pack"))
    with contextlib.chdir(folder), contextlib.ExitStack() as servers:
        for line in typed[: built + 1]:
            reader.type(line, servers)
    return reader


@pytest.fixture(scope="module")
def ran(reader: Reader) -> Iterator[Ran]:
    with contextlib.chdir(reader.folder), contextlib.ExitStack() as servers:
        for document in GUIDES:
            for line in lines(document, "sh"):
                reader.type(line, servers)
        for block in blocks(GUIDES[0], "python"):
            reader.printed[block] = reader.shell(shlex.join([sys.executable, "-c", block]))
        yield Ran(folder=reader.folder, printed=reader.printed)


class Reader:
    """Types what the documents say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed: dict[str, str] = {}
        self._home = folder / "home"
        self._home.mkdir()
        self._url: str | None = None

    def type(self, line: str, servers: contextlib.ExitStack) -> None:
        words = shlex.split(line)
        if line in self.printed or words[0] in NOT_RUN or (words[0] == "curl" and shutil.which("curl") is None):
            return
        if words[:2] == ["edge-serve", "run"]:
            if self._url is None:
                self._url = servers.enter_context(serving(Path(words[words.index("--repo") + 1]))).rstrip("/")
        elif words[0] == "edge-build":
            self.printed[line] = self.build(line, words[1:])
        else:
            self.printed[line] = self.shell(line)
        if words[:2] == ["edge-serve", "init"]:  # the publisher gives the root to the devices
            shutil.copy(self.folder / "repo.keys/root.json", self.folder)

    def build(self, line: str, words: list[str]) -> str:
        """Run `edge-build` in this process, where torch is loaded once for all lines."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = edge_build(words)
        assert code == 0, (line, printed.getvalue())
        return printed.getvalue()

    def shell(self, line: str) -> str:
        for address in ADDRESSES:
            line = line.replace(address, self._url or address)
        if line.startswith("curl "):
            line += " --silent --show-error --fail"
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {line}"], env=self._environment(), capture_output=True, text=True,
            check=False, timeout=600,
        )  # fmt: skip
        # Twelve references are few: that the answer about one photo is not sure is an answer too.
        assert done.returncode in ((0, 3, 4, 10) if "edge-identify" in line else (0,)), (line, done.stderr)
        return done.stdout

    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "HOME": str(self._home), "XDG_DATA_HOME": str(self._home), **KEYS}


def draw(folder: Path) -> None:
    """Draw what the documents speak of: images in two folders, a copy of one, photos, examples, lists, tables."""
    rng = np.random.default_rng(20)
    things = [Image.fromarray(family[0].pixels).convert("RGB") for family in islice(draw_families(rng, ()), THINGS)]
    for name in ("my-pictures/even", "my-pictures/odd", "photos", "categories/unwanted", "examples", "products"):
        (folder / name).mkdir(parents=True)
    for at, thing in enumerate(things):
        thing.save(folder / "my-pictures" / ("even" if at % 2 == 0 else "odd") / f"{at}.png")
        simulate_photo(thing, rng, difficulty=0.1).save(folder / f"photos/{at}.jpg", quality=92)
    things[0].resize((110, 110)).save(folder / "my-pictures/even/copy-of-0.png")
    things[1].save(folder / "products/1_cat.jpeg")
    for name, at in (("photo", 3), ("example", 3), ("front", 5), ("back", 5), ("categories/unwanted/4", 4)):
        shutil.copy(folder / f"photos/{at}.jpg", folder / f"{name}.jpg")
    for script in ("flag_pictures.py", "sort_photos.py"):
        shutil.copy(ROOT / "examples" / script, folder / "examples")
    even, odd = "my-pictures/even/0.png", "my-pictures/odd/1.png"
    (folder / "several.csv").write_text(f"path,id\n{even},thing-1\n{odd},thing-1\n")
    (folder / "references.csv").write_text(f"path,id,name,lat,lng\n{even},a,Crab,48.85,2.35\n{odd},b,Ghost,,\n")
    (folder / "mosaics.csv").write_text(f"code,title,city,file,year\nPA_1,Crab,Paris,{even},1999\n")
    (folder / "photos.csv").write_text("query,id\nphoto.jpg,odd/3\nphotos/5.jpg,odd/5\n")
    (folder / "new.contribution.json").write_bytes(contribution(folder))


def contribution(folder: Path) -> bytes:
    """Return a contribution file with the things that the documents name: one that is new, and one of the catalogue."""
    rng = np.random.default_rng(21)
    (family,) = islice(draw_families(rng, ()), 1)
    new, known = folder / "new.png", folder / "known.jpg"
    Image.fromarray(family[0].pixels).convert("RGB").save(new)
    simulate_photo(Image.open(folder / "my-pictures/even/6.png"), rng, difficulty=0.6).save(known, quality=92)
    pictures = {"own:1f3a": new, "own:77b0": known, "own:9c12": known}
    taught_utc = datetime(2026, 1, 31, tzinfo=UTC)
    return serialise_contribution(
        Contribution(
            pack_name="street-art",
            pack_version=PackVersion(1, 0, 0),
            created_utc=taught_utc,
            by="Ada",
            licence="CC0-1.0",
            things=tuple(
                ContributedThing(id=name, name=name, note="", taught_utc=taught_utc, pictures=(picture(path),))
                for name, path in pictures.items()
            ),
        )
    )


def picture(path: Path) -> ContributedPicture:
    jpeg = kept_picture(open_photo_input(path))
    return ContributedPicture(sha256=sha256_of_bytes(jpeg), jpeg=jpeg)


def test_the_images_become_a_pack(reader: Reader) -> None:
    assert (reader.folder / "street-art-pack/pack.json").exists()


def test_a_photo_is_answered_by_its_reference_on_every_way(ran: Ran) -> None:
    assert "odd/3" in ran.printed["edge-identify photo.jpg"]
    assert ran.by("import edge_identify").endswith(" 3\n")
    if shutil.which("curl") is not None:
        calls = [json.loads(out) for line, out in ran.printed.items() if line.startswith("curl")]
        assert len(calls) >= 7
        assert calls[0]["matches"][0]["id"] == "odd/3"
        assert all({"matches", "embedding", "packs"} & answer.keys() for answer in calls)


def test_the_doctor_finds_the_copy(ran: Ran) -> None:
    assert "copy-of-0" in ran.by("doctor --catalogue")


def test_the_reports_are_written(ran: Ran) -> None:
    assert "3.jpg" in (ran.folder / "photos.html").read_text()
    assert "<img" in (ran.folder / "report.html").read_text()
    assert (ran.folder / "proof.png").stat().st_size > 0


def test_tables_and_names_of_files_become_references(ran: Ran) -> None:
    assert "even/0" in (ran.folder / "table.csv").read_text()
    for name in ("products", "listed", "mosaics", "several"):
        assert (ran.folder / f"{name}.catalogue").exists()


def test_an_example_finds_its_thing(ran: Ran) -> None:
    found = ran.by("--like example.jpg").splitlines()
    assert len(found) == 10
    assert "3.png" in found[0]
    assert (ran.folder / "found.html").read_text().count("<img") == 11
    assert len(json.loads(ran.by('"a dog"'))["matches"]) == 10


def test_the_copy_is_found_and_no_other(ran: Ran) -> None:
    shown = ran.by("duplicates.html")
    assert "2 groups among 15 " in shown  # the other is 6, with its photo from the field
    assert "copy-of-0" in shown
    assert shown.startswith("1  look at these:")
    assert "edge-build remove" not in shown  # the copy is smaller
    assert json.loads(ran.by("--difference 0"))["groups"] == []
    assert (ran.folder / "my-pictures/even/copy-of-0.png").exists()


def test_what_looks_like_an_example_is_flagged(ran: Ran) -> None:
    with (ran.folder / "flagged.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["category"], Path(row["path"]).name) for row in rows] == [("unwanted", "4.png")]


def test_photos_are_sorted_by_their_labels_and_stay_where_they_are(ran: Ran) -> None:
    with (ran.folder / "plan.csv").open(newline="") as file:
        plan = {Path(row["photo"]).stem: row["folder"] for row in csv.DictReader(file)}
    assert len(plan) == len(list((ran.folder / "photos").iterdir())) == THINGS
    sorted_into = {path.stem: path.parent.name for path in (ran.folder / "sorted").rglob("*.jpg")}
    assert sorted_into == {photo: label for photo, label in plan.items() if label}
    assert len(sorted_into) >= THINGS // 2
    assert all(label == ("even" if int(photo) % 2 == 0 else "odd") for photo, label in sorted_into.items())


def test_several_images_are_one_thing(ran: Ran) -> None:
    assert ran.by("show thing-1").count("image:") == 2
    assert len(json.loads(ran.by("--pack ./street-art-pack --same-thing"))["answers"]) == 1
