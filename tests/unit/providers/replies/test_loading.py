"""Events as objects, and events that are none."""

from __future__ import annotations

import pytest

from weir.providers.replies.loading import ODD_MAX, SHORT_BYTES, Loader


def told() -> tuple[Loader, list[str], list[str]]:
    marked: list[str] = []
    unread: list[str] = []
    return Loader(lambda _, why: marked.append(why), lambda _, why: unread.append(why)), marked, unread


def test_an_object_is_read_whatever_stands_before_it() -> None:
    loader, marked, unread = told()
    assert loader.load(b'\xef\xbb\xbf {"a": 1}') == {"a": 1} and not marked + unread


@pytest.mark.parametrize(
    ("data", "why"), [(b"[1]", "event: not a JSON object"), (b"{", "event: not JSON"), (b"\xff", "event: not UTF-8")]
)
def test_anything_else_is_told(data: bytes, why: str) -> None:
    loader, marked, _ = told()
    assert loader.load(data) is None and marked == [why]


def test_too_many_parts_are_not_made_into_values() -> None:
    loader, marked, unread = told()
    assert loader.load(b"[" * 300_000) is None and unread == ["too many texts"] and not marked


@pytest.mark.parametrize("event", [b"{}", b":", b"null"])
def test_after_thousands_of_events_that_are_none_short_ones_pass_unread_and_that_is_told(event: bytes) -> None:
    loader, _, unread = told()
    for _ in range(ODD_MAX + 1):
        assert not loader.worn(event)
        loader.load(event)
    assert loader.worn(event) and unread == ["too many events that are none"]
    assert not loader.worn(b" " * (SHORT_BYTES + 1))


def test_events_that_say_something_never_wear_it_out() -> None:
    loader, _, unread = told()
    for _ in range(ODD_MAX * 2):
        loader.load(b'{"a":1}')
    assert not loader.worn(b'{"a":1}') and not unread
