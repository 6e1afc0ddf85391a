"""What else stands in an event: names, numbers and strings that no dialect takes for text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weir.providers.replies.sweep import doubts, repeats, rest_of, rewritten
from weir.providers.wire.pointers import Room, reply_room

DOC: dict[str, Any] = {
    "choices": [{"delta": {"content": "said before", "tool name": "look-up"}}],
    "citations/all": ["https://a.example", {"account": 4111111111111111, "when": 5, "so": True}],
    "logprobs": {"content": [{"token": "of a text"}]},
    "signature": "b2YgdGhlIHByb3ZpZGVy" * 4,
    "ratio": 12345678.9,
}


def rests(whole: str | None, room: Room | None = None, **more: Any) -> list[tuple[str, str, str]]:
    return [tuple(rest) for rest in rest_of({**DOC, **more}, {"/choices/0/delta/content"}, whole, room or reply_room())]


def test_all_of_it_but_what_was_taken() -> None:
    assert rests(None) == [
        ("", "", "choices"),
        ("", "", "content"),
        ("", "", "tool name"),
        ("/choices/0/delta/tool name", "", "look-up"),
        ("", "", "citations/all"),
        ("/citations~1all/0", "", "https://a.example"),
        ("", "", "account"),
        ("/citations~1all/1/account", "account: ", "4111111111111111"),
        ("/ratio", "ratio: ", "12345679"),
    ]


@pytest.mark.parametrize(("whole", "strings"), [("", 0), ("/citations~1all", 1), ("/choices/0", 1), ("/other", 2)])
def test_where_every_string_was_taken_only_names_and_numbers_are_left(whole: str, strings: int) -> None:
    found = rests(whole)
    assert len([rest for rest in found if rest[0] and not rest[1]]) == strings
    assert len([rest for rest in found if rest[1]]) == 2 and len([rest for rest in found if not rest[0]]) == 5


def test_encoded_media_are_no_text() -> None:
    assert not [rest for rest in rests(None, data="A" * 1000) if "AAA" in rest[2]]
    assert [rest for rest in rests(None, data="A" * 100) if "AAA" in rest[2]]


def test_there_is_an_end_to_it_and_it_is_told() -> None:
    room = Room(5, 1000)
    assert len(rests(None, room)) < 5 and room.short
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    assert list(rest_of({"a": deep}, (), None, reply_room())) is not None


@pytest.mark.parametrize(
    ("data", "word"),
    [(b'{"a":1,"a":2}', "duplicate"), (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "deep"), (b"{}", "")],
)
def test_doubts(data: bytes, word: str) -> None:
    assert (word in doubts(data)) and bool(doubts(data)) is bool(word)


def test_rewritten() -> None:
    made = json.dumps(rewritten({**DOC, "x": {"logprobs": [1], "look": 1}}, {"look": "LOOK"}))
    assert "of a text" not in made and '"logprobs": null' in made and '"x": {"logprobs": [], "LOOK": 1}' in made


SEAL = "QUJD" * 16


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({"signature": SEAL}, False),
        ({"signature": "AKIA" + "1234567890"}, True),  # too short to seal anything
        ({"b64_json": SEAL + " a text"}, True),
        ({"thoughtSignature": {"words": "a text"}}, True),
        ({"embedding": [0.1, 2, -3.5]}, False),
        ({"embedding": [0.1, "a text"]}, True),
        ({"embeddings": {"float": ["a text"]}}, True),
        ({"obfuscation": "xK3w"}, False),
    ],
)
def test_what_says_to_be_sealed_is_looked_at_unless_it_is(more: dict[str, Any], seen: bool) -> None:
    for whole in (None, ""):
        name = next(iter(more))
        assert any(rest.pointer.startswith(f"/{name}") for rest in rest_of(more, (), whole, reply_room())) is seen


@pytest.mark.parametrize(
    ("data", "twice"),
    [
        (b'{"a":1,"b":{"a":1}}', False),
        (b'{"a":1,"a":1}', True),
        (b'[{"b":{"a":1,"\\u0061":2}}]', True),
        (b"{", False),
        (b"[" * 100_000, False),
    ],
)
def test_a_member_that_stands_twice_is_noticed(data: bytes, twice: bool) -> None:
    assert repeats(data) is twice
