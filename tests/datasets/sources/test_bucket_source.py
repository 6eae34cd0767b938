"""`s3://` against an S3-compatible server on loopback."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from misbehaving_server import drawn_image

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources.bucket_source import BucketImages
from edge_identify.datasets.sources.fetching.image_cache import ImageCache
from edge_identify.edge_runtime.errors import NetworkError, SetupError
from edge_identify.edge_runtime.io import buckets
from edge_identify.edge_runtime.io.buckets import bucket_address

obstore = pytest.importorskip("obstore", reason="the extra buckets is not installed")
moto = pytest.importorskip("moto.server", reason="moto is not installed")
s3_models = pytest.importorskip("moto.s3.models", reason="moto is not installed")

DEFAULT_ACCOUNT_ID = "123456789012"  # moto's, for any access key
PAGE = 1000  # objects that S3 lists at once

ReadBucket = Callable[..., BucketImages]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _empty_server_and_credentials(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(endpoint, "/moto-api/reset", method="POST")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "maker")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


def ask(endpoint: str, path: str, *, method: str, data: bytes = b"") -> None:
    signed = "AWS4-HMAC-SHA256 Credential=maker/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"Authorization": signed, "Content-Type": "application/octet-stream"}
    urllib.request.urlopen(urllib.request.Request(endpoint + path, data, headers, method=method)).close()


def fill(endpoint: str, *keys: str) -> None:
    ask(endpoint, "/pics", method="PUT")
    for at, key in enumerate(keys):
        ask(endpoint, f"/pics/{quote(key)}", method="PUT", data=drawn_image(at))


def fill_at_once(endpoint: str, keys: Iterable[str]) -> None:
    """As `fill`, but past HTTP: a request for each of a thousand objects takes most of a minute."""
    ask(endpoint, "/pics", method="PUT")
    for at, key in enumerate(keys):
        s3_models.s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object("pics", key, drawn_image(at))


@pytest.fixture
def read(endpoint: str, tmp_path: Path) -> ReadBucket:
    def make(address: str = "s3://pics", **settings: Any) -> BucketImages:
        return BucketImages(
            bucket_address(address, option="source"), ImageCache(tmp_path / "pictures"), endpoint=endpoint, **settings
        )

    return make


def test_images_have_their_folder_as_namespace_and_say_where_they_lie(endpoint: str, read: ReadBucket) -> None:
    fill(endpoint, "top.png", "art/nature/1 cat.PNG", "art/b.jpg", "art/notes.txt", "art/.hidden.png")
    images = {image.reference.id: image for image in read().images()}
    assert list(images) == ["art/b", "art/nature/1 cat", "top"]
    cat = images["art/nature/1 cat"]
    assert (cat.reference.namespace, cat.reference.name, cat.file_name) == ("art/nature", "1 cat", "1 cat.PNG")
    assert cat.origin == "s3://pics/art/nature/1 cat.PNG"
    assert cat.reference.attributes == {
        "image_url": f"{endpoint}/pics/art/nature/1%20cat.PNG",
        "s3_path": "s3://pics/art/nature/1 cat.PNG",
    }
    assert images["top"].reference.namespace == ""
    assert cat.path.read_bytes() == drawn_image(1)


def test_below_a_prefix_ids_and_namespaces_begin_there(endpoint: str, read: ReadBucket) -> None:
    fill(endpoint, "art/nature/1.png", "arts/2.png")
    [image] = read("s3://pics/art/").images()
    assert (image.reference.id, image.reference.namespace) == ("nature/1", "nature")
    assert image.origin == "s3://pics/art/nature/1.png"


def test_a_bucket_of_more_images_than_a_page_lists_is_listed_to_its_end_and_read_once(
    endpoint: str, read: ReadBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_at_once(endpoint, (f"{at:04}.png" for at in range(PAGE + 5)))
    assert len(list(read().images())) == PAGE + 5
    ask(endpoint, "/pics/0007.png", method="PUT", data=drawn_image(9999))
    asked, get = list[str](), obstore.get

    def watched(store: Any, key: str) -> Any:
        asked.append(key)
        return get(store, key)

    monkeypatch.setattr(obstore, "get", watched)
    assert all(image.problem is None for image in read().images())
    assert asked == ["0007.png"]


def test_a_bucket_that_is_emptied_while_it_is_read_loses_images_and_says_which(endpoint: str, read: ReadBucket) -> None:
    fill(endpoint, "a.png", "b.png")

    bucket = read()
    store = buckets.open_bucket(bucket.address, endpoint=endpoint)
    listed = bucket._list(store)
    ask(endpoint, "/pics/b.png", method="DELETE")
    problems = bucket._read(store, listed)
    assert list(problems) == ["b.png"]
    assert "s3://pics/b.png: was deleted after the bucket was listed" in problems["b.png"]


def test_an_object_that_is_too_large_is_not_read(
    endpoint: str, read: ReadBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(endpoint, "a.png")
    monkeypatch.setattr("edge_identify.datasets.sources.bucket_source._MAX_BYTES", 20)
    [image] = read().images()
    assert "the limit" in (image.problem or "")
    assert not image.path.exists()


def test_a_missing_bucket_is_named(read: ReadBucket) -> None:
    with pytest.raises(SetupError, match="s3://pics: there is no bucket 'pics'"):
        list(read().images())


def test_a_bucket_without_images_is_refused(endpoint: str, read: ReadBucket) -> None:
    fill(endpoint, "notes.txt")
    with pytest.raises(SetupError, match="contains no image"):
        list(read().images())


def test_two_pictures_of_one_id_are_refused_and_the_others_are_read(endpoint: str, read: ReadBucket) -> None:
    fill(endpoint, "a.png", "a.jpg", "b.png")
    one, other, third = read().images()
    assert "s3://pics/a.jpg: has the id 'a', as s3://pics/a.png; rename one" in (one.problem or "")
    assert "s3://pics/a.png: has the id 'a'" in (other.problem or "")
    assert (third.reference.id, third.problem) == ("b", None)
    assert not one.path.exists()


@pytest.mark.parametrize(
    ("odd", "shown", "why"),
    [
        ("raw//3.png", "raw//3.png", "an empty part"),
        ("x/../y.png", "x/../y.png", "a part . or .."),
        ("./y.png", "./y.png", "a part . or .."),
        ("a\tb.png", "a\tb.png", "a control character"),
    ],
)
def test_one_odd_key_is_refused_and_all_others_are_read(
    endpoint: str, read: ReadBucket, odd: str, shown: str, why: str
) -> None:
    others = [" first.png", "(1).png", "0.png", "raw/caf\u00e9 %41+&.png", "z/\u00fc.png"]
    fill(endpoint, *others, odd)
    images = {image.origin or "": image for image in read().images()}
    refused = images.pop(f"s3://pics/{shown}")
    assert why in (refused.problem or "")
    assert sorted(images) == sorted(f"s3://pics/{key}" for key in others)
    assert all(image.problem is None and image.path.is_file() for image in images.values())
    # moto lists without credentials, but shows no object.
    assert {image.origin for image in read(is_anonymous=True).images()} == {*images, refused.origin}


def test_an_odd_key_behind_a_thousand_others_and_below_a_prefix(endpoint: str, read: ReadBucket) -> None:
    fill_at_once(endpoint, (*(f"art/{at:04}.png" for at in range(PAGE + 5)), "art/a//b.png", "elsewhere//c.png"))
    problems = [image.problem for image in read("s3://pics/art").images()]
    assert len(problems) == PAGE + 6
    assert [problem for problem in problems if problem] == [
        "s3://pics/art/a//b.png: the key has an empty part (it begins or ends with /, or has //); rename it"
    ]


@pytest.mark.parametrize("odd", ["/a.png", "b.png/"])
def test_a_key_with_a_slash_at_its_end_is_not_only_said_to_be_gone(endpoint: str, read: ReadBucket, odd: str) -> None:
    fill(endpoint, "good.png", odd)
    [problem] = [image.problem for image in read().images() if image.problem]
    assert "or its key begins or ends with /" in problem


def test_litter_and_excluded_objects_are_passed_over_and_counted(endpoint: str, read: ReadBucket) -> None:
    fill(endpoint, "a.png", "@eaDir/1.png", "@eaDir/2.png", "x/._a.png", "small/b.png", "notes.txt")
    bucket = read(exclude=("small",))
    assert [image.reference.id for image in bucket.images()] == ["a"]
    told = str(bucket.passed_over)
    assert "2 of a storage system or a waste basket" in told
    assert "1 excluded (small)" in told
    assert "1 no image by its ending (.txt)" in told


def test_wrong_credentials_are_told_with_what_to_do(
    endpoint: str, read: ReadBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(endpoint, "a.png")
    ask(endpoint, "/moto-api/reset-auth", method="POST", data=b"0")  # from now on credentials are looked at
    try:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone-else")
        with pytest.raises(SetupError, match="refuses the credentials, or there are none; set AWS_ACCESS_KEY_ID"):
            list(read().images())
    finally:
        ask(endpoint, "/moto-api/reset-auth", method="POST", data=b"Infinity")


def test_without_credentials_the_command_says_which_are_needed(
    endpoint: str, read: ReadBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(endpoint, "a.png")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")  # no role of this machine is asked
    monkeypatch.setattr(buckets, "_RETRIES", {"max_retries": 0})
    with pytest.raises(SetupError, match=r"or there are none; set AWS_ACCESS_KEY_ID .* --anonymous"):
        list(read().images())
    assert len(list(read(is_anonymous=True).images())) == 1


def test_a_server_that_is_not_there_is_a_network_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_RETRIES", {"max_retries": 0})
    bucket = BucketImages(
        bucket_address("s3://pics", option="source"), ImageCache(tmp_path), endpoint="http://127.0.0.1:9"
    )
    with pytest.raises(NetworkError, match="cannot be listed"):
        list(bucket.images())


def test_the_command_adds_a_bucket(endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(endpoint, "art/1.png", "art/2.png")
    ask(endpoint, "/pics/art/broken.png", method="PUT", data=b"no picture")
    command = ["add", "s3://pics/art", "--catalogue", str(tmp_path / "c.db"), "--endpoint", endpoint, "--json"]
    assert main(command) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["added"] == 2
    assert "skipped: s3://pics/art/broken.png" in shown.err
    with Catalogue.open_existing(tmp_path / "c.db") as catalogue:
        assert [reference.id for reference in catalogue.references()] == ["1", "2"]


def test_options_of_buckets_are_refused_for_other_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["add", f"images:{tmp_path}", "--anonymous", "--catalogue", str(tmp_path / "c.db")]) == 8
    assert "--endpoint and --anonymous are for buckets" in capsys.readouterr().err
