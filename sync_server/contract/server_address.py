"""The public address of this server, as its clients reach it, and the host names that are its own.

Security: a web page may point its own host name at this machine (DNS rebinding) and then read the service's answers as
if they were its own. Browsers send that name in `Host`. A server that listens on loopback refuses names that are not
its own; every server keeps them out of the addresses in answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import current_app, request

PUBLIC_URL = "PUBLIC_URL"  # Flask config key: see `Settings.public_url`
HOST_NAMES = "HOST_NAMES"  # Flask config key: a `HostNames`
ANY_HOST = "*"
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]{1,253})(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNames:
    """The host names of a server.

    Attributes:
        listed: Names that the operator listed, in lower case; `*` for any.
        refuses_others: Whether requests with other names are refused.
    """

    listed: frozenset[str]
    refuses_others: bool

    @classmethod
    def of(cls, *, host: str, public_url: str, allowed: str) -> HostNames:
        """Return the names of a server.

        Args:
            host: The address that it listens on.
            public_url: As `Settings.public_url`.
            allowed: As `Settings.allowed_hosts`.
        """
        names = {name.strip().lower() for name in allowed.split(",")} - {""}
        public = (urlsplit(public_url).hostname or "").lower()
        return cls(
            listed=frozenset(names | {host.lower(), public} - {""}),
            refuses_others=bool(names) or is_loopback(host),
        )

    def are_own(self, host: str) -> bool:
        """Return whether a `Host` header names this server: a listed name, `localhost`, or an IP address.

        A page cannot use an IP address for DNS rebinding: it has the address of its own server.
        """
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match["name"].strip("[]").rstrip(".").lower()
        return ANY_HOST in self.listed or name in self.listed or name == "localhost" or _is_address(name)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to an address."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def server_address() -> str:
    """Return the address, without a slash at its end: the configured one, or the one of the current request."""
    return str(current_app.config[PUBLIC_URL] or request.host_url).rstrip("/")


def address_in_answers() -> str:
    """Return `server_address`, or nothing if `Host` is none of this server's names: addresses are then relative."""
    names: HostNames = current_app.config[HOST_NAMES]
    return server_address() if current_app.config[PUBLIC_URL] or names.are_own(request.host) else ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
