"""The built-in encoder is measured without flattery: known cases give known figures, and what is missing is said."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import pytest

from edge_identify.convert.builtin.shipped_weights import IMAGE_WEIGHTS
from edge_identify.convert.evaluating.evaluation import Query
from edge_identify.datasets.drawn.instances import draw_families
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
INVADERS_COLUMNS = ["path", "id", "city_code", "city", "points", "status", "hint", "lat", "lng"]
FLOOR_SIZE_PX = 32


@pytest.fixture(autouse=True)
def _benchmarks_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


class Thumbnails:
    """An encoder that sees 12 x 12 pixels."""

    name = "thumbnails"

    def embed(self, images: Sequence[Image]) -> NDArray[np.float32]:
        pixels = np.stack([np.asarray(image.resize((12, 12)), dtype=np.float32).ravel() for image in images])
        unit: NDArray[np.float32] = pixels / np.linalg.norm(pixels, axis=1, keepdims=True)
        return unit


def test_the_area_under_the_curve_is_that_of_counting_pairs_and_a_tie_counts_half() -> None:
    from outcome_figures import auroc

    # .9 beats both; each .5 ties with one and beats the other; .0 beats none: 2 + 1.5 + 1.5 + 0 of 8 pairs.
    assert auroc([0.9, 0.5, 0.5, 0.0], [0.5, 0.1]) == 5 / 8
    assert auroc([0.5], [0.5]) == 0.5
    assert auroc([0.1], [0.2]) == 0


def test_the_interval_is_the_same_each_time_and_holds_the_share() -> None:
    from outcome_figures import bootstrap_interval

    hits = np.arange(100) % 4 > 0
    things = [str(number) for number in range(100)]
    low, high = bootstrap_interval(hits, things)

    assert (low, high) == bootstrap_interval(hits, things)
    # The share of 100 independent hits of .75 has a standard deviation of .0433.
    assert low == pytest.approx(0.75 - 1.96 * 0.0433, abs=0.012)
    assert high == pytest.approx(0.75 + 1.96 * 0.0433, abs=0.012)
    assert bootstrap_interval(np.ones(5, dtype=bool), things[:5]) == (1, 1)


def test_photos_of_one_thing_are_resampled_together_so_that_the_interval_does_not_flatter() -> None:
    from outcome_figures import bootstrap_interval

    hits = np.repeat([True, True, True, False], 25)
    low, high = bootstrap_interval(hits, [str(number) for number in range(100)])
    clustered_low, clustered_high = bootstrap_interval(hits, np.repeat(list("abcd"), 25).tolist())

    assert clustered_high - clustered_low > 3 * (high - low)


def test_a_reference_counts_with_its_nearest_image_and_once() -> None:
    from real_photos import nearest_outcomes

    known = np.array([[0, 1], [1, 0], [0.8, 0.6], [-1, 0]], dtype=np.float32)
    asked = np.array([[0, 1], [0.6, 0.8]], dtype=np.float32)
    queries = [
        Query(photo=Path("a"), reference_id="two", columns={}),
        Query(photo=Path("b"), reference_id="", columns={}),
    ]
    first, second = nearest_outcomes(queries, asked, ["one", "one", "two", "three"], known)

    assert (first.rank, first.best_score) == (2, 1)
    assert second.rank is None
    assert second.best_score == pytest.approx(0.96)


def test_a_photo_that_ties_with_another_reference_is_not_recognised() -> None:
    from drawn_things import found_first, sibling_figures, twin_figures

    scores = np.array([[0.9, 0.8, 0, 0], [0.7, 0.7, 0, 0], [0, 0, 0.5, 0.6], [0.95, 0, 0.1, 0.9]], dtype=np.float32)

    assert found_first(scores).tolist() == [True, False, False, False]
    # The last one is nearer to its own reference than to its twin's, whatever else is near.
    assert twin_figures(scores)["accuracy"] == 0.5
    assert sibling_figures(scores)["accuracy"] == 0.25
    other_line = np.full((4, 4), 9.0, dtype=np.float32)
    assert sibling_figures(np.block([[scores, other_line], [other_line, scores]]))["accuracy"] == 0.25


def test_everything_that_is_drawn_is_the_same_on_every_run(tmp_path: Path) -> None:
    from drawn_things import SIBLINGS, draw_instances, measure_drawn, measure_siblings, measure_twins
    from photo_levels import measure_levels

    runs = []
    for name in ("one", "again"):
        (tmp_path / name).mkdir()
        drawn = draw_instances(tmp_path / name / "drawn", 10)
        twins = measure_twins([Thumbnails()], tmp_path / name / "twins", 3)
        siblings = measure_siblings([Thumbnails()], 2)
        levels = measure_levels([Thumbnails()], drawn.first(5))
        runs.append((measure_drawn([Thumbnails()], drawn), twins, levels, siblings))

    assert runs[0] == runs[1]
    drawn_figures, twin_figures, curves, siblings = (figures["thumbnails"] for figures in runs[0])
    assert drawn_figures["all"]["photos"] == 10
    assert twin_figures["photos"] == 6
    assert siblings["photos"] == 2 * SIBLINGS
    assert curves["blur"]["recall@1"]["0"] == curves["rotation"]["recall@1"]["0"] == curves["light"]["recall@1"]["1"]


def _scene() -> Any:
    from photo_levels import SIDE_PX, Scene

    thing = PIL.Image.new("RGBA", (144, 144), (0, 200, 0, 255))
    return Scene(thing=thing, behind=PIL.Image.new("RGB", (SIDE_PX, SIDE_PX), (200, 0, 200)))


def _share_of_thing(photo: Image) -> float:
    pixels = np.asarray(photo, dtype=int)
    return float((pixels[..., 1] > pixels[..., 0]).mean())


def test_the_scale_is_the_share_of_the_frame_and_turning_in_the_plane_keeps_it() -> None:
    from photo_levels import photograph_rotated, photograph_smaller

    for share in (1, 0.5, 0.1):
        assert _share_of_thing(photograph_smaller(_scene(), share)) == pytest.approx(share, abs=0.01)
    for degrees in (0, 20, 45, 90, 180):
        assert _share_of_thing(photograph_rotated(_scene(), degrees)) == pytest.approx(0.5, abs=0.01)


def test_a_thing_seen_from_the_side_is_as_high_and_narrower() -> None:
    from photo_levels import photograph_aside

    seen = [np.asarray(photograph_aside(_scene(), degrees), dtype=int) for degrees in (0, 60)]
    straight, aside = (pixels[..., 1] > pixels[..., 0] for pixels in seen)

    assert aside.any(axis=1).sum() == pytest.approx(straight.any(axis=1).sum(), abs=3)
    assert aside.any(axis=0).sum() < 0.6 * straight.any(axis=0).sum()


def test_light_and_colour_change_by_their_factor_and_white_is_the_limit() -> None:
    from photo_levels import photograph_exposed, photograph_tinted

    assert photograph_exposed(_scene(), 0.5).getpixel((128, 128)) == (0, 100, 0)
    assert photograph_exposed(_scene(), 3).getpixel((128, 128)) == (0, 255, 0)
    assert photograph_tinted(_scene(), 1.25).getpixel((2, 2)) == (250, 0, 160)


def test_each_effect_begins_with_the_plain_view_and_its_levels_differ() -> None:
    from photo_levels import EFFECTS, photograph_smaller

    textured = _scene()
    textured.thing.paste((255, 80, 0, 255), (20, 20, 60, 90))
    plain = photograph_smaller(textured, 0.5)
    for effect in EFFECTS:
        photos = [effect.photograph(textured, level).tobytes() for level in effect.levels]
        assert len(set(photos)) == len(photos) >= 5, effect.name
        assert plain.tobytes() in photos, effect.name


def test_a_figure_that_was_not_measured_is_not_reached_and_a_ceiling_is_one() -> None:
    from figures_to_reach import compare_with_targets

    compared = compare_with_targets({"bytes": 8_000_001, "cpu_ms": 8.0}, {"near_twins": {"accuracy": 0.95}})
    reached = {name: row["reached"] for name, row in compared.items()}

    assert reached.pop("image tower int8, bytes") is False
    assert reached.pop("image tower int8, CPU ms of one picture") is True
    assert reached.pop("drawn near-twins, accuracy") is True
    assert set(reached.values()) == {None}


def test_weights_that_are_of_no_image_tower_are_refused(tmp_path: Path) -> None:
    from compared_encoders import build_builtin_pack
    from safetensors.numpy import save_file

    from edge_identify.datasets.sources import parse_source

    source = parse_source("images:none")
    broken, foreign = tmp_path / "broken.safetensors", tmp_path / "foreign.safetensors"
    broken.write_bytes(b"not weights")
    save_file({"visual.other": np.zeros(3, dtype=np.float32)}, foreign)
    with pytest.raises(SetupError, match=r"broken\.safetensors: cannot be read as weights"):
        build_builtin_pack(source, tmp_path, broken)
    _write_image(tmp_path / "pictures" / "one.png", next(_images()))
    with pytest.raises(SetupError, match=r"holds .visual\.other., which is not of the built-in image tower"):
        build_builtin_pack(parse_source(f"images:{tmp_path / 'pictures'}"), tmp_path, foreign)


def test_a_floor_of_another_kind_is_refused(tmp_path: Path) -> None:
    from compared_encoders import FloorEncoder

    with pytest.raises(SetupError, match="ONNX Runtime cannot load"):
        FloorEncoder(_written(tmp_path / "text.onnx", b"text"))
    with pytest.raises(SetupError, match="a floor must take"):
        FloorEncoder(_write_floor(tmp_path / "flat.onnx", shape=["n", 3, 8, "any"]))


def test_a_run_on_folders_like_the_real_ones_finds_copies_and_says_what_is_missing(tmp_path: Path) -> None:
    _write_invaders(tmp_path / "data" / "invaders")
    floor = _write_floor(tmp_path / "floor.onnx", shape=["n", 3, FLOOR_SIZE_PX, FLOOR_SIZE_PX])
    table = tmp_path / "table.md"
    paths = {"--data": tmp_path / "data", "--floor": floor, "--weights": IMAGE_WEIGHTS, "--table": table}
    options = [str(word) for pair in paths.items() for word in pair]
    options += ["--things", "8", "--only", "grocery", "invaders", "near_twins"]
    ended = subprocess.run(
        [sys.executable, str(BENCHMARKS / "builtin_encoder.py"), *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert ended.returncode == 0, ended.stderr
    line = json.loads(ended.stdout)
    assert list(line["skipped"]) == ["grocery"]
    assert "SKIPPED grocery: " in ended.stderr
    assert "references.csv: no such file" in ended.stderr
    assert "broken.png" in ended.stderr
    assert set(line["results"]) == {"builtin", "floor"}
    for figures in line["results"].values():
        _check_invaders(figures["invaders"])
        assert figures["near_twins"]["photos"] == 8
        assert "robustness" not in figures
    assert line["encoders"]["builtin"]["weights"] == IMAGE_WEIGHTS.name
    assert line["encoders"]["builtin"]["cpu_ms"] > 0
    assert line["targets"]["invaders independent_strict, recall@1"] == {"found": 1.0, "needed": 0.82, "reached": True}
    assert line["targets"]["grocery Fruit, recall@1"]["found"] is None
    _check_table(table.read_text(encoding="utf-8"), line)


def test_a_run_that_measured_nothing_is_a_failure(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(BENCHMARKS / "builtin_encoder.py"), "--data", str(tmp_path), "--only", "grocery"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert ended.returncode == 1
    assert "SKIPPED grocery: " in ended.stderr
    assert ended.stderr.splitlines()[-1] == "nothing was measured; see above for what was skipped"


def _check_invaders(figures: dict[str, Any]) -> None:
    assert figures["references"] == 6
    assert figures["photos_left_out"] == 1
    assert set(figures["groups"]) == {"independent_likely", "independent_strict"}
    strict, likely = figures["groups"]["independent_strict"], figures["groups"]["independent_likely"]
    assert (strict["photos"], strict["recall@1"], strict["recall@1_interval"]) == (3, 1, [1, 1])
    assert (likely["photos"], likely["recall@1"]) == (2, 0.5)  # one row names another thing
    assert (figures["unknown_photos"], figures["unknown_auroc"]) == (2, 1)


def _check_table(text: str, line: dict[str, Any]) -> None:
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines() if row.startswith("|")]
    cells = {row[0]: row[1:] for row in rows}
    assert cells["photos"] == ["builtin", "floor"]
    assert (
        cells["invaders independent_strict: 3 photos among 6, recall@1 / @5"]
        == ["1.000 [1.000, 1.000] / 1.000 [1.000, 1.000]"] * 2
    )
    assert cells["invaders: 2 photos of unknown things, AUROC of the best similarity"] == ["1.000", "1.000"]
    assert cells["grocery Fruit, recall@1"] == ["-", "0.22", "-"]
    assert cells["image tower int8, bytes"] == [f"{line['encoders']['builtin']['bytes']:,}", "8,000,000", "yes"]
    assert "Not measured: grocery." in text


def test_curves_are_written_with_their_levels_beside_each_other() -> None:
    from builtin_table import builtin_table

    curve = {"blur": {"unit": "px", "recall@1": {"0": 1.0, "4": 0.25}}}
    figures: dict[str, Any] = {
        "results": {"builtin": {"robustness": curve}},
        "encoders": {},
        "targets": {},
        "skipped": {},
    }

    assert "| blur (px) | 0 | 4 |\n|---|---|---|\n| builtin | 1.000 | .250 |" in builtin_table(figures)


def _images() -> Iterator[Image]:
    """Return drawn things, one of each family, so that no two are look-alikes."""
    for family in draw_families(np.random.default_rng(11), ()):
        yield PIL.Image.fromarray(family[0].pixels).convert("RGB")


def _write_invaders(folder: Path) -> None:
    """Write six references; five of them as photos, one with a wrong id, two unknown ones, one broken."""
    drawn_images = list(islice(_images(), 8))
    references = [f"PA_{number:02}" for number in range(6)]
    for name, image in zip(references, drawn_images, strict=False):
        _write_image(folder / "reference" / f"{name}.png", image)
    _write_rows(
        folder / "references.csv",
        INVADERS_COLUMNS,
        [[f"reference/{name}.png", name, "PA", "Paris", "10", "OK", "", "48.85", "2.35"] for name in references],
    )
    rows = [[f"reference/{name}.png", name, "independent_strict"] for name in references[:3]]
    rows += [[f"reference/{references[3]}.png", references[3], "independent_likely"]]
    rows += [[f"reference/{references[5]}.png", references[4], "independent_likely"]]
    for number in (6, 7):
        _write_image(folder / "query" / f"{number}.png", drawn_images[number])
        rows += [[f"query/{number}.png", "", "out_of_index"]]
    _written(folder / "query" / "broken.png", b"no picture")
    rows += [["query/broken.png", references[4], "independent_strict"]]
    _write_rows(folder / "queries.csv", ["query", "id", "tier"], rows)


def _write_image(path: Path, image: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _write_rows(path: Path, columns: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _write_floor(path: Path, *, shape: list[int | str]) -> Path:
    """Write an encoder that returns the mean colours of 8 x 8 squares."""
    from onnx import TensorProto, helper, save

    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["image"], ["means"], kernel_shape=[4, 4], strides=[4, 4]),
            helper.make_node("Flatten", ["means"], ["embedding"]),
        ],
        "means",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", "dim"])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path
