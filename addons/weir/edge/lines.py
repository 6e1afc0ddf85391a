"""One header of a message, as mitmproxy's ``headers.get`` reads it and several times as fast: it decodes every line."""

from __future__ import annotations

from mitmproxy import http

__all__ = ["line_of"]


def line_of(message: http.Message, name: bytes) -> str:
    """The values of the header ``name`` (in lower case), joined by commas; "" when there is none."""
    size = len(name)
    found = [value for known, value in message.headers.fields if len(known) == size and known.lower() == name]
    return b", ".join(found).decode("utf-8", "surrogateescape") if found else ""
