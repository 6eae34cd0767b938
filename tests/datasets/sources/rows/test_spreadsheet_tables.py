"""Tables as spreadsheets save them, read as `image-list:` and as `table:`, and the round trip of `export`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import PIL.Image
import pytest

from edge_identify.convert.cli.main import main
from edge_identify.datasets.sources import SourceImage, SourceOptions, parse_source
from edge_identify.edge_runtime.errors import SetupError

HEADER = ["path", "id", "name", "lat", "lng"]
ROWS = [["a.jpg", "001", "Straße, lang; breit", "48.85", "-2.5"], ["b.jpg", "002", 'Say "hi"', "", ""]]


def saved(
    rows: list[list[str]], *, separator: str, encoding: str, line_end: str = "\r\n", first_line: str = ""
) -> bytes:
    """Return a table as a spreadsheet saves it: fields quoted where they must be, and an empty row at the end."""
    text = io.StringIO(newline="")
    text.write(first_line)
    csv.writer(text, delimiter=separator, lineterminator=line_end).writerows([*rows, [""] * len(rows[0])])
    return text.getvalue().encode(encoding)


def read(file: Path, kind: str) -> list[SourceImage]:
    return list(parse_source(f"{kind}:{file}").images())


@pytest.mark.parametrize("kind", ["image-list", "table"])
@pytest.mark.parametrize(
    ("name", "separator", "encoding", "line_end", "first_line"),
    [
        ("t.csv", ",", "utf-8", "\n", ""),
        ("t.csv", ";", "utf-8-sig", "\r\n", ""),
        ("t.csv", "\t", "utf-8", "\r\n", ""),
        ("t.csv", ";", "utf-8", "\r", ""),  # "CSV (Macintosh)"
        ("t.csv", ";", "utf-8-sig", "\r\n", "sep=;\r\n"),
        ("t.csv", "|", "utf-8", "\r\n", '"sep=|"\r\n'),
        ("t.csv", "|", "utf-8", "\n", ""),
        ("t.csv", ";", "utf-8-sig", "\r\n", "\ufeff"),  # saved twice
        ("t.txt", "\t", "utf-16", "\r\n", ""),  # "Unicode Text"
        ("t.csv", ";", "utf-16-le", "\r\n", ""),  # without a byte order mark
        ("t.csv", "\t", "utf-16-be", "\r\n", ""),
        ("t.tsv", "\t", "utf-8", "\n", ""),
        ("t.tab", ";", "utf-8", "\n", ""),
    ],
)
@pytest.mark.parametrize("header", [HEADER, ["Path", "ID", "NAME", "Lat", "LNG"]])
def test_separators_encodings_and_capitals_change_nothing(
    tmp_path: Path,
    kind: str,
    name: str,
    separator: str,
    encoding: str,
    line_end: str,
    first_line: str,
    header: list[str],
) -> None:
    table = saved([header, *ROWS], separator=separator, encoding=encoding, line_end=line_end, first_line=first_line)
    (tmp_path / name).write_bytes(table)
    images = read(tmp_path / name, kind)
    assert [(image.path, image.reference.id, image.reference.name, image.problem) for image in images] == [
        (tmp_path / row[0], row[1], row[2], None) for row in ROWS
    ]
    assert [(image.reference.latitude, image.reference.longitude) for image in images] == [(48.85, -2.5), (None, None)]
    assert all(not image.reference.attributes for image in images)


@pytest.mark.parametrize("kind", ["image-list", "table"])
def test_decimal_commas_are_degrees_and_agree_with_decimal_points(tmp_path: Path, kind: str) -> None:
    (tmp_path / "t.csv").write_text("path;id;lat;lng\na.jpg;x;48,850;-2,5\nb.jpg;x;48.85;-2.5\nc.jpg;y;4,8,5;1\n")
    first, second, bad = read(tmp_path / "t.csv", kind)
    assert first.reference is second.reference
    assert (first.reference.latitude, first.reference.longitude) == (48.85, -2.5)
    assert "line 4 has lat '4,8,5'; expected degrees" in (bad.problem or "")


@pytest.mark.parametrize("kind", ["image-list", "table"])
@pytest.mark.parametrize(
    "header",
    ['path;"name, in English, short";id', "path;name, in English, short;id", 'id;path;"one; two; three, four"'],
)
def test_a_header_may_hold_the_other_separator(tmp_path: Path, kind: str, header: str) -> None:
    order = [name for name in header.split(";") if name in ("path", "id")]
    cells = {"path": "a.jpg", "id": "7"}
    row = ";".join([cells[order[0]], "x", cells[order[1]]] if header.startswith("path") else ["7", "a.jpg", "x"])
    (tmp_path / "t.csv").write_text(f"{header}\n{row}\n")
    [image] = read(tmp_path / "t.csv", kind)
    assert (image.path.name, image.reference.id) == ("a.jpg", "7")


def test_a_separator_that_no_known_column_tells_is_the_one_that_the_rows_agree_with(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Bild;Titel, lang, kurz\na.jpg;x\nb.jpg;y, z\n")
    with pytest.raises(SetupError, match=r"Columns: Bild, Titel, lang, kurz$"):
        read(tmp_path / "t.csv", "table")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_list_without_a_header_has_any_separator(tmp_path: Path, separator: str) -> None:
    (tmp_path / "list.txt").write_text(f"a.jpg{separator}cat\nb;c.png{separator}dog\n")
    first, second = read(tmp_path / "list.txt", "image-list")
    assert (first.path.name, dict(first.reference.labels)) == ("a.jpg", {"label": "cat"})
    if separator != ";":
        assert (second.path.name, dict(second.reference.labels)) == ("b;c.png", {"label": "dog"})


def test_a_row_that_names_an_image_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a.jpg,Path\nb.jpg,road\n")
    assert [image.reference.labels["label"] for image in read(tmp_path / "list.txt", "image-list")] == ["Path", "road"]


def test_a_header_of_other_names_is_told_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Filename;ID\na.jpg;1\n")
    with pytest.raises(
        SetupError, match=r"line 1 looks like a header, but no column is named `path`; rename `filename`"
    ):
        read(tmp_path / "t.csv", "image-list")
    assert read(tmp_path / "t.csv", "table")[0].reference.id == "1"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04rest", r"is a workbook \(.xlsx"),
        (b"\xd0\xcf\x11\xe0rest", "is an old workbook"),
        ("path;id\ncaf\u00e9.jpg;1\n".encode("cp1252"), r"not UTF-8 text .*8-bit code page.*CSV UTF-8"),
        ("path\n\U0001f600.jpg".encode("utf-16")[:-9], "is damaged UTF-16 text"),
    ],
)
@pytest.mark.parametrize("kind", ["image-list", "table"])
def test_what_is_no_text_is_named_for_what_it_is(tmp_path: Path, kind: str, data: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(SetupError, match=message):
        read(tmp_path / "t.csv", kind)


def test_a_table_of_addresses_as_unicode_text_is_a_table(tmp_path: Path) -> None:
    text = "ID\tName\timage_url\r\n7\tCaf\u00e9\tftp://example.org/a.jpg\r\n"
    (tmp_path / "t.txt").write_bytes(text.encode("utf-16"))
    source = parse_source(f"urls:{tmp_path / 't.txt'}", SourceOptions(cache=tmp_path / "cache"))
    [image] = source.images()
    assert "line 2 has 'ftp://example.org/a.jpg', which is not a URL" in (image.problem or "")


@pytest.mark.parametrize(
    ("separator", "encoding", "decimal"),
    [(",", "utf-8-sig", "."), (";", "utf-8-sig", ","), ("\t", "utf-16", ","), (";", "utf-16-le", ".")],
)
def test_an_exported_table_edited_in_a_spreadsheet_is_read_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], separator: str, encoding: str, decimal: str
) -> None:
    for at in range(2):
        PIL.Image.new("RGB", (16, 16), (90 * at, 40, 90)).save(tmp_path / f"{at}.png")
    (tmp_path / "first.csv").write_text(
        "path,id,name,namespace,label,lat,lng,Note\n"
        '0.png,007,"Gr\u00fcn, hell",Z\u00fcrich,cat,48.85,-2.5,a; b\n1.png,8,B,,,,,\n',
        encoding="utf-8",
    )
    catalogue = ["--catalogue", str(tmp_path / "c.db")]
    assert main(["add", f"image-list:{tmp_path / 'first.csv'}", *catalogue]) == 0
    assert main(["export", *catalogue, "--out", str(tmp_path / "out.csv")]) == 0
    exported = (tmp_path / "out.csv").read_bytes()
    assert exported.startswith(b"\xef\xbb\xbf")  # or Excel damages the accents

    rows = list(csv.reader(io.StringIO(exported.decode("utf-8-sig"), newline="")))
    places = [rows[0].index(name) for name in ("lat", "lng")]
    edited = [
        rows[0],
        *([cell.replace(".", decimal) if n in places else cell for n, cell in enumerate(row)] for row in rows[1:]),
    ]
    edited[2][rows[0].index("name")] = "New"
    (tmp_path / "edited.csv").write_bytes(saved(edited, separator=separator, encoding=encoding))
    capsys.readouterr()
    assert main(["add", f"image-list:{tmp_path / 'edited.csv'}", *catalogue, "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["unchanged"], counts["added"], counts["references_added"]) == (2, 0, 0)
    assert main(["export", *catalogue]) == 0
    assert capsys.readouterr().out.encode() == exported.removeprefix(b"\xef\xbb\xbf").replace(b",B,", b",New,")


@pytest.mark.parametrize("kind", ["image-list", "table"])
def test_ids_that_are_marked_as_text_are_read_and_shortened_ones_are_refused(tmp_path: Path, kind: str) -> None:
    rows = ['"=""007"""', "4.00552E+12", "4,00552E+12", "1E5", "x\0y"]
    lines = [f"{at}.jpg;{text}" for at, text in enumerate(rows)]
    (tmp_path / "t.csv").write_text("\n".join(["path;id", *lines]), encoding="utf-8")

    images = read(tmp_path / "t.csv", kind)

    by_problem = {image.problem.split(": ", 1)[1][:30] if image.problem else image.reference.id for image in images}
    assert by_problem == {
        "007",
        "1E5",
        "line 3 has the id '4.00552E+12",
        "line 4 has the id '4,00552E+12",
        "line 6 has a NUL character; th",
    }


@pytest.mark.parametrize("start", ["<!DOCTYPE html>", "<html>", "<?xml version='1.0'?>"])
def test_a_page_that_was_saved_in_place_of_a_table_is_named(tmp_path: Path, start: str) -> None:
    (tmp_path / "t.csv").write_text(f"{start}<p>path</p>", encoding="utf-8")
    for kind in ("image-list", "table"):
        with pytest.raises(SetupError, match=r"is (a web page|XML), not a text table"):
            read(tmp_path / "t.csv", kind)
