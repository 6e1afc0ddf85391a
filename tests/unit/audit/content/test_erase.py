from __future__ import annotations

import json

import pytest

from weir.audit.content.erase import complete, erase, reading_record
from weir.audit.content.keystore import KeyStore
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.chain import replay, verify_chain
from weir.audit.spool.writer import Spool

from .conftest import Shelf


def durable(spool: Spool, record: AuditRecord) -> None:
    spool.put(record)
    assert spool.flush(60)


def test_an_erasure_is_recorded_and_the_chain_still_verifies(shelf: Shelf, spool: Spool) -> None:
    kept = shelf.keep()
    durable(spool, AuditRecord(event_id=kept.event_id, kind="request", content_ct_hash=kept.content_ct_hash))
    done = erase(shelf.keys, "user", "anna", by="dpo", reason="request 17", append=lambda one: durable(spool, one))
    rows = list(replay(shelf.root / "spool"))
    assert [row["kind"] for row in rows] == ["request", "erasure"]
    assert rows[0]["content_ct_hash"] == kept.content_ct_hash
    assert rows[1]["event_id"] == done.event_id
    assert rows[1]["user"] == "anna"
    assert rows[1]["reason"] == "erased by dpo: request 17"
    assert json.loads(rows[1]["extra"]) == {"of": "user", "subject": done.subject, "keys": 1, "until": done.at_us}
    assert verify_chain(shelf.root / "spool") == []
    assert shelf.reader.check({kept.event_id: kept.content_ct_hash}) == {kept.event_id: "erased"}
    assert complete(shelf.keys, lambda one: durable(spool, one)) == []


def test_a_conversation_is_named_as_one(shelf: Shelf) -> None:
    shelf.keep()
    written: list[AuditRecord] = []
    erase(shelf.keys, "conversation", "c1", by="dpo", reason="", append=written.append)
    assert (written[0].user, written[0].conversation_id) == ("", "c1")


@pytest.mark.parametrize("when", ["before the record", "after the record"])
def test_a_crash_between_keys_and_record_is_mended(shelf: Shelf, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = shelf.keep()
    written: list[AuditRecord] = []

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if when == "after the record":
            patched.setattr(KeyStore, "recorded", crash)
        with pytest.raises(KeyboardInterrupt):
            erase(
                *(shelf.keys, "user", "anna"),
                by="dpo",
                reason="r",
                append=crash if when == "before the record" else written.append,
            )
    assert shelf.reader.check({kept.event_id: ""}) == {kept.event_id: "erased"}
    (done,) = complete(shelf.keys, written.append)
    assert {one.event_id for one in written} == {done.event_id}
    assert {one.kind for one in written} == {"erasure"}
    assert json.loads(written[-1].extra)["keys"] == 1
    assert complete(shelf.keys, written.append) == []


def test_reading_is_an_event_too() -> None:
    event, exchange = new_event_id(), new_event_id()
    record = reading_record(event, exchange, by="ops", reason="case 9", outcome="opened")
    assert (record.kind, record.exchange_id, record.reason) == ("disclosure", exchange, "case 9")
    assert record.event_id != event
    assert json.loads(record.extra) == {"by": "ops", "event": event, "outcome": "opened"}
    assert record.ts is not None
    assert record.ts <= now_us()
