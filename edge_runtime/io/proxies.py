"""The HTTP proxies that the environment names: `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`.

The rules are curl's, with one of Go's: this machine's own loopback addresses are never asked for through a proxy, which
would look for them on its own machine.

Traps:
- A proxy's address may hold a user name and a password. Neither may reach a message or a log.
- In a CGI program, a client sets `HTTP_PROXY` by sending the header `Proxy`; see `_setting`.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager

_SEPARATORS = re.compile(r"[\s,]+")
_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy.

    Attributes:
        url: Its URL, without user name and password.
        headers: What it is sent, beside the request: the user name and password, if there are any.
        variable: The environment variable that names it, for messages.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False, hash=False)
    variable: str


def proxy_for(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy through which a URL is asked for; None for none.

    Args:
        url: An http or https URL.
        environment: The environment's variables. Lower-case names take precedence; an empty value means no proxy.

    Raises:
        SetupError: The variable holds no address of an HTTP proxy.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if _is_loopback(host) or _is_exempt(host, parts, environment):
        return None
    for scheme in (parts.scheme, "all"):
        found = _setting(f"{scheme}_proxy", environment)
        if found is not None:
            variable, text = found
            return _proxy(text, variable) if text else None
    return None


class ProxiedConnections:
    """Connection pools of urllib3 that send each request directly or through the environment's proxy. Thread-safe."""

    def __init__(
        self,
        direct: PoolManager,
        through: Callable[[Proxy], ProxyManager],
        environment: Mapping[str, str],
        *,
        check_before_proxy: Callable[[str], None] = lambda _url: None,
    ) -> None:
        """Prepare the connections. No request is sent yet.

        Args:
            direct: The connections without a proxy.
            through: Makes the connections through a proxy.
            environment: The environment's variables.
            check_before_proxy: Called with each URL that a proxy is asked for; it may raise an error.
        """
        self._direct, self._make, self._environment = direct, through, environment
        self._check_before_proxy = check_before_proxy
        self._through: dict[Proxy, ProxyManager] = {}

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of every request."""
        return self._direct.headers

    def request(self, method: str, url: str, **options: Any) -> BaseHTTPResponse:
        """Send a request; see `urllib3.PoolManager.request`.

        Raises:
            SetupError: As `proxy_for`.
            Exception: What `check_before_proxy` raises.
            urllib3.exceptions.HTTPError: No answer came.
        """
        proxy = proxy_for(url, self._environment)
        if proxy is None:
            return self._direct.request(method, url, **options)
        self._check_before_proxy(url)
        if proxy not in self._through:
            self._through.setdefault(proxy, self._make(proxy))
        return self._through[proxy].request(method, url, **options)

    def clear(self) -> None:
        """Close the open connections."""
        for connections in (self._direct, *self._through.values()):
            connections.clear()


def proxy_problem(error: Exception, url: str, environment: Mapping[str, str]) -> str:
    """Return what to say if the proxy of a URL could not be used.

    Args:
        error: urllib3's `ProxyError`.
        url: The URL that was asked for.
        environment: The environment's variables.
    """
    proxy = proxy_for(url, environment)
    reason = " ".join(str(getattr(error, "original_error", error)).split())[:200]
    named = "the proxy" if proxy is None else f"the proxy {proxy.url} of {proxy.variable}"
    return f"{named} does not lead to {urlsplit(url).netloc} ({reason})"


def _setting(name: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    if name in environment:
        return name, environment[name].strip()
    upper = name.upper()
    if upper not in environment or (upper == "HTTP_PROXY" and "REQUEST_METHOD" in environment):
        return None
    return upper, environment[upper].strip()


def _proxy(text: str, variable: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:  # the text may hold a password: it is not shown
        raise SetupError(f"{variable}: is not the address of a proxy; write http://HOST:PORT") from error
    host = parts.hostname or ""
    if parts.scheme not in _SCHEMES:
        raise SetupError(
            f"{variable}: names a {parts.scheme} proxy, which is not supported; name an HTTP proxy, or unset it"
        )
    if not host:
        raise SetupError(f"{variable}: is not the address of a proxy; write http://HOST:PORT")
    named = f"[{host}]" if ":" in host else host
    return Proxy(url=f"{parts.scheme}://{named}{port}", headers=_authorization(parts), variable=variable)


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address is not None else host == "localhost" or host.endswith(".localhost")


def _is_exempt(host: str, parts: SplitResult, environment: Mapping[str, str]) -> bool:
    found = _setting("no_proxy", environment)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return any(_covers(entry.lower(), host, port) for entry in _SEPARATORS.split(found[1] if found else "") if entry)


def _covers(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of `no_proxy` covers a host: `*`, an address, a network, or a name and all below it."""
    if entry == "*":
        return True
    address, network = _address(host), _network(entry.strip("[]"))
    if address is not None and network is not None:
        return address in network
    name, colon, digits = entry.rpartition(":")
    if colon and digits.isdigit():
        if int(digits) != port:
            return False
        return _covers(name, host, port)
    name = entry.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
