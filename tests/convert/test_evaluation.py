"""Figures from outcomes, and tables that do not fit refused before an hour is spent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.convert.evaluation import (
    Outcome,
    Query,
    check_group_column,
    check_known_ids,
    evaluate_pack,
    read_queries,
    summarise,
)
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.reader import open_pack


def outcome(reference_id: str, rank: int | None, tier: str = "a") -> Outcome:
    query = Query(photo=Path("x.jpg"), reference_id=reference_id, columns={"tier": tier})
    return Outcome(query=query, rank=rank, best_score=0.5)


def test_recall_counts_right_answers_within_the_first_one_and_five() -> None:
    outcomes = [
        outcome("a", 1),
        outcome("b", 2),
        outcome("c", 5, "b"),
        outcome("d", None, "b"),
        outcome("", None, "b"),
    ]

    figures = summarise(outcomes, group_by="tier")

    assert figures["all"] == {"queries": 4, "recall@1": 0.25, "recall@5": 0.75, "not_in_pack": 1}
    assert figures["groups"]["a"] == {"queries": 2, "recall@1": 0.5, "recall@5": 1.0, "not_in_pack": 0}
    assert figures["groups"]["b"]["recall@1"] == 0.0


def test_a_group_of_strangers_only_has_no_recall_rather_than_a_zero() -> None:
    assert summarise([outcome("", None)])["all"] == {
        "queries": 0,
        "recall@1": None,
        "recall@5": None,
        "not_in_pack": 1,
    }


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
    with pytest.raises(SetupError, match=r"none\.csv: cannot be read"):
        read_queries(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00query")
    with pytest.raises(SetupError, match=r"binary\.csv: is not a CSV table"):
        read_queries(tmp_path / "binary.csv")


def test_an_unknown_id_or_group_is_refused_with_what_there_is(tmp_path: Path) -> None:
    queries = read_queries(write(tmp_path / "queries.csv", "query,id,tier\na.jpg,1,x\nb.jpg,9,x\nc.jpg,,x\n"))

    with pytest.raises(SetupError, match="1 ids are not in the pack, such as '9'"):
        check_known_ids(queries, ["1", "2"], where="queries.csv")
    with pytest.raises(SetupError, match="no column 'kind' to group by; found query, id, tier"):
        check_group_column(queries, "kind", where="queries.csv")
    check_known_ids(queries, ["1", "9"], where="queries.csv")


def test_a_pack_is_asked_with_the_photos_beside_the_table(colour_pack: Callable[[], Path], tmp_path: Path) -> None:
    for name, colour in (("r.png", (255, 0, 0)), ("c.png", (215, 22, 62)), ("g.png", (0, 250, 0))):
        Image.new("RGB", (20, 20), colour).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"nothing")
    table = write(tmp_path / "queries.csv", "query,id\nr.png,red\nc.png,crimson\ng.png,blue\nbroken.png,red\nr.png,\n")

    evaluation = evaluate_pack(open_pack(colour_pack()), read_queries(table), progress=lambda queries: queries)

    assert [outcome.rank for outcome in evaluation.outcomes] == [1, 1, 4, None]
    assert [str(left_out.path.name) for left_out in evaluation.left_out] == ["broken.png"]
    assert "is not a picture" in evaluation.left_out[0].reason


def test_a_calibrated_pack_s_decisions_are_counted_and_another_s_are_not_mentioned(
    colour_pack: Callable[[], Path], tmp_path: Path
) -> None:
    for name, colour in (("g.png", (0, 255, 0)), ("grey.png", (120, 120, 120)), ("between.png", (230, 10, 35))):
        Image.new("RGB", (20, 20), colour).save(tmp_path / name)
    rows = "query,id\ng.png,green\ng.png,red\nbetween.png,red\ngrey.png,blue\ngrey.png,\ng.png,\n"
    queries = read_queries(write(tmp_path / "queries.csv", rows))
    folder = colour_pack()

    plain = summarise(evaluate_pack(open_pack(folder), queries, progress=lambda items: items).outcomes)
    add_calibration(folder)
    figures = summarise(evaluate_pack(open_pack(folder), queries, progress=lambda items: items).outcomes)

    assert "decisions" not in plain["all"]
    decisions = figures["all"]["decisions"]
    assert decisions["known"] == {
        "photos": 4, "identified_right": 1, "identified_wrong": 1, "ambiguous": 1, "unknown": 1,
    }  # fmt: skip
    assert decisions["not_in_pack"] == {"photos": 2, "identified": 1, "ambiguous": 0, "unknown": 1}
