"""Which IP addresses may be connected to (protection against server-side request forgery).

Checking the name in a URL is not enough: a name may resolve to any address, to another one a second later (DNS
rebinding), and a redirect may lead anywhere. So every connection resolves the name once, checks the address, and
connects to that address. A list of URLs then cannot reach the maker's router, cloud metadata service or own machine.

Through a proxy, the proxy resolves the name and connects, so that only a part can be checked here; see
`problem_before_proxy`.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator

from edge_identify.edge_runtime.errors import NetworkError

LookUp = Callable[[str, int], list[str]]
MayConnect = Callable[[str], bool]

#: IPv6 networks with an IPv4 address in the last 32 bits. Translators send their packets to that address.
_WRAPPING = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # NAT64 of one network, RFC 8215
    ipaddress.IPv6Network("::ffff:0:0:0/96"),  # SIIT, RFC 2765
)
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291, deprecated

#: What `ipaddress` of Python 3.11 calls global and no public server has. The rest of IANA's registries of special
#: addresses is in `is_global`.
_NOT_PUBLIC = (
    ipaddress.ip_network("192.0.0.0/24"),  # RFC 6890, and Oracle's metadata
    ipaddress.ip_network("192.88.99.0/24"),  # relays of 6to4, RFC 7526
    ipaddress.ip_network("64:ff9b:1::/48"),  # RFC 8215
    ipaddress.ip_network("3fff::/20"),  # documentation, RFC 9637
    ipaddress.ip_network("5f00::/16"),  # segment routing, RFC 9602
)

_CLOUD_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        # Amazon, Google, Alibaba, Azure, by their manuals; others use link-local addresses, mostly 169.254.169.254
        ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)


class PrivateAddressError(NetworkError):
    """A host name resolves to addresses that are not permitted."""


def look_up(host: str, port: int) -> list[str]:
    """Resolve a host name; return its IP addresses in the system's order.

    Raises:
        OSError: It cannot be resolved.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "no possible host name") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Return whether an IP address is public. IPv4 addresses embedded in IPv6 must be public too."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(_is_public(each) for each in (ip, *_wrapped(ip)))


def is_public_or_own(address: str) -> bool:
    """Return whether an IP address is permitted with `--allow-private`.

    Link-local addresses and cloud metadata services are not: they give out a machine's credentials.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not any(each.is_link_local or each in _CLOUD_METADATA for each in (ip, *_wrapped(ip)))


def address_to_connect_to(host: str, port: int, *, resolve: LookUp, may_connect: MayConnect) -> str:
    """Return the first permitted IP address of a host.

    Raises:
        PrivateAddressError: No address is permitted.
        OSError: The name cannot be resolved.
    """
    addresses = resolve(host, port)
    allowed = next((address for address in addresses if may_connect(address)), None)
    if allowed is None:
        raise PrivateAddressError(_problem(host, addresses))
    return allowed


def problem_before_proxy(host: str, port: int, *, resolve: LookUp, may_connect: MayConnect) -> str | None:
    """Return why a proxy must not be asked for a host; None if nothing is known against it.

    A number is checked in every form that resolvers read, such as `2130706433` and `0x7f.1`. A name is checked if this
    machine can resolve it: then all its addresses must be permitted, since the proxy may take any. If only the proxy
    can resolve it, only the proxy can check it.
    """
    try:
        addresses = [socket.inet_ntoa(socket.inet_aton(host))]
    except OSError:
        try:
            addresses = resolve(host, port)
        except OSError:
            return None
    forbidden = [address for address in addresses if not may_connect(address)]
    return _problem(host, forbidden) if forbidden else None


def _problem(host: str, addresses: list[str]) -> str:
    what = "is" if addresses == [host] else f"resolves to {', '.join(addresses)},"
    if not any(map(is_public_or_own, addresses)):
        return f"{host} {what} a link-local or cloud metadata address, which is never permitted"
    return f"{host} {what} a private address, which is not permitted; pass --allow-private if you trust the list"


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    is_old_local = isinstance(ip, ipaddress.IPv6Address) and (ip.is_site_local or ip in _IPV4_COMPATIBLE)
    # Python before 3.13 treats all of ::ffff:0:0/96 as private; the embedded address decides.
    is_global = ip.is_global or (isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None)
    is_known = ip in _CLOUD_METADATA or any(ip in network for network in _NOT_PUBLIC)
    return is_global and not (ip.is_multicast or is_old_local or is_known)


def _wrapped(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    if not isinstance(ip, ipaddress.IPv6Address):
        return
    if any(ip in network for network in _WRAPPING):
        yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    yield from (inner for inner in (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())) if inner is not None)
