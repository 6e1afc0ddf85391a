"""Proxy-Authorization: Basic, from the usual to the hostile."""

from __future__ import annotations

from base64 import b64encode

import pytest

from weir.identity.basic import CHALLENGE, Credentials, parse_basic


def header(userpass: bytes, scheme: bytes = b"Basic ") -> bytes:
    return scheme + b64encode(userpass)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (header(b"ada:pw"), ("ada", "pw")),
        (header(b"ada:p:w:"), ("ada", "p:w:")),
        (header(b"ada:"), ("ada", "")),
        (header(b":pw"), ("", "pw")),
        (header(b"ada:pw", b"bAsIc   "), ("ada", "pw")),
        (b"  " + header(b"ada:pw") + b" \t", ("ada", "pw")),
        (header(b"ada:pw").rstrip(b"="), ("ada", "pw")),
        (header("zoë:pä".encode()), ("zoë", "pä")),
        (header("zoe\u0308:x".encode()), ("zoë", "x")),
        (header("zoë:x".encode("latin-1")), ("zoë", "x")),
        (header(b"ada:pw").decode(), ("ada", "pw")),
    ],
)
def test_reads(value: bytes | str, expected: tuple[str, str]) -> None:
    assert parse_basic(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Basic ====",
        b"Basic !!!!",
        b"Basic YWRh OnB3",
        b"Basic A",
        b"Basic YTpi===",
        b"Bearer YTpi",
        b"BasicYTpi",
        header(b"no colon"),
        header(b"ada:p\nw"),
        header(b"a\x00da:pw"),
        header(b"ada:\x7f"),
        header(b"a" * 9000 + b":x"),
        "Basic YTpi\u0142",
        "Basic YTpi\udcff",
    ],
)
def test_refuses_without_raising(value: bytes | str) -> None:
    assert parse_basic(value) is None


def test_the_password_is_not_printed() -> None:
    password = "-".join(["correct", "horse"])
    shown = repr(Credentials("ada", password))
    assert "ada" in shown
    assert password not in shown
    assert password not in f"{Credentials('ada', password)}"


def test_the_challenge_names_the_character_set() -> None:
    assert CHALLENGE == 'Basic realm="weir", charset="UTF-8"'
