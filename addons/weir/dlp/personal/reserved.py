"""Addresses that prove nothing: what documentation uses, what every machine has, what only looks like an address."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from weir.dlp.personal.packs import read
from weir.dlp.rulebook.placeholders import before

__all__ = [
    "address_cap",
    "is_doubtful_address",
    "is_no_address",
    "is_nobodys_address",
    "is_nobodys_mailbox",
    "mail_cap",
    "phone_cap",
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# 1.2.3.4 after one of these is a version or a section, and so is numpy-1.2.3.4.
_VERSION = re.compile(
    r"(?:\b(?:v|ver|version|release|rev|build|sdk|firmware|sections?|rfc ?[0-9]{3,4},?)[\s.:=\"'(]{0,3}|"
    r"[=<>~!]=\s?|[A-Za-z][-_])$",
    re.IGNORECASE,
)
_VERSION_CHARS = 16
_LABEL_GAP_CHARS = 3
# Where IPv6 addresses are really given out; a short one elsewhere is more likely a slice or a name: [1::2], add::3.
_IN_USE = tuple(
    ipaddress.ip_network(network)
    for network in ("2000::/3", "fc00::/7", "fe80::/10", "ff00::/8", "64:ff9b::/96", "::ffff:0:0/96")
)
_GROUPS_SURE = 5
_DOTTED = tuple(f"{digit}." for digit in "0123456789")
_OID_STARTS = ("0.", "1.", "2.")
# A string in a list or call: after ``('``, ``, '`` or ``= '``. The value of a key in JSON is none.
_LITERAL = re.compile(r"[(\[,=]\s{0,12}[rbuf]?['\"]$")
_LITERAL_CHARS = 16
_PLACE_BITS = 16  # a larger network, such as 10.0.0.0/8, is no place


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = read("reserved.yaml")
    data["networks"] = [ipaddress.ip_network(network) for network in data["networks"]]
    data["domain_ends"] = tuple(f".{domain}" for domain in data["domains"])
    data["mailboxes"] = frozenset(data["mailboxes"])
    return data


def _is_documentation(domain: str) -> bool:
    return f".{domain.lower()}".endswith(_data()["domain_ends"])


def _cap(documented: bool) -> float:
    return float(_data()["score"]) if documented else 1.0


def is_nobodys_mailbox(value: str) -> bool:
    """True for ``user@example.com``: a word for somebody at a domain that is nobody's."""
    mailbox, _, domain = value.lower().rpartition("@")
    return mailbox.rstrip("0123456789") in _data()["mailboxes"] and _is_documentation(domain)


def mail_cap(value: str) -> float:
    """The highest score for an e-mail address."""
    return _cap(_is_documentation(value.rpartition("@")[2]))


def phone_cap(value: str) -> float:
    """The highest score for a phone number: those for fiction count for little."""
    return _cap(_fiction()(value) is not None)


@cache
def _fiction() -> Callable[[str], re.Match[str] | None]:
    return re.compile(_data()["phones"]).search


def address_cap(value: str) -> float:
    """The highest score for an IP address, which must be valid."""
    address = _address(value)
    return _cap(any(address in network for network in _data()["networks"] if network.version == address.version))


def is_nobodys_address(value: str) -> bool:
    """Loopback, unspecified and mask addresses are in every configuration file and name no machine.

    Without a single digit it is program text (``a::b`` is a valid IPv6 address).
    """
    if not any(character.isdigit() for character in value):
        return True
    address = _address(value)
    return address.is_loopback or address.is_unspecified or (address.version == 4 and int(address) >> 24 in (0, 255))


def is_doubtful_address(text: str, start: int, end: int) -> bool:
    """True when the place or the form speaks against an address: versions, longer dotted numbers, slices."""
    value = text[start:end]
    if ":" in value and "." not in value:
        if "::" not in value or sum(map(bool, value.split("/")[0].split(":"))) >= _GROUPS_SURE:
            return False
        address = _address(value)
        return not any(address in network for network in _IN_USE)
    near = before(text, start, _VERSION_CHARS)
    # What weir took out just before it may have been the "==": then it has to stay what it was.
    behind_label = len(near) <= _LABEL_GAP_CHARS and len(near) < min(start, _VERSION_CHARS)
    return behind_label or _goes_on(text, end) or _VERSION.search(near) is not None


def is_no_address(text: str, start: int, end: int) -> bool:
    """True for a part of an object identifier, and for the addresses that programs carry as literals.

    Those are documentation's and whole networks of a special purpose: ``ip_network('192.0.2.0/24')``.
    """
    value = text[start:end]
    dotted = "." in value and ":" not in value
    if dotted and (
        text[max(0, start - 2) : start].endswith(_DOTTED) or (value[:2] in _OID_STARTS and _goes_on(text, end))
    ):
        return True
    interface = ipaddress.ip_interface(value)
    network = interface.network
    whole = "/" in value and interface.ip == network.network_address
    if whole and network.prefixlen < _PLACE_BITS and (network.version == 6 or not network.is_global):
        return True
    literal = _LITERAL.search(text[max(0, start - _LITERAL_CHARS) : start]) is not None
    return literal and ((whole and not network.is_global) or address_cap(value) < 1.0)


def _goes_on(text: str, end: int) -> bool:
    return text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit()


def _address(value: str) -> Address:
    return ipaddress.ip_interface(value).ip
