"""Which proxy a URL is asked for through, by the environment's variables."""

from __future__ import annotations

import base64

import pytest

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.proxies import proxy_for

URL = "http://packs.example.org/packs.json"


def chosen(url: str, **environment: str) -> str | None:
    proxy = proxy_for(url, environment)
    return None if proxy is None else proxy.url


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        (URL, {}, None),
        (URL, {"http_proxy": "http://p:3128"}, "http://p:3128"),
        (URL, {"HTTP_PROXY": "http://p:3128/"}, "http://p:3128"),
        (URL, {"http_proxy": "p:3128"}, "http://p:3128"),
        (URL, {"http_proxy": "https://p"}, "https://p"),
        (URL, {"http_proxy": "http://[fd00::1]:3128"}, "http://[fd00::1]:3128"),
        (URL, {"https_proxy": "http://p:3128"}, None),
        (URL, {"all_proxy": "http://a:1"}, "http://a:1"),
        (URL, {"ALL_PROXY": "http://a:1", "http_proxy": "http://p:2"}, "http://p:2"),
        (URL, {"http_proxy": "http://low:1", "HTTP_PROXY": "http://up:1"}, "http://low:1"),
        (URL, {"http_proxy": "", "HTTP_PROXY": "http://up:1", "all_proxy": "http://a:1"}, None),
        (URL, {"HTTP_PROXY": "http://from-a-client:1", "REQUEST_METHOD": "GET"}, None),
        ("https://packs.example.org/", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://packs.example.org/", {"http_proxy": "http://p:3128"}, None),
    ],
)
def test_the_variable_of_the_scheme_names_the_proxy(url: str, environment: dict[str, str], proxy: str | None) -> None:
    assert chosen(url, **environment) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("*", URL),
        ("packs.example.org", URL),
        ("example.org", URL),
        (".example.org", URL),
        ("*.example.org", URL),
        ("other.org, EXAMPLE.ORG", URL),
        ("other.org example.org", URL),
        ("example.org:80", URL),
        ("packs.example.org", "http://Packs.Example.org.:8080/"),
        ("192.168.1.20", "http://192.168.1.20:8000/"),
        ("192.168.0.0/16", "http://192.168.1.20:8000/"),
        ("192.168.1.20:8000", "http://192.168.1.20:8000/"),
        ("fd00::/8", "http://[fd00::1]/"),
        ("[fd00::1]", "http://[fd00::1]/"),
    ],
)
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_no_proxy_exempts(no_proxy: str, url: str, name: str) -> None:
    assert chosen(url, http_proxy="http://p:1", **{name: no_proxy}) is None


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("", URL),
        ("ample.org", URL),
        ("example.org.evil.net", URL),
        ("example.org:8080", URL),
        ("192.168.1.2", "http://192.168.1.20/"),
        ("10.0.0.0/8", "http://192.168.1.20/"),
        ("10.0.0.0/8", "http://ten.example.org/"),
        (".", URL),
    ],
)
def test_no_proxy_exempts_nothing_else(no_proxy: str, url: str) -> None:
    assert chosen(url, http_proxy="http://p:1", no_proxy=no_proxy) == "http://p:1"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_is_never_asked_for_through_a_proxy(host: str) -> None:
    assert chosen(f"http://{host}:8000/", http_proxy="http://p:1", all_proxy="http://p:1") is None


def test_a_user_name_and_a_password_are_sent_and_never_shown() -> None:
    proxy = proxy_for(URL, {"http_proxy": "http://an%20a:s%40cret@p:1"})

    assert proxy is not None
    assert proxy.headers == {"Proxy-Authorization": f"Basic {base64.b64encode(b'an a:s@cret').decode()}"}
    assert (proxy.url, "cret" in repr(proxy)) == ("http://p:1", False)


@pytest.mark.parametrize("text", ["socks5://p:1080", "http://", "http://u:secret@p:port", "http://u:secret@[p"])
def test_what_is_no_http_proxy_is_told_without_its_password(text: str) -> None:
    with pytest.raises(SetupError, match="ALL_PROXY: ") as raised:
        proxy_for(URL, {"ALL_PROXY": text})

    assert "secret" not in str(raised.value)
