"""Reads ``Proxy-Authorization: Basic …`` (RFC 7617) totally: any bytes give credentials or None, never an error."""

from __future__ import annotations

import base64
import binascii
import unicodedata
from typing import NamedTuple

__all__ = ["CHALLENGE", "Credentials", "parse_basic"]

CHALLENGE = 'Basic realm="weir", charset="UTF-8"'
"""The value of ``Proxy-Authenticate`` that goes with a 407."""

MAX_HEADER = 8 * 1024


class Credentials(NamedTuple):
    """A user name and password as a client sent them, in Unicode normal form C. The password is not printed."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, password hidden)"


def parse_basic(value: bytes | str) -> Credentials | None:
    """The credentials in a header value; None when it is no readable Basic credential.

    ``str`` values are taken as header libraries give them: bytes above 127 as surrogate escapes or as Latin-1.
    """
    raw = value if isinstance(value, bytes) else _to_bytes(value)
    if raw is None or len(raw) > MAX_HEADER:
        return None
    scheme, _, token = raw.strip(b" \t").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    decoded = _decode(token.strip(b" \t"))
    if decoded is None:
        return None
    text = _to_text(decoded)
    # RFC 7617 forbids control characters; they would also let a name forge lines in a log.
    if any(unicodedata.category(char) == "Cc" for char in text):
        return None
    username, colon, password = text.partition(":")
    return Credentials(username, password) if colon else None


def _to_bytes(value: str) -> bytes | None:
    try:
        return value.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return None  # base64 has no such characters


def _decode(token: bytes) -> bytes | None:
    bare = token.rstrip(b"=")
    if not bare or len(token) - len(bare) > 2:
        return None
    try:
        # Some clients leave the padding out; what the characters say is unambiguous without it.
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return None


def _to_text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # what clients sent before RFC 7617
    return unicodedata.normalize("NFC", text)
