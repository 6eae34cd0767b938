"""The benchmarks run, on small things, and each prints one JSON line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service_packs import write_service_pack

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(script: str, *options: str) -> list[dict[str, object]]:
    ended = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_images_are_fetched_in_bulk_and_all_are_there() -> None:
    (line,) = run("bulk_fetching.py", "--count", "60", "--failing", "0.3", "--rounds", "1")

    assert (line["benchmark"], line["least_there"]) == ("bulk_fetching", 60)
    assert isinstance(line["clean_s"], float)
    assert line["clean_s"] > 0


def test_what_http_adds_is_measured(tmp_path: Path) -> None:
    lines = run("service_latency.py", "--pack", str(write_service_pack(tmp_path / "pack")), "--rounds", "2")

    assert [line["photo"] for line in lines] == ["1_megapixel", "12_megapixels"]
    assert all(isinstance(line["beyond_stated_seconds_ms"], float) for line in lines)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the memory of a process as Linux tells it")
def test_half_a_megabyte_of_requests_that_nobody_means_meets_no_fault(tmp_path: Path) -> None:
    (line,) = run("service_fuzz.py", "--pack", str(write_service_pack(tmp_path / "pack")), "--megabytes", "0.5")

    statuses = line["statuses"]
    assert isinstance(statuses, dict)
    assert {"200", "400", "404", "422"} <= statuses.keys()
    assert "500" not in statuses
    assert line["still_there"] is True


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the memory of a process as Linux tells it")
def test_a_few_clients_and_a_few_that_stall_are_measured(tmp_path: Path) -> None:
    options = ["--clients", "4", "--requests", "12", "--stalled", "2", "--kept", "4", "8"]
    clients, stalled, memory = run("service_load.py", "--pack", str(write_service_pack(tmp_path / "pack")), *options)

    assert clients["statuses"] == {"200": 12}
    assert isinstance(clients["of_the_engine_s_rate"], float)
    assert isinstance(stalled["health_p99_ms"], float)
    assert (memory["resident_mib"].keys(), memory["statuses"]) == ({"4", "8"}, {"200": 8})  # type: ignore[attr-defined]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the CPU time of a process as Linux tells it")
def test_sending_packs_is_measured_beside_a_bare_server() -> None:
    options = ["--megabytes", "2", "--clients", "3", "--rounds", "1", "--stalled", "2"]
    cpu, stalled = run("serving_packs.py", *options)

    assert isinstance(cpu["cpu_s_per_gb"], float)
    assert isinstance(stalled["delay_of_p99_ms"], float)


def test_what_a_sync_sends_is_counted() -> None:
    options = ["--references", "60", "--more", "5", "--encoder-bytes", "9000000", "--rounds", "1"]
    (line,) = run("transfer.py", *options)

    sizes = {name: value for name, value in line.items() if isinstance(value, int)}
    assert sizes["first_bytes"] > sizes["encoder_bytes"]
    assert sizes["no_news_bytes"] < sizes["edited_field_bytes"] < sizes["update_bytes"] < 50_000
    assert sizes["refetched_after_cut_bytes"] <= 4 * 2**20


def test_what_a_kept_quantiser_loses_is_measured() -> None:
    lines = run("kept_quantiser.py", "--drawn", "600", "--queries", "50")

    assert [line["measured_on"] for line in lines] == [256, 300, 600]
    assert lines[-1]["kept"] is True


def test_search_is_measured_and_all_ways_have_the_same_recall() -> None:
    (line,) = run("search.py", "--counts", "600")

    assert line["benchmark"] == "search"
    recall = line["recall_at_10"]
    assert isinstance(recall, dict)
    assert recall["numpy"] == pytest.approx(recall["faiss"], abs=0.02)
    assert recall["numpy"] > 0.9
    of_codes = line["recall_at_10_of_codes"]
    assert isinstance(of_codes, dict)
    assert set(of_codes) == {"numpy", "faiss", "binary_codes_numpy", "binary_codes_faiss"}
    assert min(of_codes.values()) == 1


def test_preprocessing_is_measured() -> None:
    (line,) = run("preprocess.py", "--size", "96", "--rounds", "1")

    assert set(line) >= {"cpu_ms", "ratio_photo", "machine", "load"}


def test_encoders_are_measured_and_what_is_missing_is_said_aloud(colour_pack: Callable[[], Path]) -> None:
    (line,) = run("warm_encode.py", "--pack", str(colour_pack()), "--rounds", "2")

    assert line["ratio_to_fp32"]
    assert line["product_gflops"]


def test_memory_is_measured_by_size_of_photo_and_index(int8_pack: Path) -> None:
    (line,) = run("memory.py", "--encoder-pack", str(int8_pack), "--counts", "60")

    peaks = line["peak_mib"]
    assert isinstance(peaks, dict)
    assert set(peaks) == {
        "python_alone",
        *(f"{size}_60_references" for size in ("1_megapixel", "12_megapixels", "48_megapixels", "200_megapixels")),
    }
    assert peaks["200_megapixels_60_references"] < 400
    small = line["small_photo_address_mib"]
    assert small is None or (isinstance(small, float) and small < 50)


def test_duplicates_are_told_from_look_alikes() -> None:
    lines = run("duplicates.py", "--count", "2")

    assert {line["benchmark"] for line in lines} == {"duplicates_pairs", "duplicates_limit", "duplicates_search"}
    assert lines[-1]["copies_hidden"] == 4


def test_an_encoder_of_another_pack_answers_over_random_references(
    colour_pack: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from material import pack_with_references

    from edge_identify.edge_runtime.pack.pack_reader import open_pack, verify_pack_files
    from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo
    from edge_identify.edge_runtime.search.identifier import Identifier

    folder = pack_with_references(colour_pack(), tmp_path / "many", count=300, variant_name="onnx-fp32")
    pack = open_pack(folder)
    verify_pack_files(folder, pack.manifest)
    (tmp_path / "photo.jpg").write_bytes(drawn_photo(size_px=(64, 48)))
    with Identifier(pack) as identifier:
        assert len(identifier.identify(tmp_path / "photo.jpg").matches) == 5


def test_the_first_visit_of_the_web_app_is_below_five_megabytes() -> None:
    (line,) = run("web_app.py", "--starts", "0")

    assert line["benchmark"] == "web_app"
    assert isinstance(line["first_visit_bytes"], int)
    assert 0 < line["first_visit_bytes"] < 5_000_000
