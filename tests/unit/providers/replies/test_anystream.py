from __future__ import annotations

from weir.providers.replies.anystream import any_step, any_tail
from weir.providers.replies.notes import Notes
from weir.providers.wire.values import JsonObject

DOC: JsonObject = {"outputs": [{"text": "Hi", "stop_reason": "stop"}], "seen": "a note", "id": "x"}


def test_every_string_is_a_text_that_goes_on() -> None:
    step = any_step(DOC, Notes())
    assert [(p.pointer, p.text, p.kept) for p in step.places] == [
        ("/outputs/0/text", "Hi", True),
        ("/seen", "a note", False),
    ]
    assert step.places[0].channel == any_step(DOC, Notes()).places[0].channel
    assert not step.ends and any_step(DOC, Notes(), last=True).ends == ("",)


def test_a_tail_says_nothing_else() -> None:
    assert any_tail(DOC, any_step(DOC, Notes()).places[0], "more") == {"outputs": [{"text": "more"}]}
