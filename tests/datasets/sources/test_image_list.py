"""`image-list:FILE`, in both dialects."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.datasets.sources.image_list import ImageList
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference

ReadList = Callable[[str], list[SourceImage]]


@pytest.fixture
def read_list(tmp_path: Path) -> ReadList:
    """Write a text to a list file and read it as a source."""

    def read(text: str) -> list[SourceImage]:
        file = tmp_path / "list.csv"
        file.write_bytes(text.encode())
        return list(ImageList(file).images())

    return read


def test_plain_lines_name_a_path_and_up_to_three_labels(read_list: ReadList, tmp_path: Path) -> None:
    images = read_list("# my cats\n\ncats/a.jpg\ncats/b.jpg, tabby\n  # more\nc.png,pug,dog,animal\r\n")
    assert [image.path for image in images] == [
        tmp_path / "cats/a.jpg",
        tmp_path / "cats/b.jpg",
        tmp_path / "c.png",
    ]
    assert [image.reference.id for image in images] == ["cats/a", "cats/b", "c"]
    assert [image.reference.name for image in images] == ["a", "b", "c"]
    assert [dict(image.reference.labels) for image in images] == [
        {},
        {"label": "tabby"},
        {"label": "pug", "category": "dog", "subcategory": "animal"},
    ]


def test_a_header_gives_every_fact_and_other_columns_become_attributes(read_list: ReadList, tmp_path: Path) -> None:
    [image] = read_list(
        "# from the museum\n"
        "id,path,name,namespace,label,category,subcategory,lat,lng,url,licence,artist,year\n"
        'm-1,a.jpg,"Cat, seated",museum,cat,animal,mammal,48.5,-2.25,https://example.org/1,CC0-1.0,Ada,\n'
    )
    assert image.path == tmp_path / "a.jpg"
    assert image.reference == Reference(
        id="m-1",
        name="Cat, seated",
        namespace="museum",
        labels={"label": "cat", "category": "animal", "subcategory": "mammal"},
        latitude=48.5,
        longitude=-2.25,
        url="https://example.org/1",
        licence="CC0-1.0",
        attributes={"artist": "Ada"},
    )


def test_the_name_is_the_id_where_only_the_id_was_given(read_list: ReadList) -> None:
    [image] = read_list("path,id\na.jpg,PA_01\n")
    assert image.reference.name == "PA_01"


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(read_list: ReadList) -> None:
    [image] = read_list("\ufeffpath,id\r\na.jpg,x\r\n")
    assert image.reference.id == "x"


def test_only_the_exact_word_path_makes_a_header(read_list: ReadList) -> None:
    assert [image.reference.id for image in read_list("paths/a.jpg,path of glory\n")] == ["paths/a"]


def test_absolute_paths_are_kept_and_named_by_their_stem(read_list: ReadList, tmp_path: Path) -> None:
    [image] = read_list(f"{tmp_path}/elsewhere/front.jpg\n")
    assert image.path == tmp_path / "elsewhere/front.jpg"
    assert image.reference.id == "front"


def test_a_relative_path_is_tidied(read_list: ReadList, tmp_path: Path) -> None:
    [image] = read_list("./deep/../a.jpg\n")
    assert (image.path, image.reference.id) == (tmp_path / "a.jpg", "a")


def test_a_quoted_field_may_hold_commas_lines_and_hashes(read_list: ReadList) -> None:
    images = read_list('path,note\na.jpg,"one,\n# two ""three"""\n# "half a quote\n"#1.jpg",plain\n')
    assert images[0].reference.attributes == {"note": 'one,\n# two "three"'}
    assert images[1].path.name == "#1.jpg"


def test_a_column_without_a_name_is_passed_over(read_list: ReadList) -> None:
    [image] = read_list(",path,id\n0,a.jpg,x\n")
    assert image.reference.attributes == {}


def test_a_short_row_leaves_the_rest_blank(read_list: ReadList) -> None:
    [image] = read_list("path,id,name,artist\na.jpg,x\n")
    assert (image.reference.name, image.reference.attributes) == ("x", {})


def test_absent_files_are_no_error_of_the_list(read_list: ReadList) -> None:
    assert len(read_list("gone.jpg\nlost.jpg\n")) == 2


def test_rows_with_one_id_are_images_of_one_reference_that_share_their_facts(read_list: ReadList) -> None:
    first, second = read_list("path,id,name,lat,lng,artist\na.jpg,x,Cat,2.50,3,\nb.jpg,x,,2.5,3.0,Ada\n")
    assert first.reference is second.reference
    assert (first.reference.name, first.reference.latitude) == ("Cat", 2.5)
    assert first.reference.attributes == {"artist": "Ada"}


def refused(images: list[SourceImage]) -> list[str]:
    """Return the problems of the rows that were refused; the others must be usable."""
    return [image.problem for image in images if image.problem is not None]


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [
        ("name", "Cat", "Dog"),
        ("label", "cat", "Cat"),
        ("artist", "Ada", "Bo"),
        ("url", "a", "b"),
    ],
)
def test_a_row_that_contradicts_an_earlier_one_is_refused_and_names_the_field(
    read_list: ReadList, column: str, one: str, other: str
) -> None:
    images = read_list(f"path,id,{column}\na.jpg,x,{one}\nb.jpg,x,\nc.jpg,x,{other}\n")
    [problem] = refused(images)
    assert f"line 4 differs from line 2 in {column}, and both describe 'x' ({one!r} and {other!r})" in problem
    assert [image.path.name for image in images if image.problem is None] == ["a.jpg", "b.jpg"]


def test_a_row_that_puts_one_thing_in_another_place_is_refused(read_list: ReadList) -> None:
    [problem] = refused(read_list("path,id,lat,lng\na.jpg,x,1,2\nb.jpg,x,1.5,2\n"))
    assert "line 3 differs from line 2 in lat" in problem


@pytest.mark.parametrize("again", ["a.jpg", "./a.jpg", "deep/../a.jpg"])
def test_a_path_given_twice_is_refused_the_second_time(read_list: ReadList, again: str) -> None:
    images = read_list(f"a.jpg\nb.jpg\n{again}\n")
    [problem] = refused(images)
    assert "line 3 has the same path as line 1" in problem
    assert [image.reference.id for image in images[:2]] == ["a", "b"]


def test_one_file_for_two_ids_is_refused_the_second_time_with_both_ids(read_list: ReadList) -> None:
    first, second = read_list("path,id\na.jpg,cat\na.jpg,dog\n")
    assert (first.reference.id, first.problem) == ("cat", None)
    assert "but other ids ('cat' and 'dog')" in (second.problem or "")


def test_file_names_alone_never_join_two_pictures(read_list: ReadList) -> None:
    images = read_list("/cats/front.jpg\n/dogs/front.jpg\n/cats/back.jpg\n")
    one, other = refused(images)
    assert "line 1 has the id 'front' from a file name, as line 2; write a CSV with the columns path and id" in one
    assert "line 2 has the id 'front'" in other
    assert images[2].problem is None


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("a.jpg,91,0", "has lat '91'"),
        ("a.jpg,0,-180.5", "has lng '-180.5'"),
        ("a.jpg,north,0", "has lat 'north'"),
        ("a.jpg,nan,0", "has lat 'nan'"),
        ("a.jpg,1,inf", "has lng 'inf'"),
        ("a.jpg,1,", "has only one of lat and lng"),
        ("a.jpg,n/a,1", "has only one of lat and lng"),
        ("a.jpg,1,2,3", "has 4 fields, but there are 3 columns"),
        (",1,2", "has no path"),
        ("n/a,1,2", "has no path"),
        ('"a.jpg"x,1,2', "is not a row of CSV"),
        ("a\0.jpg,1,2", "has a NUL character"),
        ("https://example.org/a.jpg,1,2", "has a URL in place of a file"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_its_line_and_the_others_are_read(
    read_list: ReadList, row: str, complaint: str
) -> None:
    images = read_list(f"# places\npath,lat,lng\nok.jpg,1,2\n{row}\nfine.jpg,3,4\n")
    [problem] = refused(images)
    assert f"list.csv: line 4 {complaint}" in problem
    assert [(image.reference.id, image.reference.latitude) for image in images if not image.problem] == [
        ("ok", 1.0), ("fine", 3.0),
    ]  # fmt: skip


def test_a_quote_that_is_never_closed_refuses_the_list_for_the_rows_behind_it_cannot_be_told_apart(
    read_list: ReadList,
) -> None:
    with pytest.raises(SetupError, match="line 2 is not a row of CSV"):
        read_list('a.jpg\n"b.jpg\nc.jpg\n')


def test_a_plain_line_with_too_many_fields_is_refused(read_list: ReadList) -> None:
    [problem] = refused(read_list("a.jpg,b,c,d,e\nb.jpg\n"))
    assert "line 1 has 5 fields" in problem
    assert "quotes" in problem


def test_a_column_named_twice_is_refused(read_list: ReadList) -> None:
    with pytest.raises(SetupError, match="line 1 has the column 'name' twice"):
        read_list("path,name,name\na.jpg,b,c\n")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "path,id\n"])
def test_a_list_that_names_nothing_is_refused(read_list: ReadList, text: str) -> None:
    with pytest.raises(SetupError, match="contains no image"):
        read_list(text)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none\.csv: no such file"):
        list(ImageList(tmp_path / "none.csv").images())


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"is a folder, not a list; .* images:"):
        list(ImageList(tmp_path).images())


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes("caf\u00e9.jpg\n".encode("latin-1"))
    with pytest.raises(SetupError, match=r"is not UTF-8 text .byte 3."):
        list(ImageList(tmp_path / "list.csv").images())


@given(text=st.text(st.characters(codec="utf-8"), max_size=80))
def test_any_text_gives_images_or_one_clear_refusal(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(text.encode())
    refusal = ""
    try:
        images = list(ImageList(file).images())
    except SetupError as error:
        images, refusal = [], str(error)
    assert images or refusal.startswith(f"{file}: ")


def test_images_of_one_reference_may_differ_in_licence_and_provenance(tmp_path: Path) -> None:
    rows = [
        "path,id,licence,provenance",
        "a/one.jpg,1,MIT,Ada",
        "../two.jpg,1,CC0-1.0,",
        "three.jpg,1,,Bo",
        "b.jpg,2,,",
    ]
    rows += ["c1.jpg,3,MIT,", "c2.jpg,3,,"]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    images = list(ImageList(tmp_path / "list.csv").images())
    assert [(each.licence, each.provenance, each.source_path) for each in images] == [
        ("MIT", "Ada", "a/one.jpg"), ("CC0-1.0", None, None), ("", "Bo", "three.jpg"), (None, None, "b.jpg"),
        ("MIT", None, "c1.jpg"), ("", None, "c2.jpg"),
    ]  # fmt: skip
    assert [each.reference.licence for each in images] == ["MIT; CC0-1.0"] * 3 + [None] + ["MIT"] * 2
    assert all("provenance" not in each.reference.attributes for each in images)


def test_many_rows_of_one_file_name_have_short_messages(read_list: ReadList) -> None:
    problems = refused(read_list("".join(f"/cats/{number}/front.jpg\n" for number in range(300))))
    assert len(problems) == 300
    assert "as lines 2, 3, 4 and 296 more; write a CSV" in problems[0]
    assert max(map(len, problems)) < 400
