"""Syslog messages (RFC 5424) and how they are told apart on a stream (RFC 6587 and 5425: octet counting)."""

from __future__ import annotations

import re

from weir.audit.exports.row import PRODUCT, Row, clean, label, micros, moment, number, severity, text

__all__ = ["AUDIT_FACILITY", "counted", "message"]

AUDIT_FACILITY = 13
_PRINTABLE = re.compile(r"[^\x21-\x7e]+")
_ENDS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]+")  # a receiver may take them for the end of a message; tabs are LEEF's
_SEQUENCE_MAX = 2_147_483_647


def message(row: Row, body: str, *, host: str = "", version: str = "", facility: int = AUDIT_FACILITY) -> bytes:
    """The message that carries ``body`` (a line of another format) for a row.

    ``host``: who sends it; "" becomes the nil value. Structured data says which software it comes from and the row's
    place in its chain, with which a receiver sees a hole. Raises ValueError for a facility that doesn't exist.
    """
    if not 0 <= facility <= 23:
        raise ValueError("a syslog facility is a number from 0 to 23")
    head = (
        f"<{facility * 8 + _level(severity(row))}>1",
        moment(row) if micros(row, "ts") else "-",
        _token(host, 255),
        PRODUCT,
        _token(text(row, "proxy_id"), 128),
        _token(label(text(row, "kind")), 32),
        _data(row, version),
    )
    return f"{' '.join(head)} {_ENDS.sub(' ', body)}".encode("utf-8", "replace")


def counted(data: bytes) -> bytes:
    """A message for a stream: its length in bytes, a space, the message. Needed for TLS, and safe for TCP."""
    return b"%d %b" % (len(data), data)


def _level(grade: int) -> int:
    """Syslog's severity for 0 to 10: critical, error, warning, notice, informational."""
    return 2 if grade >= 9 else 3 if grade >= 7 else 4 if grade >= 5 else 5 if grade >= 4 else 6


def _data(row: Row, version: str) -> str:
    found = f'[origin software="{PRODUCT}"'
    if version:
        found += f' swVersion="{_escaped(version, 32)}"'
    seq = number(row, "seq")
    if seq is None or seq < 1:
        return found + "]"
    return f'{found}][meta sequenceId="{(seq - 1) % _SEQUENCE_MAX + 1}"]'


def _escaped(value: str, chars_max: int) -> str:
    return clean(value, chars_max).replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _token(value: str, chars_max: int) -> str:
    """A field of the header: printable ASCII without spaces, ``-`` when there is nothing to say."""
    return _PRINTABLE.sub("_", value)[:chars_max] or "-"
