from __future__ import annotations

from typing import Any

import pytest

from weir.model import Usage
from weir.providers.formats.flat import FlatEvents, counted
from weir.providers.replies.notes import Notes


@pytest.mark.parametrize(
    ("holder", "wanted"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, (3, 2, 0)),
        ({"input_tokens": 3, "output_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}, (3, 2, 1)),
        ({"input_token_count": 3, "generated_token_count": 2}, (3, 2, 0)),
        ({"prompt_tokens": "x", "completion_tokens": -2}, (0, 0, 0)),
    ],
)
def test_counts_go_by_many_names(holder: Any, wanted: tuple[int, int, int]) -> None:
    used = counted(holder)
    assert used is not None and (used.input_tokens, used.output_tokens, used.cache_read_tokens) == wanted


def test_half_a_report_is_none() -> None:
    assert counted({"output_tokens": 7}) is None and counted({}) is None


def read(doc: Any) -> Notes:
    notes = Notes()
    FlatEvents().whole(doc, notes)
    return notes


def test_what_the_request_said_is_no_text_of_the_models() -> None:
    doc = {"prompt": "asked", "output": ["gi", "ven"], "logs": "made", "usage": {"input_tokens": 1, "output_tokens": 2}}
    reply = read(doc).reply()
    assert reply.text == "given" and reply.usage == Usage(1, 2, source="reported")


@pytest.mark.parametrize("doc", [{"error": "no"}, {"errors": [{"message": "no"}]}])
def test_errors(doc: Any) -> None:
    assert read(doc).finish_reason == "error"
    step = FlatEvents().event("", doc, Notes())
    assert step.ends == ("",) and step.wholes == (("", doc),) and not step.places


def test_the_end_is_told_by_the_first_result() -> None:
    notes = Notes()
    events = FlatEvents()
    going: Any = {"results": [{"generated_text": "a", "stop_reason": "not_finished"}]}
    ended: Any = {"results": [{"generated_text": "b", "stop_reason": "eos"}]}
    assert events.event("", going, notes).ends == () and not notes.complete
    assert events.event("", ended, notes).ends == ("",) and notes.complete and notes.finish_reason == "eos"
