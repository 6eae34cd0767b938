"""Which addresses a picture may be fetched from.

A newcomer would check the name in the URL. A name may stand for any address, for another one a second later (DNS
rebinding), and a redirect may lead anywhere: so every connection looks the name up once, checks what it found, and
connects to exactly that. A list of pictures from the net can then not be used to ask the maker's own router, cloud
or desk.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator

from edge_identify.edge_runtime.errors import NetworkError

LookUp = Callable[[str, int], list[str]]
MayConnect = Callable[[str], bool]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291, long out of use


_OF_CLOUDS = frozenset(
    map(
        ipaddress.ip_address,
        # Amazon's, Google's, Alibaba's and Azure's, by their manuals; the others are link-local, 169.254.169.254 mostly
        ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)


class PrivateAddressError(NetworkError):
    """A server's name stands for an address that is not public."""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses that a name stands for, in the system's order.

    Raises:
        OSError: There is none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Whether an address belongs to the public net, also after any IPv4 address inside it has been unwrapped."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(_is_public(each) for each in (ip, *_wrapped(ip)))


def is_public_or_own(address: str) -> bool:
    """Whether an address may be connected to by a maker who allows private ones.

    Link-local addresses and those of a cloud's own services may not: there, a machine's credentials are to be had.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not any(each.is_link_local or each in _OF_CLOUDS for each in (ip, *_wrapped(ip)))


def address_to_connect_to(host: str, port: int, *, resolve: LookUp, may_connect: MayConnect) -> str:
    """Return the first address of a host that may be connected to.

    Raises:
        PrivateAddressError: There are only others.
        OSError: The name stands for none.
    """
    addresses = resolve(host, port)
    allowed = next((address for address in addresses if may_connect(address)), None)
    if allowed is None:
        what = "is" if addresses == [host] else f"stands for {', '.join(addresses)},"
        if not any(map(is_public_or_own, addresses)):
            raise PrivateAddressError(f"{host} {what} a link-local address or a cloud's own, which is never asked")
        raise PrivateAddressError(
            f"{host} {what} a private address, which is not asked; pass --allow-private if the list is your own"
        )
    return allowed


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    is_old_local = isinstance(ip, ipaddress.IPv6Address) and (ip.is_site_local or ip in _IPV4_COMPATIBLE)
    # Python before 3.13 calls ::ffff:0:0/96 private as a whole; there the address inside decides.
    is_global = ip.is_global or (isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None)
    return is_global and not (ip.is_multicast or is_old_local)


def _wrapped(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    if not isinstance(ip, ipaddress.IPv6Address):
        return
    if ip in _NAT64:
        yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    yield from (inner for inner in (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())) if inner is not None)
