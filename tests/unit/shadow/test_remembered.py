"""Places where AI answered, by host, method and form of the path, for an hour."""

from __future__ import annotations

import pytest

from weir.shadow import remembered
from weir.shadow.remembered import Remembered


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("POST", "/v1/chats/4711/ask", True),
        ("POST", "/v1/chats/0a1b-9/ask?stream=1", True),
        ("POST", "//V1/Chats/" + "a" * 40 + "/ask/", True),
        ("POST", "/v2/chats/4711/ask", False),
        ("POST", "/v1/chats/4711/close", False),
        ("POST", "/v1/chats/new/ask", False),
        ("GET", "/v1/chats/4711/ask", False),
        ("POST", "/", False),
    ],
)
def test_a_place(method: str, path: str, known: bool) -> None:
    places = Remembered()
    places.note("app.example", "POST", "/v1/chats/4711/ask", 70, "chat")
    assert places.find("app.example", method, path) == ((70, "chat") if known else None)
    assert places.find("other.example", method, path) is None


def test_it_is_forgotten_an_hour_after_it_last_showed() -> None:
    now = [0.0]
    places = Remembered(lambda: now[0])
    for now[0] in (0.0, 3000.0):
        places.note("app.example", "POST", "/ask", 70, "chat")
    now[0] = 6599.0
    assert places.find("app.example", "POST", "/ask")
    now[0] = 6600.0
    assert places.find("app.example", "POST", "/ask") is None and not places._places


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_PLACES_MAX", 2)
    places = Remembered()
    for host in ("a", "b", "a", "c"):
        places.note(host, "POST", "/" + "x/" * 100_000, 70, "chat")
    assert [host for host, _, _ in places._places] == ["a", "c"]
