"""A data directory in which texts were kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import pytest

from weir.audit.content.kek import load
from weir.audit.content.parts import CalledTool, Content, Text
from weir.audit.content.writer import ContentWriter
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, ToolCallRow, new_event_id, now_us
from weir.audit.spool.chain import replay
from weir.audit.spool.writer import Spool
from weir.datadir import DataDir

TALK = "c0ffee" * 5 + "00"


@dataclass(frozen=True)
class Kept:
    """Where it is, and its two events with texts: what was asked, and what was answered."""

    data: Path
    asked: AuditRecord
    answered: AuditRecord

    def rows(self, kind: str) -> list[dict[str, object]]:
        """The records of a kind in the spool, with what their ``extra`` holds."""
        found = [row for row in replay(self.data / "spool") if row.get("kind") == kind]
        return [{**row, **orjson.loads(str(row.get("extra") or "{}"))} for row in found]

    def ingest(self) -> None:
        """Bring everything into the store."""
        with Ingester(self.data / "spool", self.data / "audit") as ingester:
            ingester.run_once()


@pytest.fixture
def make_kept(tmp_path: Path) -> Callable[..., Kept]:
    """``make_kept(ingested=True)``: anna asks about Cham, a tool is called, the answer comes."""

    def make(*, ingested: bool = True) -> Kept:
        data = DataDir(tmp_path / "data")
        ring = load(data.secrets / "content.keys", create=True)
        writer = ContentWriter(data.content, lambda: ring)
        writer.start()
        exchange, now = new_event_id(), now_us()
        common = {"user": "anna", "team": "finance", "app": "wiki", "service": "openai", "request_model": "gpt-5"}
        base = AuditRecord(
            event_id=new_event_id(), exchange_id=exchange, kind="request", ts=now, conversation_id=TALK,
            verdict="alert", action="alert", rule_id="look", **common,  # type: ignore[arg-type]
            findings=(FindingRow(0, "pii/EMAIL_ADDRESS", "pii", "request", "alert", severity="low", segment=1,
                                 span_start=0, span_end=5),),
        )  # fmt: skip
        reply = replace(
            base, event_id=new_event_id(), kind="response", ts_end=now + 2_000_000, response_model="gpt-5-mini",
            input_tokens=12, output_tokens=5, findings=(), tool_calls=(ToolCallRow(0, "look", "c1"),),
        )  # fmt: skip
        texts = {
            base: Content(
                (Text("system", "Be brief."), Text("user", "Who lives in \x1b[31mCham?", "/messages/1/content"))
            ),
            reply: Content((), "Some 17,000 people.", (CalledTool("look", '{"in":"Cham"}', "c1"),)),
        }
        records = []
        for record, content in texts.items():
            sealed = writer.seal(
                content, event_id=record.event_id, user="anna", conversation=TALK, ts_us=now,
                expires_day=now // 86_400_000_000 + 30,
            )  # fmt: skip
            assert sealed is not None and writer.put(sealed)
            records.append(replace(record, content_ct_hash=sealed.content_ct_hash))
        assert writer.close(60)
        spool = Spool(data.spool, data.proxy_id, "0" * 16, segment_bytes_max=1 << 20)
        spool.start()
        for record in records:
            spool.put(record)
        assert spool.close(60)
        kept = Kept(data.path, *records)
        if ingested:
            kept.ingest()
        return kept

    return make


@pytest.fixture
def kept(make_kept: Callable[..., Kept]) -> Kept:
    """As it is in the second before the ingester has read it: the commands look into the spool too."""
    return make_kept(ingested=False)
