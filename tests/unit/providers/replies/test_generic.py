"""Replies in an unknown wire format: their strings are texts, joined over events by the place they stand in."""

from __future__ import annotations

import json

import pytest

from weir.providers.replies.generic import generic_reader


class Heard:
    """A map that only listens."""

    edits = acts = stopped = False

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.reasons: list[str] = []

    def feed(self, channel: str, text: str) -> str:
        self.texts[channel] = self.texts.get(channel, "") + text
        return text

    def flush(self, channel: str) -> str:
        return ""

    def unread(self, reason: str) -> None:
        self.reasons.append(reason)


def heard(kind: str, data: bytes, size: int) -> Heard:
    one = Heard()
    reader = generic_reader(kind, one)
    out = b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size)) + reader.close()
    assert out == data
    return one


SAID = [{"type": "delta", "v": part} for part in ("The ri", "ver stan", "ds low.")]


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("text/event-stream", b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in SAID)),
        (
            "text/event-stream; charset=utf-8",
            b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in SAID),
        ),
        ("application/x-ndjson", b"".join(json.dumps(one).encode() + b"\n" for one in SAID)),
        ("application/jsonl", b"\n".join(json.dumps(one).encode() for one in SAID)),
        ("application/json", json.dumps({"a": [{"said": "The river stands low."}]}).encode()),
        ("application/json", json.dumps(["The river stands low."]).encode()),
        ("text/plain", b"The river stands low."),
        ("application/json", b"The river stands low."),
    ],
)
def test_texts(kind: str, data: bytes, size: int) -> None:
    found = heard(kind, data, size)
    assert "The river stands low." in found.texts.values() and not found.reasons
    assert "delta" not in found.texts.values()


def test_what_is_no_text_says_so() -> None:
    assert heard("text/plain", b"\xff\xfe\x00abc", 4).reasons == ["reply is not UTF-8"]
    assert heard("text/event-stream", b"data: {}\n\ndata: \xff\xfe\n\n", 400).reasons == ["event is not UTF-8"]
