"""A record and its texts: both durable before anything is forwarded, and neither lost for the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from harness.rig import chat
from weir.audit.content.waiting import ContentUnavailable
from weir.audit.record import AuditRecord, new_event_id
from weir.edge.content import storing, writing
from weir.edge.content.keeping import INLINE_CHARS_MAX, Kept
from weir.edge.process.workers import WorkersBusy

Make = Callable[..., Any]


def test_strict_waits_for_the_texts_too(keeping: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keeping()
    waited = []
    durable = kept.rig.state.content.durable

    async def slow(sealed: Any) -> None:
        await durable(sealed)
        waited.append(sealed.event_id)

    monkeypatch.setattr(kept.rig.state.content, "durable", slow)
    flow = kept.rig.flow(chat("hello"))
    kept.rig.play(flow, "requestheaders", "request")
    assert waited == [kept.rig.records[0].event_id] and flow.response is None


def test_strict_refuses_without_the_texts_and_says_so(keeping: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keeping()

    async def refused(sealed: Any) -> None:
        raise ContentUnavailable("no space")

    monkeypatch.setattr(kept.rig.state.content, "durable", refused)
    flow = kept.rig.flow(chat("hello"))
    trace = kept.rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 503
    assert flow.response.headers["x-weir-rule"] == "audit-unavailable" == trace.refused_by
    assert not trace.closed  # the record of the request stands: its end is told too
    kept.rig.play(flow, "response")
    assert [(r.kind, r.action, r.http_status) for r in kept.rig.records] == [
        ("request", "allow", None),
        ("response", "block", 503),
    ]


def test_a_disk_that_takes_no_record_counts_first(keeping: Make) -> None:
    kept = keeping()
    kept.rig.ledger.down = "no space"
    flow = kept.rig.flow(chat("hello"))
    trace = kept.rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 503 and trace.closed and not kept.rig.records


def test_available_does_not_wait(keeping: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keeping(durability="available")
    monkeypatch.setattr(kept.rig.state.content, "put", lambda sealed: False)
    flow = kept.rig.flow(chat("hello"))
    kept.rig.play(flow, "requestheaders", "request")
    assert flow.response is None and [r.kind for r in kept.rig.records] == ["request"]
    (record,) = kept.rig.records  # names no texts that nobody has
    assert record.content_ct_hash == "" and record.reason == storing.NOT_KEPT


def test_long_texts_leave_the_event_loop(keeping: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keeping()
    lanes: list[str] = []
    run = kept.rig.state.workers.run

    async def seen(work: Any, *args: Any, **more: Any) -> Any:
        lanes.append(work.__name__)
        return await run(work, *args, **more)

    monkeypatch.setattr(kept.rig.state.workers, "run", seen)
    text = "a word " * (INLINE_CHARS_MAX // 7 + 1)
    flow = kept.rig.flow(chat(text))
    kept.rig.play(flow, "requestheaders", "request")
    assert "_sealed" in lanes
    assert kept.texts(kept.rig.records[0]).segments[-1].text == text


def test_no_worker_for_the_texts(keeping: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keeping()
    state = kept.rig.state

    async def busy(*_: Any, **__: Any) -> None:
        raise WorkersBusy

    monkeypatch.setattr(state.workers, "run", busy)
    made = new_event_id()
    record = AuditRecord(event_id=made, exchange_id=made, kind="request")
    from weir.audit.content.parts import Content, Text

    texts = Kept(lambda: Content((Text("user", "x"),)), True, "anna", "c", 1, 1)

    async def both() -> None:
        waits = storing.store(state, record, texts)
        assert waits is not None
        with pytest.raises(ContentUnavailable):
            await waits
        storing.put(state, record, texts)
        await asyncio.gather(*state.sealing)

    asyncio.run(both())
    assert [r.reason for r in kept.rig.records] == ["its texts could not be kept"] * 2


@pytest.mark.parametrize("heavy", [True, False])
def test_a_record_does_not_go_with_texts_that_cannot_be_gathered(keeping: Make, heavy: bool) -> None:
    kept = keeping()
    state, made = kept.rig.state, new_event_id()

    def broken() -> Any:
        raise ValueError("canary-7731")

    async def run() -> None:
        storing.put(
            state,
            AuditRecord(event_id=made, exchange_id=made, kind="response"),
            Kept(broken, heavy, "anna", "c", 1, 1),
        )
        await asyncio.gather(*state.sealing)

    asyncio.run(run())
    assert [(r.event_id, r.reason) for r in kept.rig.records] == [(made, storing.NOT_KEPT)]


@pytest.mark.parametrize("after", ["another writer", "none"])
@pytest.mark.parametrize("durability", ["strict", "available"])
def test_a_reload_while_a_worker_encrypts(
    keeping: Make, monkeypatch: pytest.MonkeyPatch, durability: str, after: str
) -> None:
    """The writer that encrypted them is closed when it comes to storing them."""
    kept = keeping(durability=durability)
    state = kept.rig.state
    run, old = state.workers.run, state.content

    async def swapped(work: Any, *args: Any, **more: Any) -> Any:
        done = await run(work, *args, **more)
        if state.content is old and work.__name__ == "_sealed":
            state.content = writing._writer(state, state.snapshot) if after == "another writer" else None
            old.close(5)
        return done

    monkeypatch.setattr(state.workers, "run", swapped)
    text = "Who? " * (INLINE_CHARS_MAX // 4)
    flow = kept.rig.flow(chat(text))
    kept.rig.play(flow, "requestheaders", "request")
    if after == "another writer":
        assert flow.response is None and kept.texts(kept.rig.records[0]).segments[-1].text == text
    elif durability == "available":
        (record,) = kept.rig.records
        assert flow.response is None and record.reason == storing.NOT_KEPT and not record.content_ct_hash
    else:
        assert flow.response is not None and flow.response.headers["x-weir-rule"] == "audit-unavailable"


def test_a_record_for_texts_that_cannot_be_kept_is_not_made_in_advance(
    keeping: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[AuditRecord] = []
    unkept = storing._unkept
    monkeypatch.setattr(storing, "_unkept", lambda record: made.append(record) or unkept(record))
    kept = keeping(durability="available")
    kept.rig.play(kept.rig.flow(chat("hello")), "requestheaders", "request")
    assert made == [] and kept.rig.records[0].content_ct_hash
    monkeypatch.setattr(kept.rig.state.content, "put", lambda sealed: False)
    kept.rig.play(kept.rig.flow(chat("hello")), "requestheaders", "request")
    assert len(made) == 1 and kept.rig.records[1].reason == storing.NOT_KEPT
    assert kept.rig.records[1].content_ct_hash == ""
