"""Addresses that a proxy must not be talked into, in all their disguises."""

from __future__ import annotations

import pytest

from weir.destinations import LOOPBACK, METADATA, PRIVATE, Guard, kind_of

KINDS = {
    METADATA: "169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254 fd20:ce::254"
    " fe80::1%eth0 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::1 ::169.254.169.254"
    " 64:ff9b:1:a9fe:a9:fe00:808:808 64:ff9b:1:a9:fe:a9fe:808:808 64:ff9b:1:0:a9:fea9:fe08:808 64:ff9b:1::a9fe:a9fe",
    LOOPBACK: "127.0.0.1 127.255.0.1 ::1 0.0.0.0 0.1.2.3 :: ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: ::127.0.0.1"
    " ::ffff:0:127.0.0.1",
    PRIVATE: "10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 198.18.0.1 192.0.2.1 224.0.0.1 239.1.1.1 255.255.255.255"
    " 240.0.0.1 fc00::1 fd12::1 fec0::1 ff02::1 2001:db8::1 ::ffff:10.0.0.1 64:ff9b:1::a00:1 2002:a00:1::"
    " 2001:0:1:2:3:4:f5ff:fffe",
    "": "8.8.8.8 1.1.1.1 2606:4700::1111 2a00:1450:4001::1 64:ff9b::808:808 2002:808:808::1 ::ffff:8.8.8.8"
    " 64:ff9b:1::808:808",
}


@pytest.mark.parametrize(("kind", "address"), [(kind, one) for kind, text in KINDS.items() for one in text.split()])
def test_kinds(kind: str, address: str) -> None:
    assert kind_of(address) == kind


def test_a_name_is_no_address() -> None:
    with pytest.raises(ValueError, match="localhost"):
        kind_of("localhost")


@pytest.mark.parametrize(
    ("address", "ai", "local", "wrong"),
    [
        ("10.1.2.3", True, False, PRIVATE),
        ("10.1.2.3", False, False, ""),
        ("127.0.0.1", True, True, LOOPBACK),
        ("127.0.0.1", False, True, ""),
        ("127.0.0.1", False, False, LOOPBACK),
        ("169.254.169.254", False, True, METADATA),
        ("8.8.8.8", True, False, ""),
    ],
)
def test_what_is_refused(address: str, *, ai: bool, local: bool, wrong: str) -> None:
    assert Guard().refuses(address, ai=ai, local=local) == wrong
    assert Guard(False, False, False).refuses(address, ai=ai, local=local) == ""


@pytest.mark.parametrize("address", ["10.1.2.3", "8.8.8.8"])
def test_an_address_of_the_proxys_own_machine_is_as_its_loopback(address: str) -> None:
    assert Guard().refuses(address, ai=False, local=False, here=True) == LOOPBACK
    assert Guard().refuses(address, ai=False, local=True, here=True) == ""
    assert Guard(loopback=False).refuses(address, ai=False, local=False, here=True) == ""
    assert Guard(exempt=[address]).refuses(address, ai=False, local=False, here=True) == ""
    assert Guard().refuses("169.254.169.254", ai=False, local=False, here=True) == METADATA


def test_exceptions() -> None:
    guard = Guard(exempt=["10.1.0.0/16", "fd12::/32", "127.0.0.1/32"])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::7", "127.0.0.1"):
        assert guard.refuses(address, ai=True, local=False) == ""
    assert guard.refuses("10.2.0.1", ai=True, local=False) == PRIVATE
    assert guard.refuses("127.0.0.2", ai=True, local=False) == LOOPBACK
