"""The scripts of `examples/` on unusual input data, without a pack."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

from edge_identify.edge_runtime.photos.images import SUFFIXES

EXAMPLES = Path(__file__).parents[2] / "examples"


def sort_photos(
    folder: Path, *names: str, decision: str = "identified", options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    lines = []
    for at, name in enumerate(names):
        photo = folder / f"{at}.jpg"
        photo.write_bytes(b"a photo")
        match = {"labels": {}, "name": name, "score": 0.9}
        lines.append(json.dumps({"photo": str(photo), "decision": decision, "matches": [match]}))
    command = [sys.executable, str(EXAMPLES / "sort_photos.py"), "--out", str(folder / "plan.csv")]
    return subprocess.run(
        [*command, "--copy-into", str(folder / "sorted"), *options],
        input="\n".join(lines),
        capture_output=True,
        text=True,
    )


def test_a_name_that_no_disk_takes_whole_is_cut_short(tmp_path: Path) -> None:
    ran = sort_photos(tmp_path, "x" * 300, "猫" * 300, "cat")
    assert ran.returncode == 0, ran.stderr
    assert sorted(path.name for path in (tmp_path / "sorted").rglob("*.jpg")) == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_probable_photo_is_sorted_where_that_is_asked_for(tmp_path: Path) -> None:
    for options, count in (((), 0), (("--probably",), 1)):
        ran = sort_photos(tmp_path, "cat", decision="probably", options=options)
        assert ran.returncode == 0, ran.stderr
        assert f"{count} of 1 photos have a folder" in ran.stderr
    assert (tmp_path / "sorted/cat/0.jpg").is_file()


def test_a_photo_that_cannot_be_copied_is_named_and_the_others_are(tmp_path: Path) -> None:
    (tmp_path / "sorted").mkdir()
    (tmp_path / "sorted/cat").write_text("a file where a folder should be")
    ran = sort_photos(tmp_path, "cat", "dog")
    assert ran.returncode == 0, ran.stderr
    assert f"left where it is: {tmp_path / '0.jpg'}" in ran.stderr
    assert (tmp_path / "sorted/dog/1.jpg").is_file()


def test_examples_of_every_kind_that_a_catalogue_reads_are_taken() -> None:
    tree = ast.parse((EXAMPLES / "flag_pictures.py").read_text())
    [suffixes] = [each.value for each in tree.body if isinstance(each, ast.Assign) and each.targets[0].id == "PICTURES"]  # type: ignore[attr-defined]
    assert ast.literal_eval(suffixes) == set(SUFFIXES)
