from __future__ import annotations

from dataclasses import replace

import pytest

from weir.model import Inspection, Usage
from weir.providers.replies.notes import TEXT_CHARS_MAX, TOKENS_MAX, Notes, Place, consistent
from weir.providers.wire.pointers import REPLY_TEXTS_MAX
from weir.providers.wire.values import COUNT_MAX


def test_texts_are_bounded() -> None:
    notes = Notes()
    notes.keep("x" * (TEXT_CHARS_MAX - 1))
    notes.keep("yz")
    notes.keep("more")
    reply = notes.reply()
    assert len(reply.text) == TEXT_CHARS_MAX and reply.text.endswith("y")
    assert (reply.inspection, reply.reason) == (Inspection.PARTIAL, "text over the limit")


def test_calls_fill_up_and_are_bounded() -> None:
    notes = Notes()
    notes.call("0", "", "")
    notes.call("0", "call_1", "")
    notes.call("0", "", "look")
    notes.call("0", "other", "other")
    assert notes.reply().tool_calls == (("call_1", "look"),)
    for at in range(2000):
        notes.call(f"k{at}", "i", "n")
    assert len(notes.reply().tool_calls) == 1000
    assert notes.reply().reason == "tool calls over the limit"


def test_unparsed_outranks_partial() -> None:
    notes = Notes()
    notes.mark(Inspection.UNPARSED, "a")
    notes.mark(Inspection.PARTIAL, "b")
    notes.mark(Inspection.PARTIAL, "b")
    assert (notes.reply().inspection, notes.reply().reason) == (Inspection.UNPARSED, "a; b")


def test_names_are_bounded_and_not_lost() -> None:
    notes = Notes()
    notes.name(model="m" * 5000, finish_reason="stop")
    notes.name(model="", finish_reason="")
    assert len(notes.reply().model) == 256
    assert notes.reply().finish_reason == "stop"


def test_a_repetition_is_not_kept() -> None:
    notes = Notes()
    notes.keep_all([Place("/a", "c", "once"), Place("/b", "d", "once", kept=False)])
    assert notes.reply().text == "once"
    assert "once" not in repr(notes.reply())


def test_values_are_taken_while_there_is_room() -> None:
    notes = Notes()
    assert list(notes.each(["a", "b"])) == [(0, "a"), (1, "b")]
    assert len(list(notes.each([None] * 100_000))) == REPLY_TEXTS_MAX - 2
    assert notes.room.short


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        (Usage(5, 5, cache_read_tokens=8, cache_write_tokens=2), Usage(10, 5, 8, 2)),
        (Usage(5, 5, reasoning_tokens=9), Usage(5, 9, reasoning_tokens=9)),
        (Usage(20, 5, 8, 2, 1), Usage(20, 5, 8, 2, 1)),
        (Usage(1 << 62, 1 << 62), Usage(TOKENS_MAX, TOKENS_MAX)),
        (Usage(1, 1, parts=(("web_searches", 1 << 60),)), Usage(1, 1, parts=(("web_searches", COUNT_MAX),))),
    ],
)
def test_usage_agrees_with_itself_and_has_an_end(reported: Usage, expected: Usage) -> None:
    notes = Notes()
    notes.usage, notes.by_model["m"] = reported, reported
    assert notes.reply().usage == expected and notes.reply().by_model == (("m", expected),)


def test_arguments_are_no_text_and_stand_by_their_call() -> None:
    notes = Notes()
    notes.call("0", "c0", "look")
    notes.call("1", "c1", "send")
    notes.keep("I look.")
    notes.argue("1", '{"to":')
    notes.keep_all([Place("/x", "x", ' "ann"}', call="1"), Place("/y", "y", "Done.")])
    notes.argue("9", '{"nobody": "called"}')  # a call that never had a name: a text like others
    reply = notes.reply()
    assert reply.arguments == ("", '{"to": "ann"}')
    assert reply.text == 'I look.Done.{"nobody": "called"}'


def test_arguments_that_are_no_text_become_json() -> None:
    notes = Notes()
    notes.call("0", "", "look")
    notes.argue("0", {"where": "Köln", "deep": [1, None]})
    assert notes.reply().arguments == ('{"where":"Köln","deep":[1,null]}',)
    notes = Notes()
    notes.call("0", "", "look")
    notes.argue("0", {})
    assert notes.reply().arguments == ()


def test_arguments_share_the_bound_of_texts() -> None:
    notes = Notes()
    notes.call("0", "", "look")
    notes.keep("a" * (TEXT_CHARS_MAX - 3))
    notes.argue("0", "b" * 10)
    assert notes.reply().arguments == ("bbb",)
    assert notes.reply().reason == "text over the limit"


def test_usage_that_agrees_with_itself_stays_the_object_it_is() -> None:
    honest = Usage(input_tokens=9, output_tokens=5, cache_read_tokens=4, cache_write_tokens=5, reasoning_tokens=5)
    assert consistent(honest) is honest
    for lie in (replace(honest, input_tokens=8), replace(honest, output_tokens=4)):
        assert consistent(lie) == honest
    assert consistent(replace(honest, input_tokens=TOKENS_MAX + 1)).input_tokens == TOKENS_MAX
    assert consistent(replace(honest, parts=(("audio_ms", COUNT_MAX + 1),))).parts == (("audio_ms", COUNT_MAX),)
