from __future__ import annotations

import json
from typing import Any

import pytest

from golden.swap import Swap
from weir.model import Inspection, Reply
from weir.providers.replies.patches import PatchEvents, PatchReader


def read(*events: Any, text: Swap | None = None) -> tuple[list[Any], Reply]:
    reader = PatchReader(PatchEvents(), "text/event-stream", True, text)
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    out = reader.feed(data) + reader.close()
    if text is None:
        assert out == data
    return [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")], reader.reply()


PART = "/message/content/parts/0"


def test_a_place_holds_until_another_is_named() -> None:
    _, reply = read(
        {"p": PART, "o": "append", "v": "a"}, {"v": "b"}, {"p": "/message/title", "o": "append", "v": "no"}, {"v": "no"}
    )
    assert reply.text == "ab"


def test_patches_within_a_patch() -> None:
    inner = [
        {"p": "/content/parts/0", "o": "append", "v": "x"},
        {"p": "/status", "o": "replace", "v": "finished_successfully"},
    ]
    _, reply = read({"p": "/message", "o": "patch", "v": inner})
    assert (reply.text, reply.finish_reason) == ("x", "finished_successfully")


def test_what_is_held_back_comes_out_before_another_place_goes_on() -> None:
    events = [{"p": PART, "o": "append", "v": "a <EMA"}, {"p": "/message/content/parts/1", "o": "append", "v": "b"}]
    out, _ = read(*events, text=Swap({"<EMAIL_ADDRESS_1>": "x"}))
    assert out == [
        {"p": PART, "o": "append", "v": "a "},
        {"p": PART, "o": "append", "v": "<EMA"},
        {"p": "/message/content/parts/1", "o": "append", "v": "b"},
    ]


def test_the_end_of_a_status_lets_all_go() -> None:
    out, _ = read(
        {"p": PART, "o": "append", "v": "<EMA"},
        {"p": "/message/status", "o": "replace", "v": "finished_successfully"},
        text=Swap({"<EMAIL_ADDRESS_1>": "x"}),
    )
    assert [one["v"] for one in out] == ["", "<EMA", "finished_successfully"]


def test_a_text_that_is_set_is_whole() -> None:
    out, _ = read(
        {"p": PART, "o": "replace", "v": "to <EMAIL_ADDRESS_1>"}, text=Swap({"<EMAIL_ADDRESS_1>": "x@y.example"})
    )
    assert out[0]["v"] == "to x@y.example"


def test_what_the_user_said_is_no_answer() -> None:
    message = {"author": {"role": "user"}, "content": {"parts": ["mine"]}}
    assert read({"p": "", "o": "add", "v": {"message": message}})[1].text == ""


@pytest.mark.parametrize(
    "event",
    [{"v": None}, {"v": [[1]]}, {"p": 7, "o": [], "v": {}},
     {"v": [{"v": [{"v": [{"v": [{"v": [{"v": "deep"}]}]}]}]}]}, {"p": "", "v": "x"}],
)  # fmt: skip
def test_odd_events(event: Any) -> None:
    assert read(event, event)[1].inspection is Inspection.INSPECTED


def test_the_encoding_is_named_in_a_word() -> None:
    reader = PatchReader(PatchEvents(), "text/event-stream", True)
    reader.feed(b'event: delta_encoding\ndata: "v1"\n\n')
    assert reader.reply().inspection is Inspection.INSPECTED
    reader.feed(b'event: delta_encoding\ndata: "v2"\n\n')
    assert reader.reply().inspection is Inspection.PARTIAL
