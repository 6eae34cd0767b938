"""Publishing into a bucket: devices sync from it, nothing is sent twice, and no concurrent publish is lost."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest

from edge_identify.edge_runtime.cli.main import main as identify
from edge_identify.edge_runtime.errors import PackDamagedError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, PAGE_NAME, blob_path
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.cli.main import main
from edge_identify.sync_server.publishing.bucket_objects import Bucket
from edge_identify.sync_server.publishing.bucket_tree import BucketTree
from edge_identify.sync_server.publishing.publish import PublishReport, publish_into
from golden_packs import PHOTOS, golden_answers, golden_pack
from s3_server import S3Server

obstore = pytest.importorskip("obstore", reason="the extra buckets is not installed")

SmallPack = Callable[..., Path]
NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
GOLDEN = Path(__file__).parents[2] / "golden"
ADDRESS = "s3://packs/street"


def tree(s3: S3Server) -> BucketTree:
    return BucketTree(Bucket(ADDRESS, endpoint=s3.endpoint))


def published(s3: S3Server, pack: Path) -> PublishReport:
    return publish_into(pack, tree(s3), now_utc=NOW)


def objects(s3: S3Server) -> dict[str, bytes]:
    bucket = Bucket("s3://packs", endpoint=s3.endpoint)
    found = [meta["path"] for page in obstore.list(bucket._store) for meta in page]
    return {path: bytes(obstore.get(bucket._store, path).bytes()) for path in found}


def test_a_device_syncs_from_the_address_of_the_bucket_and_identifies(
    s3: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = "format-1-with-signs"
    assert main(["publish", "--pack", str(golden_pack(form)), "--to", ADDRESS, "--endpoint", s3.endpoint]) == 0
    assert f"published colours 1.0.0 into {ADDRESS}: " in capsys.readouterr().out
    store = ["--store", str(tmp_path / "store")]
    assert identify(["sync", f"{s3.endpoint}/packs/street/", "--unsigned", *store]) == 0
    capsys.readouterr()
    assert identify([str(golden_pack(form) / PHOTOS[1]), "--json", *store]) == 0
    answer = json.loads(capsys.readouterr().out)["answers"][0]
    assert answer["matches"][0]["id"] == golden_answers(form)[PHOTOS[1]][0][0]


def test_a_large_file_is_sent_in_parts_and_arrives_whole(s3: S3Server, small_pack: SmallPack, tmp_path: Path) -> None:
    data = bytes(range(256)) * 2**16  # 16 MiB, beyond what is sent at once
    published(s3, small_pack(tmp_path / "pack", payload={"index.faiss": data}))
    assert objects(s3)[f"street/{blob_path(sha256_of_bytes(data))}"] == data


def test_objects_say_what_they_are_and_how_long_they_may_be_kept(
    s3: S3Server, small_pack: SmallPack, tmp_path: Path
) -> None:
    said = {}
    put = obstore.put

    def noting(store: Any, path: str, data: Any, **options: Any) -> Any:
        said[path] = tuple(options["attributes"].values())
        return put(store, path, data, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(obstore, "put", noting)
        published(s3, small_pack(tmp_path / "pack"))
    immutable = "public, max-age=31536000, immutable"
    assert list(said)[-2:] == [PAGE_NAME, LISTING_NAME]  # the listing last
    assert said.pop(LISTING_NAME) == ("application/json", "no-cache")
    assert said.pop(PAGE_NAME) == ("text/html; charset=utf-8", "no-cache")
    assert said.pop("manifests/street-art/1.0.0.json") == ("application/json", immutable)
    assert set(said.values()) == {("application/octet-stream", immutable)}


def test_what_lies_there_is_not_sent_again(s3: S3Server, small_pack: SmallPack, tmp_path: Path) -> None:
    first = published(s3, small_pack(tmp_path / "pack"))
    assert (first.is_new, first.copied_files, first.reused_files) == (True, 5, 0)
    before = objects(s3)
    again = published(s3, tmp_path / "pack")
    assert (again.is_new, again.copied_files, again.reused_files) == (False, 0, 5)
    assert objects(s3) == before
    new = published(s3, small_pack(tmp_path / "new", version="1.1.0", payload={"index.faiss": b"more"}))
    assert (new.copied_files, new.copied_bytes, new.reused_files) == (1, 4, 4)


def test_a_publish_that_is_cut_off_lists_nothing_and_goes_on_where_it_was(
    s3: S3Server, small_pack: SmallPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(s3, small_pack(tmp_path / "old", name="old"))
    pack = small_pack(tmp_path / "pack", payload={f"file-{n}": bytes([n] * 9) for n in range(4)})
    put, sent = obstore.put, list[str]()
    for _ in range(3):
        calls = itertools.count(1)

        def cut(store: Any, path: str, data: Any, _calls: Any = calls, **options: Any) -> Any:
            if next(_calls) > 1:  # each run sends one file
                raise KeyboardInterrupt
            sent.append(path)
            return put(store, path, data, **options)

        monkeypatch.setattr(obstore, "put", cut)
        with pytest.raises(KeyboardInterrupt):
            published(s3, pack)
        assert list(tree(s3).listing().packs) == ["old"]
    monkeypatch.setattr(obstore, "put", put)
    report = published(s3, pack)
    assert report.is_new
    assert len(sent) == len(set(sent)), "nothing was sent twice"
    assert len(sent) == 3
    assert report.copied_files == 1  # the fourth
    assert list(tree(s3).listing().packs) == ["old", "street-art"]


def test_what_another_publishes_meanwhile_is_not_lost(s3: S3Server, small_pack: SmallPack, tmp_path: Path) -> None:
    mine, other = small_pack(tmp_path / "mine", name="mine"), small_pack(tmp_path / "other", name="other")

    class Interrupted(BucketTree):
        def write_page(self, data: bytes) -> None:
            super().write_page(data)
            if "other" not in tree(s3).listing().packs:
                published(s3, other)

    assert publish_into(mine, Interrupted(Bucket(ADDRESS, endpoint=s3.endpoint)), now_utc=NOW).is_new
    assert list(tree(s3).listing().packs) == ["mine", "other"]
    page = objects(s3)[f"street/{PAGE_NAME}"].decode()
    assert "mine" in page
    assert "other" in page


def test_of_many_publishes_at_once_none_is_lost(s3: S3Server, small_pack: SmallPack, tmp_path: Path) -> None:
    names = [f"pack-{n}" for n in range(6)]
    packs = [small_pack(tmp_path / name, name=name) for name in names]
    threads = [threading.Thread(target=published, args=[s3, pack]) for pack in packs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(tree(s3).listing().packs) == names


def test_versions_are_immutable_there_too(s3: S3Server, small_pack: SmallPack, tmp_path: Path) -> None:
    published(s3, small_pack(tmp_path / "pack"))
    before = objects(s3)
    with pytest.raises(SetupError, match=r"versions are immutable: build with --version 1\.1\.0"):
        published(s3, small_pack(tmp_path / "other", payload={"index.faiss": b"other"}))
    assert objects(s3) == before
    assert tree(s3).listing().packs["street-art"].newest.version == PackVersion(1, 0, 0)


def test_of_two_contents_of_one_version_at_once_the_first_stays_whole(
    s3: S3Server, small_pack: SmallPack, tmp_path: Path
) -> None:
    mine, other = small_pack(tmp_path / "mine"), small_pack(tmp_path / "other", payload={"index.faiss": b"other"})

    class Overtaken(BucketTree):
        def add_blob(self, source: Path, entry: FileEntry) -> bool:
            if not tree(s3).listing().packs:
                published(s3, other)
            return super().add_blob(source, entry)

    with pytest.raises(SetupError, match="versions are immutable"):
        publish_into(mine, Overtaken(Bucket(ADDRESS, endpoint=s3.endpoint)), now_utc=NOW)
    assert objects(s3)["street/manifests/street-art/1.0.0.json"] == (other / MANIFEST_NAME).read_bytes()


def test_a_manifest_that_another_has_put_there_and_not_listed_yet_is_left_alone(
    s3: S3Server, small_pack: SmallPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = small_pack(tmp_path / "other", payload={"index.faiss": b"other"})

    def cut(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(BucketTree, "write_page", cut)
        with pytest.raises(KeyboardInterrupt):
            published(s3, other)
    before = objects(s3)["street/manifests/street-art/1.0.0.json"]
    with pytest.raises(SetupError, match="has written other content"):
        published(s3, small_pack(tmp_path / "mine"))
    assert objects(s3)["street/manifests/street-art/1.0.0.json"] == before
    assert published(s3, other).is_new


def test_a_damaged_manifest_is_repaired_by_publishing_again(
    s3: S3Server, small_pack: SmallPack, tmp_path: Path
) -> None:
    pack = small_pack(tmp_path / "pack")
    published(s3, pack)
    s3.ask("/packs/street/manifests/street-art/1.0.0.json", method="PUT", data=b"{}")
    assert not published(s3, pack).is_new
    assert objects(s3)["street/manifests/street-art/1.0.0.json"] == (pack / MANIFEST_NAME).read_bytes()


def test_a_file_that_was_changed_meanwhile_is_not_sent(
    s3: S3Server, small_pack: SmallPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = small_pack(tmp_path / "pack")
    monkeypatch.setattr(
        "edge_identify.sync_server.publishing.publish.verify_pack_files",
        lambda folder, _: (folder / "index.faiss").write_bytes(b"vectorz"),
    )
    with pytest.raises(PackDamagedError, match=r"index\.faiss: was changed while it was published"):
        published(s3, pack)
    assert LISTING_NAME not in objects(s3)


class Refusing(BaseHTTPRequestHandler):
    """Answers like S3 for wrong credentials."""

    def do_GET(self) -> None:
        data = b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.usefixtures("s3")
def test_wrong_credentials_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        words = ["publish", "--pack", str(GOLDEN / "format-1-first"), "--to", ADDRESS, "--endpoint", endpoint]
        assert main(words) == ExitCode.SETUP
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    (line,) = capsys.readouterr().err.splitlines()
    assert "refuses the credentials" in line
    assert "AWS_ACCESS_KEY_ID" in line


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("s3://nowhere/packs", "there is no bucket 'nowhere'"),
        ("ftp://packs", "write s3://BUCKET/PREFIX"),
        ("s3://", "write s3://BUCKET/PREFIX"),
        ("packs", "write s3://BUCKET/PREFIX"),
    ],
)
def test_an_address_that_is_no_bucket_is_one_line(
    s3: S3Server, to: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = str(GOLDEN / "format-1-first")
    assert main(["publish", "--pack", pack, "--to", to, "--endpoint", s3.endpoint]) == ExitCode.SETUP
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.usefixtures("s3")
def test_an_endpoint_without_its_scheme_is_one_line_for_publish_and_run(
    small_pack: SmallPack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--endpoint", "localhost:9000"]
    for words in (
        ["publish", "--pack", str(small_pack(tmp_path / "pack")), "--to", ADDRESS],
        ["run", "--bucket", ADDRESS],
    ):
        assert main([*words, *where]) == ExitCode.SETUP
        (line,) = capsys.readouterr().err.splitlines()
        assert "--endpoint localhost:9000: write an address such as https://" in line


def test_an_endpoint_without_a_bucket_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["publish", "--pack", "x", "--repo", str(tmp_path), "--endpoint", "http://127.0.0.1:1"]
    assert main(words) == ExitCode.SETUP
    assert "--to" in capsys.readouterr().err


@pytest.mark.usefixtures("s3")
def test_a_server_that_cannot_be_reached_is_a_fault_of_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_identify.edge_runtime.io.buckets._RETRIES", {"max_retries": 0})
    words = [
        "publish",
        "--pack",
        str(GOLDEN / "format-1-first"),
        "--to",
        ADDRESS,
        "--endpoint",
        "http://127.0.0.1:1",
    ]
    assert main(words) == ExitCode.NETWORK


def test_operations_are_counted_by_their_outcome(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = list[tuple[str, str]]()
    bucket = Bucket(ADDRESS, endpoint=s3.endpoint, count=lambda *one: counted.append(one))
    assert bucket.read("nothing", max_bytes=9) is None
    assert bucket.length("nothing") is None
    bucket.write("some", b"123", content_type="text/plain", cache_control="no-cache")
    found = bucket.read("some", max_bytes=2)
    assert found is not None
    assert found.data == b"123"

    def broken(*_: object, **__: object) -> NoReturn:
        raise obstore.exceptions.GenericError("no")

    monkeypatch.setattr(obstore, "head", broken)
    with pytest.raises(Exception, match="cannot be used"):
        bucket.length("some")
    expected = ["get success", "head success", "put success", "get success", "head failure"]
    assert [" ".join(one) for one in counted] == expected


def test_a_bucket_is_signed_and_a_device_checks_it(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGE_KEYS_PASSPHRASE", "of the test")
    keys = tmp_path / "keys"
    place = ["--to", ADDRESS, "--endpoint", s3.endpoint, "--keys", str(keys)]
    assert main(["init", *place]) == 0
    assert main(["publish", "--pack", str(golden_pack("format-1-with-signs")), *place]) == 0
    assert main(["refresh", "--force", *place]) == 0
    url, store = f"{s3.endpoint}/packs/street/", ["--store", str(tmp_path / "store")]
    assert identify(["trust", url, "--root", str(keys / "root.json"), *store]) == 0
    assert identify(["sync", url, *store]) == 0
    capsys.readouterr()
    assert identify(["packs", *store]) == 0
    assert ", signed, as of " in capsys.readouterr().out
    assert not [path for path in objects(s3) if path.endswith((".pem", "keys.json"))]
