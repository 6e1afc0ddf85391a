"""The writer of texts as the policy wants it: started, exchanged, stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.rig import Rig, chat
from weir import settings
from weir.audit.content.boots import Boots
from weir.audit.content.kek import new_line
from weir.audit.content.keystore import KeyStore
from weir.audit.content.parts import Content
from weir.audit.content.reader import ContentReader
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.segment import Segment
from weir.audit.spool.writer import Spool
from weir.edge.content import writing
from weir.sections_audit import ContentSettings

Make = Callable[..., Any]


def with_content(rig: Rig, **content: Any) -> Any:
    chosen = settings.loads("version: 1\naudit: {content: " + str(content).replace("'", '"') + "}")
    return replace(rig.state.snapshot, settings=chosen, content=writing.policy_of(chosen.audit.content))


def test_the_section_becomes_the_decision() -> None:
    section = ContentSettings.model_validate(
        {"keep": "findings", "days": 7, "except": [{"keep": "off", "teams": ["works-council"]}]}
    )
    policy = writing.policy_of(section)
    assert (policy.keep, policy.days, policy.exceptions[0].teams) == ("findings", 7, ("works-council",))
    assert not writing.policy_of(ContentSettings()).keeps_any
    assert writing.policy_of(ContentSettings(keep="full", days=36_500)).days == 36_500  # all that the section allows


def test_a_reload_turns_it_on_and_off(rig: Rig) -> None:
    state = rig.state
    writing.start(state)
    assert state.content is None
    on = with_content(rig, keep="full")
    exchange = writing.prepare(state, on)
    assert state.content is None  # nothing changes before the policy does
    assert exchange() is None and state.content is not None and state.content.healthy
    state.snapshot = on
    running = state.content
    assert writing.prepare(state, with_content(rig, keep="findings"))() is None and state.content is running
    assert writing.prepare(state, with_content(rig, keep="off"))() is running and state.content is None
    running.close(5)


def test_another_key_is_another_writer(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    state = rig.state
    writing.prepare(state, with_content(rig, keep="full"))()
    state.snapshot = with_content(rig, keep="full")
    first = state.content
    monkeypatch.setenv("CONTENT_KEY", new_line().strip())
    assert writing.prepare(state, with_content(rig, keep="full", key="env:CONTENT_KEY"))() is first
    assert state.content is not first and state.content is not None
    first.close(5)  # type: ignore[union-attr]
    writing.close(state, 5)


def test_a_policy_whose_key_is_not_to_be_had_is_not_taken(rig: Rig) -> None:
    with pytest.raises(ValueError, match=r"audit\.content wants kept cannot be: audit\.content\.key: ") as problem:
        writing.prepare(rig.state, with_content(rig, keep="full", key="env:NO_SUCH_KEY_HERE"))
    assert rig.state.content is None and "\n" not in str(problem.value)


def test_an_interrupted_erasure_is_completed_at_the_start(keeping: Make, make_rig: Make) -> None:
    kept = keeping()
    flow = kept.rig.flow(chat("hello"))
    kept.rig.play(flow, "requestheaders", "request")
    writing.close(kept.rig.state, 5)
    store = KeyStore(kept.rig.state.data.path / "content")
    done = store.erase("conversation", kept.rig.records[0].conversation_id, now_us())  # and then it was killed
    writing.start(kept.rig.state)
    assert [(r.kind, r.event_id) for r in kept.rig.records][-1] == ("erasure", done.event_id)
    assert store.resume(now_us()) == []


def test_texts_that_were_lost_are_told(keeping: Make) -> None:
    kept = keeping()
    kept.rig.state.content._on_gap(3, 10, 20, "no space")
    gap = kept.rig.records[-1]
    assert (gap.kind, gap.dropped, gap.ts, gap.ts_end, gap.reason) == ("gap", 3, 10, 20, "content: no space")


def test_texts_that_a_kill_took_are_told_by_the_next_start(keeping: Make) -> None:
    kept = keeping()
    state = kept.rig.state
    spool = Spool(state.data.spool, state.data.proxy_id, "killed")
    spool.start()
    lost = [new_event_id() for _ in range(3)]
    for event_id in lost:
        spool.put(AuditRecord(event_id=event_id, kind="request", ts=now_us(), content_ct_hash="ab" * 32))
    assert spool.close(60)
    directory = state.data.path / "content"
    boots = Boots(directory)
    boots.begun(f"{state.data.proxy_id}-killed")
    writing.close(state, 5)
    assert list(boots.others("")) == [f"{state.data.proxy_id}-killed"]  # this one ended in order
    writing.start(state)
    gap = kept.rig.records[-1]
    assert (gap.kind, gap.dropped, gap.reason) == ("gap", 3, "content: weir ended before these texts were on disk")
    assert set(ContentReader(directory).check(dict.fromkeys(lost, "ab" * 32)).values()) == {"unwritten"}
    assert list(boots.others("")) == [f"{state.data.proxy_id}-boot"]
    before = len(kept.rig.records)
    writing.close(state, 5)
    writing.start(state)
    assert len(kept.rig.records) == before  # once


def test_texts_that_closing_left_behind_are_noted(keeping: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keeping()
    state = kept.rig.state
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "append", lambda *_: (_ for _ in ()).throw(OSError(5, "I/O error")))
        sealed = state.content.seal(
            Content(reply="x"), event_id=new_event_id(), user="", conversation="", ts_us=1, expires_day=40_000
        )
        assert state.content.put(sealed)
        writing.close(state, 0.05)
    gap = kept.rig.records[-1]
    assert (gap.kind, gap.dropped, gap.reason) == ("gap", 1, "content: I/O error, until weir ended")
    assert Boots(state.data.path / "content").others("") == {f"{state.data.proxy_id}-boot": [sealed.event_id]}
