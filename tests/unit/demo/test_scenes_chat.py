"""The scenes of plain chats: right when all is well, different when a word is."""

from __future__ import annotations

import pytest

from weir.demo.scenes_chat import CLEAN, QUESTION, STREAMED
from weir.demo.scenes_model import Cast, play

from .conftest import FakeSdk, FakeUpstream


def test_clean(cast: Cast) -> None:
    outcome = play(CLEAN, cast)
    assert (outcome.seen, outcome.ok) == ("1 questions upstream, 1 answers back, word for word", True)


def test_clean_with_an_edited_question(cast: Cast, sdk: FakeSdk) -> None:
    sdk.edit = lambda text: text.replace("weir", "dam")
    outcome = play(CLEAN, cast)
    assert (outcome.seen, outcome.ok) == ("fake: the provider was asked something else", False)


def test_clean_with_an_edited_answer(cast: Cast, sdk: FakeSdk) -> None:
    sdk.undo = str.upper
    outcome = play(CLEAN, cast)
    assert (outcome.seen, outcome.ok) == ("fake: the client got another answer", False)


def test_clean_that_never_got_there(cast: Cast, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeUpstream, "arrived", lambda self, after=0: [])
    outcome = play(CLEAN, cast)
    assert (outcome.seen, outcome.ok) == ("fake: 0 requests reached the provider, not one", False)


def test_streamed(cast: Cast, upstream: FakeUpstream) -> None:
    outcome = play(STREAMED, cast)
    assert outcome.ok and "1 of 9" in outcome.seen
    assert upstream.held == upstream.released == ["demo-openai"]


def test_streamed_but_late(cast: Cast, sdk: FakeSdk, upstream: FakeUpstream) -> None:
    sdk.events = 4
    outcome = play(STREAMED, cast)
    assert (outcome.seen, outcome.ok) == ("fake: 4 events were sent before the first came", False)
    assert upstream.released  # or the double would wait for two minutes


def test_streamed_with_other_words(cast: Cast, sdk: FakeSdk) -> None:
    sdk.undo = lambda text: text[:-1]
    assert play(STREAMED, cast).seen == "fake: the stream says something else"


def test_the_question_holds_nothing_to_find() -> None:
    assert "@" not in QUESTION and not any(char.isdigit() for char in QUESTION)
