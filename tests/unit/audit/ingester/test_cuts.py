"""What a process that was killed has left open gets its end on record, once, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from weir.audit.ingester import cuts as module
from weir.audit.ingester.cuts import CUT, Cuts
from weir.audit.ingester.duty import Desk
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.chain import replay
from weir.audit.spool.opened import chain_name, number_of, segments
from weir.audit.spool.records import write_records
from weir.audit.spool.writer import Spool
from weir.datadir import DataDir
from weir.sections_audit import Audit


def record(kind: str, exchange: str, **more: object) -> AuditRecord:
    values = {"event_id": new_event_id(), "exchange_id": exchange, "kind": kind, "ts": now_us(), **more}
    return AuditRecord(**values)  # type: ignore[arg-type]


def test_open_exchanges_of_the_dead_are_cut_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    home = DataDir(tmp_path / "data")
    dead, living = (Spool(home.spool, home.proxy_id, boot) for boot in ("00000000000000aa", "00000000000000bb"))
    whole, broken, blocked, socket, running = (new_event_id() for _ in range(5))
    for spool in (dead, living):
        spool.start()
    for one in (
        record("request", whole, user="ada"),
        record("response", whole),
        record("request", broken, user="ada", host="api.openai.com", port=443, stream=True, reason="rule"),
        record("block", blocked),
        record("request", socket, user="bob"),
        record("turn", socket),
        record("config", new_event_id()),
    ):
        dead.put(one)
    living.put(record("request", running))
    assert dead.close(10) and living.flush(10)  # a closed chain is one that nobody holds, whoever let go of it
    cuts, desk = Cuts(), Desk(home.path, Audit())
    with Ingester(home.spool, home.audit) as ingester:
        assert cuts.run(desk, last=False) == [], "nothing is read yet"
        ingester.run_once()
        (line,) = cuts.run(desk, last=False)
        assert line.startswith("2 exchanges were open")
        for _ in range(3):
            ingester.run_once()
            assert cuts.run(desk, last=False) == []
        rows = [row for row in replay(home.spool) if row.get("finish_reason") == CUT]
        assert [(row["exchange_id"], row["user"], row["kind"]) for row in rows] == [
            (broken, "ada", "response"),
            (socket, "bob", "response"),
        ]
        assert (rows[0]["host"], rows[0]["port"], rows[0]["stream"]) == ("api.openai.com", 443, True)
        assert Cuts().run(desk, last=False) == [], "another start has looked at them already"
        (home.audit / "cuts.json").write_text("{")
        assert Cuts().run(desk, last=True) == [], "and finds nothing anew"
        assert living.close(10)
        ingester.run_once()
        assert Cuts().run(desk, last=True)[0].startswith("an exchange was open")
        ingester.run_once()
    with duckdb.connect(str(home.audit / "audit.duckdb"), read_only=True) as store:
        found = {
            str(exchange): (kind, ended, reason)
            for exchange, kind, ended, reason in store.execute(
                "select exchange_id, kind, ended is not null, finish_reason from exchanges"
            ).fetchall()
        }
    assert found == {
        whole: ("response", True, None),
        broken: ("response", True, CUT),
        blocked: ("block", True, None),
        socket: ("response", True, CUT),
        running: ("response", True, CUT),
    }


@pytest.mark.parametrize(
    ("spoilt", "asks"),
    [("", False), ("open", True), ("long", True), ("first gone", True), ("no record", True), ("torn", True)],
)
def test_of_a_short_chain_that_ends_what_it_began_the_store_is_not_asked(
    tmp_path: Path, spoilt: str, asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = DataDir(tmp_path / "data")
    one = new_event_id()
    ends = [] if spoilt == "open" else [record("response", one)]
    write_records(home.spool, home.proxy_id, [record("request", one), *ends, record("turn", one)])
    ((path,),) = segments(home.spool).values()
    assert number_of(path) == 1
    if spoilt == "first gone":
        path = path.rename(path.with_name(path.name.replace("-000001.", "-000002.")))
    elif spoilt in ("no record", "torn"):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines) + (b"{}\n" if spoilt == "no record" else lines[-1].rstrip()))
    elif spoilt == "long":
        monkeypatch.setattr(module, "_SHORT", 100)
    asked: list[str] = []
    ask = module._open_in
    monkeypatch.setattr(module, "_open_in", lambda *given: asked.extend(given[2]) or ask(*given))
    with Ingester(home.spool, home.audit) as ingester:
        ingester.run_once()
        found = Cuts().run(Desk(home.path, Audit()), last=True)
    assert (asked == [chain_name(path)]) is asks and bool(found) is (spoilt == "open")
