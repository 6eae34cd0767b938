"""Public and private IP addresses, also embedded ones."""

from __future__ import annotations

import pytest

from edge_identify.edge_runtime.io.public_addresses import (
    PrivateAddressError,
    address_to_connect_to,
    is_public,
    is_public_or_own,
)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"])
def test_a_public_address_may_be_asked(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::7f00:1",
        "2001:db8::1", "no address", "168.63.129.16", "192.0.0.192", "192.0.0.9", "192.88.99.1", "fd00:ec2::254",
        "64:ff9b:1::a9fe:a9fe", "64:ff9b:1::5db8:d70e", "64:ff9b::a83f:8110", "::ffff:0:7f00:1", "::ffff:168.63.129.16",
        "2002:a83f:8110::", "3fff::1", "5f00::1", "198.18.0.1", "240.0.0.1", "100.100.100.200",
    ],
)  # fmt: skip
def test_a_private_address_may_not(address: str) -> None:
    assert not is_public(address)


def test_the_first_public_address_of_a_host_is_taken() -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        return ["10.0.0.1", "93.184.215.14"]

    assert address_to_connect_to("h", 80, resolve=resolve, may_connect=is_public) == "93.184.215.14"
    assert address_to_connect_to("h", 80, resolve=resolve, may_connect=is_public_or_own) == "10.0.0.1"


def test_a_host_with_private_addresses_alone_is_refused_with_what_to_do() -> None:
    with pytest.raises(PrivateAddressError, match=r"h resolves to 10\.0\.0\.1, a private address, .*--allow-private"):
        address_to_connect_to("h", 80, resolve=lambda _host, _port: ["10.0.0.1"], may_connect=is_public)
    with pytest.raises(PrivateAddressError, match=r"^10\.0\.0\.1 is a private address, which"):
        address_to_connect_to("10.0.0.1", 80, resolve=lambda host, _port: [host], may_connect=is_public)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::",
        "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "64:ff9b:1::a9fe:a9fe",
        "::ffff:0:a9fe:a9fe", "64:ff9b::a83f:8110", "no address",
    ],
)  # fmt: skip
def test_where_a_cloud_gives_away_credentials_nobody_may_ask(address: str) -> None:
    assert not is_public_or_own(address)
    with pytest.raises(PrivateAddressError, match="which is never permitted"):
        address_to_connect_to("h", 80, resolve=lambda _host, _port: [address], may_connect=is_public_or_own)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "fd12::1", "93.184.215.14"])
def test_a_makers_own_net_may_be_asked_where_it_is_allowed(address: str) -> None:
    assert is_public_or_own(address)
