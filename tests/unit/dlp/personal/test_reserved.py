from __future__ import annotations

import pytest

from weir.dlp.personal import reserved


@pytest.mark.parametrize(
    ("mailbox", "nobodys", "cap"),
    [
        ("user@example.com", True, 0.5),
        ("User2@mail.Example.org", True, 0.5),
        ("jane.doe@example.com", False, 0.5),
        ("jane.doe@acme.com", False, 1.0),
        ("user@acme.com", False, 1.0),
        ("jane@notexample.com", False, 1.0),
        ("jane@site.test", False, 0.5),
    ],
)
def test_mailboxes(mailbox: str, nobodys: bool, cap: float) -> None:
    assert reserved.is_nobodys_mailbox(mailbox) is nobodys
    assert reserved.mail_cap(mailbox) == cap


@pytest.mark.parametrize(
    ("address", "nobodys", "cap"),
    [
        ("10.1.2.3", False, 1.0),
        ("127.0.0.1", True, 1.0),
        ("0.0.0.0", True, 1.0),
        ("0.1.2.3", True, 1.0),
        ("255.255.255.0", True, 1.0),
        ("::1", True, 1.0),
        ("a::b", True, 1.0),
        ("192.0.2.7", False, 0.5),
        ("198.51.100.0/24", False, 0.5),
        ("203.0.113.9", False, 0.5),
        ("2001:db8::7", False, 0.5),
        ("2a00::7", False, 1.0),
    ],
)
def test_addresses(address: str, nobodys: bool, cap: float) -> None:
    assert reserved.is_nobodys_address(address) is nobodys
    assert nobodys or reserved.address_cap(address) == cap


@pytest.mark.parametrize(
    ("before", "value", "after", "doubtful", "none"),
    [
        ("host ", "1.2.3.4", "", False, False),
        ("version ", "1.2.3.4", "", True, False),
        ("v", "1.2.3.4", "", True, False),
        ("numpy-", "1.2.3.4", ".tar.gz", True, False),
        ("numpy==", "1.2.3.4", "", True, False),
        ("root@", "10.2.3.4", "", False, False),
        ("[REDACTED:secret/x] ", "10.2.3.4", "", True, False),
        ("[REDACTED:secret/x] and ", "10.2.3.4", "", False, False),
        ("http://", "10.2.3.4", ":80/", False, False),
        ("", "1.3.6.1", ".4.1", True, True),
        ("1.3.", "6.1.4.1", "", False, True),
        ("", "10.0.0.1", ".53 > x", True, False),
        ("at ", "10.0.0.1", ".", False, False),
        ("a[", "1::2", "]", True, False),
        ("", "2a00::2", "", False, False),
        ("", "fe80::2", "", False, False),
        ("", "1:2:3:4:5:6:7:8", "", False, False),
        ("", "::ffff:10.0.0.1", "", False, False),
        ("", "10.0.0.0/8", "", False, True),
        ("", "10.1.2.0/24", "", False, False),
        ("ip_network('", "192.0.2.0/24", "')", False, True),
        ("['a', '", "10.1.2.0/24", "']", False, True),
        ("HOST = '", "10.1.2.3", "'", False, False),
        ('{"ip": "', "192.0.2.7", '"}', False, False),
    ],
)
def test_addresses_in_their_place(before: str, value: str, after: str, doubtful: bool, none: bool) -> None:
    place = before + value + after, len(before), len(before) + len(value)
    assert reserved.is_doubtful_address(*place) is doubtful
    assert reserved.is_no_address(*place) is none


@pytest.mark.parametrize(
    ("number", "cap"), [("212-555-0123", 0.5), ("+1 (212) 555-0199", 0.5), ("212-555-2368", 1.0), ("212-555-0223", 1.0)]
)
def test_numbers_for_fiction(number: str, cap: float) -> None:
    assert reserved.phone_cap(number) == cap
