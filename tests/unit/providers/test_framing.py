"""The framing of a reply by what it says it is."""

from __future__ import annotations

import pytest

from weir.providers.framing import compact, framing_of, is_crowded


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
