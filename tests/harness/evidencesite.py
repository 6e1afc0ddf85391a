"""A data directory of a real weir to make a folder of: a spool with gaps and erasures, a store, checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from weir import settings
from weir.audit.evidence.keys import signing_key
from weir.audit.evidence.note import SigningKey
from weir.audit.evidence.witness import Witness
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, ToolCallRow, new_event_id, now_us
from weir.audit.spool.writer import Spool
from weir.datadir import DataDir
from weir.edge.process.policies import keep_policy
from weir.reports.evidence.folder import Order
from weir.reports.evidence.source import Period

__all__ = ["BEGIN", "DAY", "EMAIL", "PERIOD", "POLICY", "RECORDS", "SECOND", "Site", "build", "exchange", "record"]

DAY = 86_400_000_000
BEGIN = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC
PERIOD = Period(datetime(2023, 11, 15, tzinfo=UTC), datetime(2023, 11, 18, tzinfo=UTC))
POLICY = settings.loads("version: 1\nmode: enforce\n")
SECOND = settings.loads("version: 1\nmode: observe\n")
EMAIL = "anna@example.com"


def record(kind: str, at: int, **given: object) -> AuditRecord:
    """A record of a kind, ``at`` µs after the beginning of the period."""
    return AuditRecord(event_id=new_event_id(), kind=kind, ts=BEGIN + at, **given)  # type: ignore[arg-type]


def exchange(at: int, **given: object) -> list[AuditRecord]:
    """The two records of an exchange that was let through and read whole."""
    values: dict[str, object] = {
        "exchange_id": new_event_id(), "user": EMAIL, "team": "finance", "auth_method": "jwt", "src_ip": "10.1.2.3",
        "host": "api.openai.com", "service": "openai", "service_status": "sanctioned", "inspection": "inspected",
        "mode": "enforce", "verdict": "allow", "action": "allow", "policy_hash": POLICY.hash, "req_bytes": 1000,
    }  # fmt: skip
    values |= given
    reply = {"resp_bytes": 3000, "cost_nano": 5_000_000, "price_id": "openai/gpt-5@list-1", "usage_source": "reported"}
    return [record("request", at, **values), record("response", at, ts_end=BEGIN + at + 1_000_000, **values, **reply)]


RECORDS = [
    *exchange(-DAY),  # before the period
    record("config", -DAY, policy_hash=POLICY.hash, reason="policy in force"),
    *exchange(1, tool_calls=(ToolCallRow(ord=0, name="grep"),)),
    *exchange(2, key_id="vk1", inspection="partial", inspection_reason="too large", user="ben"),
    record("config", DAY, policy_hash=SECOND.hash, reason="policy taken"),
    *exchange(
        DAY + 1, inspection="metered", user="", auth_method="network", service="deepseek",
        service_status="unsanctioned",
    ),
    *exchange(DAY + 2, host="shop.example", service="", service_status="", inspection="metered"),
    record("request", DAY + 3, exchange_id=new_event_id(), service="openai", host="h.example", inspection="inspected"),
    record(
        "block", DAY + 4, exchange_id=new_event_id(), user=EMAIL, service="openai", host="api.openai.com",
        inspection="inspected", verdict="block", action="block", rule_id="no-credentials-leave", mode="enforce",
        findings=(FindingRow(ord=0, detector="secret/key", category="secret", action="block", match_hmac="aa"),),
    ),
    record("gap", DAY + 5, ts_end=BEGIN + DAY + 5 + 7_500_000, dropped=12, reason="no space left on device"),
    record("erasure", DAY + 6, user="carla", reason="erased by dora: request 17", extra='{"of":"user","keys":3}'),
    record("disclosure", DAY + 7, reason="complaint 4", extra='{"by":"ben","event":"e1","outcome":"opened"}'),
    record("budget", DAY + 8, team="finance", rule_id="budget", reason="80 % of the budget of team finance is spent"),
    *exchange(9 * DAY),  # after it
]  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A data directory and who signs there."""

    data: DataDir
    key: SigningKey

    def order(self, out: Path, **given: object) -> Order:
        """An order of the folder of the period."""
        values = {"data_dir": self.data.path, "out": out, "period": PERIOD, "proxy_id": self.data.proxy_id,
                  "version": "0", "key": self.key}  # fmt: skip
        return Order(**{**values, **given})  # type: ignore[arg-type]


def build(path: Path) -> Site:
    """Write, ingest and sign the records."""
    data = DataDir(path)
    spool = Spool(data.spool, data.proxy_id, new_event_id(), segment_bytes_max=1 << 20)
    spool.start()
    for one in RECORDS:
        spool.put(one)
    assert spool.close(60)
    with Ingester(data.spool, data.audit) as ingester:
        assert ingester.run_once() == len(RECORDS)
    witness = Witness(data.spool, data.audit / "checkpoints.jsonl", data.keys, data.proxy_id)
    assert witness.step(now_us()) and not witness.found
    keep_policy(data, POLICY)
    return Site(data, signing_key(data.keys, data.proxy_id))
