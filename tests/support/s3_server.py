"""An S3-compatible server on loopback, with a bucket that anybody may read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import Request, urlopen

import pytest

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "maker", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
_SIGNED = "AWS4-HMAC-SHA256 Credential=maker/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """The server.

    Attributes:
        endpoint: Its URL.
    """

    endpoint: str

    def ask(self, path: str, *, method: str, data: bytes = b"") -> bytes:
        headers = {"Authorization": _SIGNED, "Content-Type": "application/octet-stream"}
        with urlopen(Request(self.endpoint + path, data, headers, method=method), timeout=30) as answer:
            return bytes(answer.read())

    def make_bucket(self, name: str, *, is_public: bool) -> None:
        """Make an empty bucket, and remove all others."""
        self.ask("/moto-api/reset", method="POST")
        self.ask(f"/{name}", method="PUT")
        if is_public:
            allowed = {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{name}/*",
            }
            policy = {"Version": "2012-10-17", "Statement": [allowed]}
            self.ask(f"/{name}?policy", method="PUT", data=json.dumps(policy).encode())


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start the server, or skip the test if its library is not installed."""
    pytest.importorskip("obstore", reason="the extra buckets is not installed")
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield S3Server(endpoint=f"http://{host}:{port}")
    finally:
        server.stop()
