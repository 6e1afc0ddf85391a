"""The framing of a reply by what it says it is."""

from __future__ import annotations

import pytest

from weir.providers.wire.framing import compact, framing_of, is_crowded, sniffed


@pytest.mark.parametrize(
    ("kind", "framing"),
    [
        ("text/event-stream; charset=utf-8", "sse"),
        ("Application/X-NDJSON", "lines"),
        ("application/json", ""),
        ("", ""),
        ("image/png", "media"),
        ("application/octet-stream", "media"),
    ],
)
def test_by_content_type(kind: str, framing: str) -> None:
    assert framing_of(kind) == framing


def test_crowded() -> None:
    assert is_crowded(b"[" * 200_001) and not is_crowded(b"[" * 1000) and not is_crowded(b" " * 300_000)


def test_compact() -> None:
    assert compact({"a": ["\u00e4", 1]}) == b'{"a":["\\u00e4",1]}'


@pytest.mark.parametrize(
    ("first", "stated", "array", "events", "framing"),
    [
        (b"{", "sse", False, True, "json"),
        (b"[", "", True, False, "array"),
        (b"[", "", False, False, "json"),
        (b"x", "sse", False, False, "sse"),
        (b"d", "", False, True, "sse"),
        (b"d", "", False, False, "raw"),
        (b"x", "media", False, True, "media"),
    ],
)
def test_the_first_byte_decides(first: bytes, stated: str, array: bool, events: bool, framing: str) -> None:
    assert sniffed(first, stated, array=array, events=events) == framing
