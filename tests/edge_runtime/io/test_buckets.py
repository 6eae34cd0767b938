"""Addresses of buckets: valid ones, refused ones, and no credentials in messages."""

from __future__ import annotations

import pytest

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io import buckets
from edge_identify.edge_runtime.io.buckets import bucket_address, check_endpoint, explained, is_of_bucket, open_bucket


def test_an_address_is_read_and_written_back() -> None:
    address = bucket_address("S3://packs/street/art/", option="--to")
    assert (address.scheme, address.bucket, address.prefix) == ("s3", "packs", "street/art")
    assert str(address) == "s3://packs/street/art"
    assert str(bucket_address("gs://packs", option="--to")) == "gs://packs"


@pytest.mark.parametrize(
    "text", ["ftp://x", "s3://", "packs", "s3:packs", "s3://packs/a?b", "s3://packs/a#b", "s3://[", "s3://packs:x"]
)
def test_what_is_no_bucket_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match=r"--to: .* is not a bucket's address; write s3://BUCKET/PREFIX"):
        bucket_address(text, option="--to")


@pytest.mark.parametrize(
    "endpoint", ["localhost:9000", "ftp://x", "http://", "http://[::1", "http://x:99999", "x", "http://x/?a"]
)
def test_what_is_no_address_of_a_server_is_refused(endpoint: str) -> None:
    with pytest.raises(SetupError, match=r"--endpoint .*: write an address such as https://"):
        check_endpoint(endpoint)


def test_credentials_in_addresses_are_refused_and_not_repeated() -> None:
    with pytest.raises(SetupError, match="must not hold credentials") as refused:
        bucket_address("s3://KEY:hidden@packs/a", option="--to")
    assert "hidden" not in str(refused.value)
    with pytest.raises(SetupError, match="must not hold credentials") as refused:
        check_endpoint("http://maker:hidden@127.0.0.1:1")
    assert "hidden" not in str(refused.value)
    assert bucket_address("s3://packs/a@b", option="--to").prefix == "a@b"


def test_a_password_in_an_address_of_the_environment_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    obstore = pytest.importorskip("obstore", reason="the extra buckets is not installed")
    _without_waiting(monkeypatch, "http://maker:hidden@127.0.0.1:1")
    address = bucket_address("s3://packs", option="--to")
    with pytest.raises(obstore.exceptions.BaseError) as failed:
        obstore.head(open_bucket(address), "a")
    assert "hidden" in str(failed.value)
    said = str(explained(failed.value, address, verb="used", to_do="read"))
    assert "127.0.0.1:1" in said
    assert "hidden" not in said


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_address_of_the_environment_that_is_none_is_an_error_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    obstore = pytest.importorskip("obstore", reason="the extra buckets is not installed")
    _without_waiting(monkeypatch, "localhost:9000")
    address = bucket_address("s3://packs", option="--to")
    with pytest.raises(BaseException, match="InvalidUri") as failed:
        obstore.head(open_bucket(address), "a")
    assert not isinstance(failed.value, Exception)
    assert is_of_bucket(failed.value)
    assert "AWS_ENDPOINT_URL" in str(explained(failed.value, address, verb="used", to_do="read"))


def test_errors_of_the_disk_and_of_python_are_not_the_bucket_s() -> None:
    pytest.importorskip("obstore", reason="the extra buckets is not installed")
    assert not is_of_bucket(OSError(28, "No space left on device"))
    assert not is_of_bucket(KeyboardInterrupt())


def _without_waiting(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setattr(buckets, "_RETRIES", {"max_retries": 0})
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "maker")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
