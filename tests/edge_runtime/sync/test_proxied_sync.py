"""A sync where a proxy is the only way out."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.sync.http_download import HttpServer
from forward_proxy import ForwardProxy, forward_proxy

NAME = "packs.invalid"  # RFC 6761: no resolver knows it


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/packs.json").write_bytes(b"{}")
    return tmp_path / "tree"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def serving(tree: Path, context: ssl.SSLContext | None = None) -> Iterator[tuple[str, int]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tree))) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield ("127.0.0.1", server.server_port)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def proxy(tree: Path) -> Iterator[ForwardProxy]:
    with serving(tree) as address, forward_proxy({NAME: address}) as running:
        yield running


def fetched(url: str) -> bytes:
    server = HttpServer(url, sleep=lambda _: None, read_timeout_s=5)
    try:
        return server.fetch_document("packs.json", max_bytes=100)
    finally:
        server.close()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_name_that_only_the_proxy_knows_is_fetched_from(
    variable: str, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://{proxy.address}")

    assert fetched(f"http://{NAME}") == b"{}"
    assert proxy.asked == [f"GET http://{NAME}/packs.json"]


def test_user_name_and_password_of_the_proxy_are_sent(proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.password_needed = "Basic bWU6czNjcmV0"  # me:s3cret
    monkeypatch.setenv("http_proxy", f"http://me:s3cret@{proxy.address}")
    assert fetched(f"http://{NAME}") == b"{}"

    monkeypatch.setenv("http_proxy", f"http://me:wr0ng@{proxy.address}")
    with pytest.raises(NetworkError, match="the proxy asks for a user name and a password") as raised:
        fetched(f"http://{NAME}")
    assert "wr0ng" not in str(raised.value)


def test_no_proxy_and_this_machine_are_asked_directly(
    proxy: ForwardProxy, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
    monkeypatch.setenv("no_proxy", "invalid")

    with pytest.raises(NetworkError, match=f"no server named {NAME} was found"):
        fetched(f"http://{NAME}")
    with serving(tree) as (host, port):
        assert fetched(f"http://{host}:{port}") == b"{}"
    assert proxy.asked == []


def test_a_proxy_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("https_proxy", f"http://me:s3cret@{address}")

        with pytest.raises(NetworkError) as raised:
            fetched(f"https://{NAME}")

    assert f"the proxy http://{address} of https_proxy does not lead to {NAME}" in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_proxy_that_is_none_ends_the_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://me:s3cret@127.0.0.1:1080")

    assert main(["sync", f"http://{NAME}/", "--store", str(tmp_path / "store")]) == 8

    said = capsys.readouterr().err
    assert "http_proxy: names a socks5 proxy, which is not supported" in said
    assert "s3cret" not in said


def test_https_goes_through_a_tunnel(tree: Path, server_side: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tree, server_side) as address, forward_proxy({NAME: address}) as proxy:
        proxy.password_needed = "Basic bWU6czNjcmV0"
        monkeypatch.setenv("https_proxy", f"http://me:s3cret@{proxy.address}")

        assert fetched(f"https://{NAME}") == b"{}"

        assert proxy.asked == [f"CONNECT {NAME}:443"]


@pytest.fixture
def server_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The TLS of a server named `NAME`, whose certificate this process trusts."""
    pem = _certificate()
    (tmp_path / "server.pem").write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


def _certificate() -> bytes:
    x509: Any = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return bytes(private + certificate.public_bytes(encoding))
