"""`Retry-After` in both of its forms, and what is none."""

from __future__ import annotations

import pytest

from weir.waits import seconds

NOW = 1_792_567_680.0  # Wed, 21 Oct 2026 07:28:00 GMT


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("20", 20.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wednesday, 21-Oct-26 07:28:30 GMT", 30.0),
        ("Wed Oct 21 07:28:30 2026", 30.0),
        ("Wed, 21 Oct 2026 09:28:30 +0200", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Wed, 32 Oct 2026 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("-5", None),
        ("1.2.3", None),
        (".", None),
        ("", None),
        ("soon", None),
        ("9" * 400, None),
        ("9" * 20, None),
        ("²", None),
        ("x" * 100_000, None),
    ],
)
def test_what_it_asks_for(text: str, wait: float | None) -> None:
    assert seconds(text, lambda: NOW) == wait
