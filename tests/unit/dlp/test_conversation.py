from __future__ import annotations

from weir.dlp.conversation import conversation_id
from weir.model import Segment

KEY = b"conversation-key"
SYSTEM, HELLO = Segment("/0", "system", "Be brief."), Segment("/1", "user", "Hello")
ANSWER, MORE = Segment("/2", "assistant", "Hi."), Segment("/3", "user", "More")


def test_following_turns_land_in_the_same_conversation() -> None:
    first = conversation_id(KEY, "bob", [SYSTEM, HELLO])
    assert first == conversation_id(KEY, "bob", [SYSTEM, HELLO, ANSWER, MORE])
    assert len(first) == 32 and int(first, 16) >= 0


def test_what_makes_another_conversation() -> None:
    names = [
        conversation_id(KEY, "bob", [SYSTEM, HELLO]),
        conversation_id(KEY, "eve", [SYSTEM, HELLO]),
        conversation_id(KEY, "bob", [HELLO]),
        conversation_id(KEY, "bob", [SYSTEM, MORE]),
        conversation_id(b"other", "bob", [SYSTEM, HELLO]),
        conversation_id(KEY, "bob", []),
        conversation_id(KEY, "bob", [ANSWER]),
        conversation_id(KEY, "bobsystem", [Segment("/0", "user", "Be brief.")]),
    ]
    assert len(set(names)) == len(names)


def test_parts_cannot_run_into_each_other() -> None:
    one = [Segment("/0", "system", "ab"), Segment("/1", "user", "c")]
    two = [Segment("/0", "system", "a"), Segment("/1", "user", "bc")]
    assert conversation_id(KEY, "x", one) != conversation_id(KEY, "x", two)


def test_strange_text() -> None:
    assert conversation_id(KEY, "x", [Segment("/0", "user", "\ud800\x00")])
