"""`urls:FILE`, from the list to the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from misbehaving_server import MisbehavingServer, misbehaving_server

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources.fetching.bulk_fetching import FetchPolicy
from edge_identify.datasets.sources.fetching.image_cache import ImageCache
from edge_identify.datasets.sources.rows.column_mapping import ColumnMapping
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.datasets.sources.url_source import Urls
from edge_identify.edge_runtime.errors import SetupError

POLICY = FetchPolicy(allow_private=True, backoff_s=0.01)


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with misbehaving_server() as running:
        yield running


def read(file: Path, text: str, *, publishes_queries: bool = False) -> list[SourceImage]:
    file.write_text(text)
    cache = ImageCache(file.parent / "pictures")
    return list(Urls(file, ColumnMapping(), cache, policy=POLICY, publishes_queries=publishes_queries).images())


def test_a_list_of_addresses_becomes_images_with_their_origin(server: MisbehavingServer, tmp_path: Path) -> None:
    one, two = server.url("good/PA_1.png"), server.url("flaky/PA%202.png")
    first, second = read(tmp_path / "list.txt", f"# mosaics\n{one}\n\n{two}\n")
    assert [image.reference.id for image in (first, second)] == ["PA_1", "PA 2"]
    assert (first.origin, first.file_name, first.problem) == (one, "PA_1.png", None)
    assert first.path.is_file()
    assert second.reference.attributes == {"image_url": two}


def test_a_table_says_more_and_its_page_is_not_the_image(server: MisbehavingServer, tmp_path: Path) -> None:
    urls = [server.url(f"good/{at}.png") for at in range(3)]
    text = "flash_id,flash_name,page,image_url,lat,lng\n" + "".join(
        f"{identifier},Cat,https://example.org/{identifier},{url},48.5,2.5\n"
        for identifier, url in zip(["a", "a", "b"], urls, strict=True)
    )
    first, second, third = read(tmp_path / "list.csv", text)
    assert first.reference is second.reference
    assert (third.reference.id, third.reference.name, third.reference.latitude) == ("b", "Cat", 48.5)
    assert third.reference.url == "https://example.org/b"
    assert first.reference.attributes == {"image_url": urls[0]}


@pytest.mark.parametrize(
    "behind", ["?api_key=abc", "?n=7", "#access_token=abc", ";jsessionid=abc", "?X-Amz-Signature="]
)
def test_what_may_hold_a_key_is_fetched_and_not_told_to_anyone(
    server: MisbehavingServer, tmp_path: Path, behind: str
) -> None:
    [image] = read(tmp_path / "list.txt", f"{server.url('good/1.png')}{behind}")
    assert image.path.is_file() or ";" in behind
    assert image.reference.attributes == {}
    assert image.provenance is None


def test_a_query_is_told_where_that_is_asked_for_and_a_signature_is_not(
    server: MisbehavingServer, tmp_path: Path
) -> None:
    one, two = server.url("good/1.png?n=7"), server.url("good/2.png?X-Amz-Signature=abc")
    told, kept = read(tmp_path / "list.txt", f"{one}\n{two}", publishes_queries=True)
    assert told.reference.attributes == {"image_url": one}
    assert kept.reference.attributes == {}


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="contains no URL"):
        read(tmp_path / "list.txt", "# nothing\n")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("ftp://example.org/a.jpg", "line 2 has 'ftp://example.org/a.jpg', which is not a URL such as"),
        ("a.jpg", "line 2 has 'a.jpg', which is not a URL"),
        ("n/a", "line 2 has no URL"),
        ("http://example.org/a b.jpg", "a space is written as %20"),
        ("http://[::1", "is not a URL"),
        ("http://me:secret@example.org/a.jpg", "remove them"),
        ("{good}", "line 2 has the same URL as line 1"),
    ],
)
def test_a_row_without_a_usable_address_is_refused_and_the_other_is_fetched(
    server: MisbehavingServer, tmp_path: Path, row: str, problem: str
) -> None:
    good = server.url("good/1.png")
    fetched, refused = read(tmp_path / "list.txt", f"{good}\n{row.format(good=good)}\n")
    assert (fetched.problem, fetched.path.is_file()) == (None, True)
    assert problem in (refused.problem or "")
    assert "secret" not in (refused.problem or "")
    assert len(server.times) == 1


def test_addresses_with_one_file_name_are_refused_before_they_are_fetched(
    server: MisbehavingServer, tmp_path: Path
) -> None:
    urls = [server.url("good/a/x.png"), server.url("good/b/x.png"), server.url("good/y.png")]
    one, other, third = read(tmp_path / "list.txt", "\n".join(urls))
    assert "line 1 has the id 'x' from a file name" in (one.problem or "")
    assert "columns url and id" in (other.problem or "")
    assert third.problem is None
    assert len(server.times) == 1


@pytest.mark.parametrize("cell", ["", "n/a", "#N/A", "http://example.org/a b.jpg"])
def test_a_bad_cell_in_a_table_of_addresses_skips_its_row_only(
    server: MisbehavingServer, tmp_path: Path, cell: str
) -> None:
    good = [server.url(f"good/{at}.png") for at in range(2)]
    first, bad, last = read(tmp_path / "list.csv", f"id,image_url\n1,{good[0]}\n2,{cell}\n3,{good[1]}\n")
    assert "list.csv: line 3 has" in (bad.problem or "")
    assert [image.reference.id for image in (first, last)] == ["1", "3"]
    assert first.path.is_file()
    assert last.path.is_file()


def test_a_table_without_addresses_says_which_columns_there_are(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"--map url=COLUMN. Columns: id, where"):
        read(tmp_path / "list.csv", "id,where\n1,http://example.org/a.jpg\n")


def test_the_command_adds_what_could_be_had_lists_the_rest_and_goes_on_the_next_time(
    server: MisbehavingServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["good/1.png", "flaky/2.png", "octets/3", "gone/4.png", "html/5.png", "bad/6.png"]
    server.behaviours["bad"] = lambda request: request.answer(200, b"no picture", {"Content-Type": "image/png"})
    (tmp_path / "list.txt").write_text("\n".join(server.url(name) for name in names))
    command = ["add", f"urls:{tmp_path / 'list.txt'}", "--catalogue", str(tmp_path / "c.db"), "--json"]

    assert main([*command, "--allow-private"]) == 1
    shown = capsys.readouterr()
    assert {name: count for name, count in json.loads(shown.out).items() if count} == {
        "added": 3, "skipped": 3, "references_added": 3,
    }  # fmt: skip
    assert [line.split(": ")[1] for line in shown.err.splitlines()] == [server.url(name) for name in names[3:]]

    server.behaviours["gone"] = server.behaviours["good"]
    assert main([*command, "--allow-private"]) == 1
    assert json.loads(capsys.readouterr().out)["added"] == 1
    assert server.asked["/good/1.png"] == 1
    with Catalogue.open_existing(tmp_path / "c.db") as catalogue:
        assert [reference.id for reference in catalogue.references()] == ["1", "2", "3", "4"]
        assert all(image.path.is_relative_to(tmp_path / "c.db.pictures") for image in catalogue.images())


def test_the_command_refuses_private_addresses_by_itself(
    server: MisbehavingServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.txt").write_text(server.url("good/1.png"))
    assert main(["add", f"urls:{tmp_path / 'list.txt'}", "--catalogue", str(tmp_path / "c.db")]) == 8
    assert "--allow-private" in capsys.readouterr().err
    assert server.times == []
