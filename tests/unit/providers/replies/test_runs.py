"""What is a run, and what ends one. That it is read as its events are is in tests/property/test_providers_runs.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weir.providers.replies.notes import NO_STEP, Notes, Place, Step
from weir.providers.replies.runs import RunReader, Runs
from weir.providers.wire.values import JsonObject


class Plain:
    """Events with a text, and a count of which the last holds."""

    array = False
    end_marks = frozenset({b"[DONE]"})
    steady = True

    def __init__(self) -> None:
        self.read = 0

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self.read += 1
        notes.name(finish_reason=f"{doc.get('totalTokenCount', '')}")
        text = doc.get("text")
        return Step((Place("/text", "0.", text),)) if isinstance(text, str) and text else NO_STEP

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(finish_reason="whole")

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc


def sse(end: bytes = b"\n\n", **members: Any) -> bytes:
    return b"data: " + json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode() + end


def reader(events: Plain) -> RunReader:
    return RunReader(events, "text/event-stream", True)


def test_the_second_of_two_alike_is_not_parsed() -> None:
    events = Plain()
    one = reader(events)
    for text in ("a", "b", 'c "quoted"\n', "é", "d"):
        data = sse(kind="x", text=text, p="pad" * len(text))
        assert one.feed(data) is data
    assert one.reply().text == 'abc "quoted"\néd' and events.read == 1


@pytest.mark.parametrize(
    "odd",
    [
        sse(kind="y", text="b"),
        sse(kind="x", text="b", more=1),
        sse(kind="x", text=""),
        sse(kind="x"),
        sse(kind="x", text="b").replace(b'"b"', b'"\\ud800"'),
        sse(kind="x", text="b").replace(b'"b"', b'"\x01"'),
        sse(kind="x", text="b").replace(b'"b"', b'"\xff"'),
        sse(kind="x", text="b").replace(b'"b"', b"5"),
        sse(kind="x", text="b" * 5000),
        sse(kind="x", text="b", end=b"\r\n\r\n"),
        b": said aside\n" + sse(kind="x", text="b"),
        b"event: other\n" + sse(kind="x", text="b"),
    ],
)
def test_what_differs_is_read_in_full(odd: bytes) -> None:
    counts = []
    for before in (b"", sse(kind="x", text="a") * 3):
        events = Plain()
        one = reader(events)
        one.feed(before + odd)
        one.close()
        counts.append((events.read, one.reply().inspection, one.reply().reason))
    alone, after = counts
    assert after == (alone[0] + 1, *alone[1:])


def test_the_last_count_of_a_run_holds() -> None:
    events = Plain()
    one = reader(events)
    for number in range(1, 6):
        one.feed(sse(text="a", totalTokenCount=number))
    assert events.read == 1
    assert one.reply().finish_reason == "5" and one.reply().text == "aaaaa" and events.read == 2
    one.feed(sse(text="b", totalTokenCount=6))
    one.feed(sse(other=1, totalTokenCount=7))
    assert one.reply().finish_reason == "7" and one.reply().text == "aaaaab"


def test_numbers_that_json_does_not_know_end_a_run() -> None:
    one = reader(Plain())
    one.feed(sse(text="a", totalTokenCount=1) * 2)
    one.feed(sse(text="b", totalTokenCount=2).replace(b":2", b":02"))
    assert one.reply().inspection == "partial" and one.reply().text == "aa"


def test_a_run_goes_on_over_chunks_of_any_size() -> None:
    data = b"".join(sse(text=f" {number}", sequence_number=number) for number in range(200))
    for size in (1, 7, 50, 1000):
        events = Plain()
        one = reader(events)
        for at in range(0, len(data), size):
            one.feed(data[at : at + size])
        one.close()
        assert one.reply().text == "".join(f" {number}" for number in range(200))
        assert events.read < 30 or size == 1


def test_line_ends_that_may_go_on_are_no_end_of_a_run() -> None:
    events = Plain()
    one = reader(events)
    for text in "abcd":
        one.feed(sse(text=text, end=b"\r\r"))
    one.feed(b"\n" + sse(text="e"))
    one.close()
    assert one.reply().text == "abcde" and events.read == 5


def test_a_short_text_in_an_event_full_of_it_is_not_searched_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    def counting(data: bytes, pointer: str) -> bool:
        nonlocal looked
        looked += 1
        return False

    monkeypatch.setattr("weir.providers.replies.runs._stands_at", counting)
    reader(Plain()).feed(sse(more=["a"] * 1000, text="a"))
    assert looked <= 16


def test_whoever_may_change_a_reply_has_every_event() -> None:
    class Map:
        def feed(self, channel: str, text: str) -> str:
            return text.upper()

        def flush(self, channel: str) -> str:
            return ""

    events = Plain()
    one = RunReader(events, "text/event-stream", True, Map())
    assert b"".join(one.feed(sse(text="a")) for _ in range(4)) == sse(text="A") * 4 and events.read == 4
    unsteady = Plain()
    unsteady.steady = False
    assert not Runs(unsteady, Notes(), None).able


def test_where_no_run_comes_none_is_prepared_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = 0

    def counting(data: bytes, place: Place) -> list[Any]:
        nonlocal prepared
        prepared += 1
        return []

    monkeypatch.setattr("weir.providers.replies.runs._spots", counting)
    one = reader(Plain())
    for number in range(200):
        one.feed(sse(text="a", other=number))
    assert prepared < 30


def test_a_text_that_stands_elsewhere_too_is_not_mistaken() -> None:
    one = reader(Plain())
    for text in ("same", "b", "c"):
        one.feed(sse(other="same", text=text, more={"text": "same"}))
    assert one.reply().text == "samebc"


def test_blanks_before_a_stream_or_after_it_are_only_passed_on() -> None:
    for kind in ("text/event-stream", ""):
        one = RunReader(Plain(), kind, True)
        blanks = b"\n" * 5_000
        assert one.feed(blanks) == blanks
        data = blanks + sse(text="a") * 3 + blanks
        assert one.feed(data) == data and one.reply().text == "aaa"
        one.close()
        assert one.feed(data) == data


def test_no_bytes_are_no_event() -> None:
    """What a decoder gives may be nothing, until the next block of the coding is whole."""
    events = Plain()
    one = reader(events)
    for text in ("a", "b", "c"):
        for data in (b"", sse(totalTokenCount=len(text), text=text), b""):
            assert one.feed(data) is data
    one.close()
    assert one.reply().text == "abc"
