from __future__ import annotations

import json

import pytest

from weir.dlp.standins.conversation import conversation_id, kept_by_provider, masker_for
from weir.dlp.standins.conversations import Conversations
from weir.dlp.standins.mask import ConversationMasker
from weir.model import Action, Endpoint, Exchange, Finding, Segment
from weir.sections import Pseudonyms

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


def said(text: str, operation: str = "responses") -> Exchange:
    return Exchange(Endpoint("openai", "openai_responses", operation), "m", False, (Segment("/input", "user", text),))


def body(**members: object) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    ("operation", "data", "expected"),
    [
        ("responses", body(previous_response_id="resp_1"), ("resp_1", "")),
        ("interactions", body(previous_interaction_id="i_1"), ("i_1", "")),
        ("responses", body(conversation="conv_1"), ("", "conv_1")),
        ("responses", body(conversation={"id": "conv_1"}), ("", "conv_1")),
        ("responses", body(previous_response_id=None, conversation=None), ("", "")),
        ("responses", body(previous_response_id=7, conversation={"id": 7}), ("", "")),
        ("responses", body(metadata={"previous_response_id": "resp_1"}), ("", "")),
        ("responses", body(input='{"previous_response_id": "resp_1"}'), ("", "")),
        ("chat", body(previous_response_id="resp_1"), ("", "")),
        ("responses", b'"previous_response_id"', ("", "")),
        ("responses", b'{"previous_response_id"', ("", "")),
        ("responses", None, ("", "")),
    ],
)
def test_what_the_provider_keeps(operation: str, data: bytes | None, expected: tuple[str, str]) -> None:
    assert kept_by_provider(operation, data) == expected


MAIL = "pii/EMAIL_ADDRESS"


class Talk:
    """Turns through one memory; each says one address and asks what a reply would bring back."""

    def __init__(self) -> None:
        self.known = Conversations(b"key")

    def turn(self, who: str, text: str, value: str = "", **members: object) -> tuple[ConversationMasker, str]:
        exchange = said(text)
        masker = masker_for(self.known, Pseudonyms(), KEY, who, exchange, body(**members))
        start = text.find(value)
        found = [Finding(MAIL, "pii", 0, start, start + len(value), 1.0)] if value else []
        edits = masker.edits(exchange.segments, found, [Action.PSEUDONYMISE]) if found else {}
        return masker, edits.get("/input", text)


def restored(masker: ConversationMasker, text: str) -> str:
    restorer = masker.restorer()
    return text if restorer is None else restorer.feed("c", text) + restorer.flush("c")


def test_a_reply_after_a_kept_turn_brings_back_what_that_turn_said() -> None:
    talk = Talk()
    first, sent = talk.turn("bob", "mail a@x.com", "a@x.com")
    assert sent == "mail <EMAIL_ADDRESS_1>"
    first.answered("resp_1")
    second, sent = talk.turn("bob", "and b@x.com", "b@x.com", previous_response_id="resp_1")
    assert sent == "and <EMAIL_ADDRESS_2>" and second.conversation == first.conversation
    assert restored(second, "<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2>") == "a@x.com b@x.com"
    second.answered("resp_2")
    third, _ = talk.turn("bob", "who?", previous_response_id="resp_2")
    assert (
        restored(third, "<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2> <EMAIL_ADDRESS_3>") == "a@x.com b@x.com <EMAIL_ADDRESS_3>"
    )
    branch, _ = talk.turn("bob", "who?", previous_response_id="resp_1")  # knows nothing of the other branch
    assert restored(branch, "<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2>") == "a@x.com <EMAIL_ADDRESS_2>"


def test_another_caller_gets_nothing_of_it() -> None:
    talk = Talk()
    first, _ = talk.turn("bob", "mail a@x.com", "a@x.com")
    first.answered("resp_1")
    other, sent = talk.turn("eve", "mail e@x.com", "e@x.com", previous_response_id="resp_1")
    assert "<EMAIL_ADDRESS_1>" not in sent  # a form of its own: what the provider has seen is unknown
    assert restored(other, "<EMAIL_ADDRESS_1>") == "<EMAIL_ADDRESS_1>"
    assert restored(other, sent) == "mail e@x.com" and other.conversation != first.conversation
    same, _ = talk.turn("eve", "mail a@x.com", "a@x.com")
    same.answered("resp_1")  # even the same id
    again, _ = talk.turn("bob", "who?", previous_response_id="resp_1")
    assert restored(again, "<EMAIL_ADDRESS_1>") == "a@x.com"


def test_a_literal_of_the_prompt_is_left_alone_now_and_later() -> None:
    talk = Talk()
    first, _ = talk.turn("bob", "mail a@x.com", "a@x.com")
    first.answered("resp_1")
    second, _ = talk.turn("bob", "what is <EMAIL_ADDRESS_1>?", previous_response_id="resp_1")
    assert restored(second, "<EMAIL_ADDRESS_1>") == "<EMAIL_ADDRESS_1>"
    second.answered("resp_2")
    third, _ = talk.turn("bob", "go on", previous_response_id="resp_2")
    assert restored(third, "<EMAIL_ADDRESS_1>") == "<EMAIL_ADDRESS_1>"
    third, sent = talk.turn("bob", "<EMAIL_ADDRESS_9> b@x.com", "b@x.com", previous_response_id="resp_1")
    assert sent == "<EMAIL_ADDRESS_9> <EMAIL_ADDRESS_A_1>" and restored(third, sent) == "<EMAIL_ADDRESS_9> b@x.com"


def test_a_conversation_kept_by_the_provider() -> None:
    talk = Talk()
    talk.turn("bob", "mail a@x.com", "a@x.com", conversation="conv_1")
    second, sent = talk.turn("bob", "and b@x.com", "b@x.com", conversation={"id": "conv_1"})
    assert sent == "and <EMAIL_ADDRESS_2>"
    assert restored(second, "<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2>") == "a@x.com b@x.com"
    other, _ = talk.turn("eve", "who?", conversation="conv_1")
    assert restored(other, "<EMAIL_ADDRESS_1>") == "<EMAIL_ADDRESS_1>"
    elsewhere, _ = talk.turn("bob", "who?", conversation="conv_2")
    assert restored(elsewhere, "<EMAIL_ADDRESS_1>") == "<EMAIL_ADDRESS_1>"


def test_a_chat_of_the_same_beginning_gets_nothing_of_the_other() -> None:
    talk = Talk()
    for value in ("a@x.com", "b@x.com"):
        exchange = Exchange(
            Endpoint("openai", "openai_chat", "chat"), "m", False, (SYSTEM, HELLO, Segment("/2", "user", value))
        )
        masker = masker_for(talk.known, Pseudonyms(), KEY, "app", exchange, b"{}")
        masker.edits(exchange.segments, [Finding(MAIL, "pii", 2, 0, 7, 1.0)], [Action.PSEUDONYMISE])
    assert restored(masker, "<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2>") == "<EMAIL_ADDRESS_1> b@x.com"


def test_turns_without_findings_keep_the_thread() -> None:
    talk = Talk()
    first, _ = talk.turn("bob", "hello")
    first.answered("resp_1")
    second, sent = talk.turn("bob", "mail a@x.com", "a@x.com", previous_response_id="resp_1")
    assert sent == "mail <EMAIL_ADDRESS_1>" and second.conversation == first.conversation
