"""Outcomes of evaluations, and tables that are refused before photos are processed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.convert.evaluating.evaluation import check_group_column, check_known_ids, evaluate_pack, read_queries
from edge_identify.convert.evaluating.evaluation_figures import group_figures
from edge_identify.convert.progress import no_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.pack_reader import open_pack


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no queries"),
        ("query,id\n", "holds no queries"),
        ("photo,id\na.jpg,1\n", "has no column 'query'; found photo, id"),
        ("query,name\na.jpg,1\n", "has no column 'id'"),
    ],
)
def test_a_table_without_its_columns_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        read_queries(write(tmp_path / "queries.csv", text))


def test_a_missing_table_and_one_that_is_no_text_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none\.csv: no such file"):
        read_queries(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"query,id\n\xff\xfe,1\n")
    with pytest.raises(SetupError, match=r"binary\.csv: is not UTF-8 text"):
        read_queries(tmp_path / "binary.csv")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("b.jpg", r"line 3 (b.jpg) has no cell for its id; end it with a separator"),
        (",1,x", "line 3 names no photo"),
        ("n/a,1,x", "line 3 names no photo"),
        ('"b.jpg"b,1,x', "line 3 is not a row of CSV"),
    ],
)
def test_a_row_without_a_photo_or_a_cell_for_its_id_is_a_query_with_a_problem(
    tmp_path: Path, row: str, problem: str
) -> None:
    first, bad, last = read_queries(write(tmp_path / "queries.csv", f"query,id,tier\na.jpg,1,x\n{row}\nc.jpg,2,y\n"))
    assert f"queries.csv: {problem}" in (bad.problem or "")
    assert (first.problem, last.problem, last.reference_id) == (None, None, "2")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("query;id;tier\r\npics/a.jpg;1;x\r\n", "utf-8"),
        ("Query\tID\ttier\r\npics/a.jpg\t1\tx\r\n", "utf-16"),
        ("sep=;\r\nquery;id;tier\r\npics/a.jpg;1;x\r\n", "utf-8-sig"),
        ("query,id,tier\r\npics\\a.jpg,1,x\r\n", "utf-8"),
    ],
)
def test_a_table_of_queries_may_come_from_any_spreadsheet(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics/a.jpg").touch()
    (tmp_path / "queries.csv").write_bytes(text.encode(encoding))
    [query] = read_queries(tmp_path / "queries.csv")
    assert (query.photo, query.reference_id, query.columns["tier"]) == (tmp_path / "pics/a.jpg", "1", "x")


def test_other_cells_may_be_missing_and_an_empty_id_is_a_thing_that_is_not_in_the_pack(tmp_path: Path) -> None:
    first, second = read_queries(write(tmp_path / "queries.csv", "query,id,tier\na.jpg,1\nb.jpg,\n"))

    assert (first.reference_id, second.reference_id) == ("1", "")
    assert first.columns == {"query": "a.jpg", "id": "1", "tier": ""}


@pytest.mark.parametrize(
    ("given", "name"),
    [("a.jpg", "a.jpg"), ("in/a.jpg", "in/a.jpg"), ("/home/me/a.jpg", "a.jpg"), ("C:\\me\\a.jpg", "a.jpg")],
)
def test_a_photo_is_called_what_the_table_calls_it_but_for_a_home_folder(tmp_path: Path, given: str, name: str) -> None:
    (query,) = read_queries(write(tmp_path / "queries.csv", f"query,id\n{given},\n"))
    assert query.name == name


def test_an_unknown_id_or_group_is_refused_with_what_there_is(tmp_path: Path) -> None:
    queries = read_queries(write(tmp_path / "queries.csv", "query,id,tier\na.jpg,1,x\nb.jpg,9,x\nc.jpg,,x\n"))

    with pytest.raises(SetupError, match="1 id is not in the pack: '9'"):
        check_known_ids(queries, ["1", "2"], where="queries.csv")
    with pytest.raises(SetupError, match="no column 'kind' to group by; found query, id, tier"):
        check_group_column(queries, "kind", where="queries.csv")
    check_known_ids(queries, ["1", "9"], where="queries.csv")


def test_unknown_ids_are_named_with_the_nearest_ones_that_there_are(tmp_path: Path) -> None:
    rows = "".join(f"a.jpg,{name}\n" for name in ("PA_0823", "zzz", "q1", "q2", "q3", "q4", "PA_823"))
    queries = read_queries(write(tmp_path / "queries.csv", "query,id\n" + rows))

    with pytest.raises(SetupError) as refused:
        check_known_ids(queries, ["PA_823", "PA_824", "LDN_01"], where="queries.csv")

    message = str(refused.value)
    assert "6 ids are not in the pack: 'PA_0823' (nearest: PA_823, PA_824)" in message
    assert "; and 1 more." in message
    assert "'zzz'" not in message  # the sixth, and nothing is near it
    assert "Leave the id empty" in message


def test_a_pack_is_asked_with_the_photos_beside_the_table(colour_pack: Callable[[], Path], tmp_path: Path) -> None:
    for name, colour in (("r.png", (255, 0, 0)), ("c.png", (215, 22, 62)), ("g.png", (0, 250, 0))):
        Image.new("RGB", (20, 20), colour).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"nothing")
    table = write(tmp_path / "queries.csv", "query,id\nr.png,red\nc.png,crimson\ng.png,blue\nbroken.png,red\nr.png,\n")

    evaluation = evaluate_pack(open_pack(colour_pack()), read_queries(table), progress=no_progress)

    assert [outcome.rank for outcome in evaluation.outcomes] == [1, 1, 4, None]
    assert evaluation.outcomes[2].nearest_ids[0] == "green"
    assert all(outcome.prepare_ms is not None and outcome.prepare_ms > 0 for outcome in evaluation.outcomes)
    assert evaluation.answer_ms is not None
    assert [str(left_out.path.name) for left_out in evaluation.left_out] == ["broken.png"]
    assert "is not an image" in evaluation.left_out[0].reason


def test_a_calibrated_pack_s_decisions_are_counted_and_another_s_are_not_mentioned(
    colour_pack: Callable[[], Path], tmp_path: Path
) -> None:
    for name, colour in (("g.png", (0, 255, 0)), ("grey.png", (120, 120, 120)), ("between.png", (230, 10, 35))):
        Image.new("RGB", (20, 20), colour).save(tmp_path / name)
    rows = "query,id\ng.png,green\ng.png,red\nbetween.png,red\ngrey.png,blue\ngrey.png,\ng.png,\n"
    queries = read_queries(write(tmp_path / "queries.csv", rows))
    folder = colour_pack()

    plain = evaluate_pack(open_pack(folder), queries, progress=no_progress).outcomes
    add_calibration(folder)
    outcomes = evaluate_pack(open_pack(folder), queries, progress=no_progress).outcomes

    assert "decisions" not in group_figures(plain)
    assert set(outcomes[2].look_alike_ids) == {"red", "crimson"}
    decisions = group_figures(outcomes)["decisions"]
    assert decisions["known"] == {
        "photos": 4, "identified_right": 1, "identified_wrong": 1, "probably_right": 0, "probably_wrong": 0,
        "ambiguous": 1, "ambiguous_with_right": 1, "ambiguous_without_right": 0, "unknown": 1,
    }  # fmt: skip
    assert decisions["not_in_pack"] == {"photos": 2, "identified": 1, "probably": 0, "ambiguous": 0, "unknown": 1}


def test_an_unnamed_column_before_the_others_does_not_hide_a_missing_id(tmp_path: Path) -> None:
    (tmp_path / "queries.csv").write_text(",query,id\n0,a.jpg\n1,b.jpg,b\n")
    missing, whole = read_queries(tmp_path / "queries.csv")
    assert "has no cell for its id" in (missing.problem or "")
    assert (whole.reference_id, whole.problem) == ("b", None)
