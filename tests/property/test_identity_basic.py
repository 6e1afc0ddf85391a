"""Parsing Basic credentials is total and the inverse of writing them."""

from __future__ import annotations

import unicodedata
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from weir.identity.basic import parse_basic
from weir.identity.networks import Networks

printable = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40)


@given(st.binary(max_size=300))
def test_any_bytes_give_credentials_or_none(data: bytes) -> None:
    for value in (data, b"Basic " + data, b"Basic " + b64encode(data)):
        found = parse_basic(value)
        assert found is None or ":" not in found.username


@given(st.text(max_size=100))
def test_any_text_gives_credentials_or_none(text: str) -> None:
    parse_basic(text)
    parse_basic(f"Basic {text}")
    assert Networks().lookup(text) is None


@given(printable.filter(lambda name: ":" not in name), printable)
def test_what_is_written_is_read(username: str, password: str) -> None:
    token = b64encode(f"{username}:{password}".encode()).decode()
    name, secret = (unicodedata.normalize("NFC", part) for part in (username, password))
    # Composition may move across the colon only if the password begins with a combining mark, which stays its own.
    whole = unicodedata.normalize("NFC", f"{username}:{password}")
    assert parse_basic(f"Basic {token}") == tuple(whole.split(":", 1))
    assert whole.split(":", 1)[0] == name or secret[:1] != password[:1] or unicodedata.combining(password[0])
