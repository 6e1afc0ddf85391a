"""How long every view takes over many rows: 10 million events of 30 days, 500 people, a few of whom do most.

The rows are made by DuckDB straight into the day files of a store, so that it takes minutes and not hours; nothing here
is true of the chain, whose check is timed over one day all the same. Times are the best of three, of the query that
``weir audit views`` gives as an example.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "addons"))

import duckdb

from weir.audit.columns import BATCH
from weir.audit.store import database
from weir.audit.store.parquet import ParquetFiles
from weir.audit.store.tables import STORED
from weir.audit.store.views import MACROS, VIEWS

TARGET_S = 1.0
DAYS = 30
PEOPLE = 500

# An exchange a row; `part(i, k)` is a number in [0, 1) that only i and k decide.
MADE = """
CREATE OR REPLACE TEMP TABLE made AS
WITH drawn AS (
    SELECT i, uuidv7() AS exchange_id, uuidv7() AS asked_id, uuidv7() AS answered_id,
        floor({people} * pow(part(i, 1), 2.5))::INTEGER AS person, floor(6 * pow(part(i, 2), 2))::INTEGER AS at_service,
        floor(3 * pow(part(i, 3), 2))::INTEGER AS of_model, part(i, 4) AS fate, part(i, 5) AS size,
        '{day}'::TIMESTAMP
            + to_microseconds((86400000000 * (0.5 + 0.45 * sin(6.283 * part(i, 6)) * part(i, 7)))::BIGINT) AS ts,
        part(i, 8) AS cached
    FROM range({first}, {first} + {count}) r(i)
)
SELECT *, CASE WHEN fate < 0.03 THEN 'meter' WHEN fate < 0.04 THEN 'block' ELSE 'response' END AS ends_as,
    CASE WHEN fate < 0.03 THEN 'metered' WHEN fate < 0.05 THEN 'partial' WHEN fate < 0.052 THEN 'unparsed'
        ELSE 'inspected' END AS inspection,
    (400 + 200000 * pow(size, 6))::BIGINT AS input_tokens, (20 + 1500 * pow(size, 3))::BIGINT AS output_tokens,
    ['openai', 'anthropic', 'google-gemini', 'mistral', 'deepseek', 'chatgpt-web'][at_service + 1] AS service,
    ['api.openai.com', 'api.anthropic.com', 'generativelanguage.googleapis.com', 'api.mistral.ai', 'api.deepseek.com',
        'chatgpt.com'][at_service + 1] AS host,
    ['sanctioned', 'sanctioned', 'tolerated', 'tolerated', 'unsanctioned', 'unknown'][at_service + 1] AS service_status
FROM drawn ORDER BY ts
"""
EVENT = {
    "event_id": "CASE WHEN answer THEN answered_id ELSE asked_id END",
    "exchange_id": "exchange_id",
    "proxy_id": "'bench'",
    "boot_id": "'00000000-0000-7000-8000-000000000001'",
    "seq": "({seq} + row_number() OVER (ORDER BY ts, i, answer))::UBIGINT",
    "ts": "ts",
    "ts_end": "CASE WHEN answer OR ends_as <> 'response' THEN ts + to_microseconds(800000 + output_tokens * 9000) END",
    "schema_version": "1",
    "kind": "CASE WHEN ends_as = 'response' AND NOT answer THEN 'request' ELSE ends_as END",
    "flow_id": "exchange_id::VARCHAR",
    "conversation_id": "md5((i // 8)::VARCHAR)",
    "user": "CASE WHEN person % 11 > 0 THEN 'user' || person || '@example.com' END",
    "auth_method": "CASE WHEN person % 11 > 0 THEN 'jwt' ELSE 'network' END",
    "team": "'team' || (person % 20)",
    "app": "['claude-code', 'ide', 'chat', 'batch', NULL][person % 5 + 1]",
    "device": "'host' || person",
    "src_ip": "'10.20.' || (person // 250) || '.' || (person % 250)",
    "api_key_fp": "CASE WHEN fate > 0.9 THEN md5((person // 3)::VARCHAR) END",
    "key_id": "CASE WHEN fate < 0.6 THEN 'vk-' || md5(person::VARCHAR)[:12] END",
    "user_groups": "['staff', 'team' || (person % 20)]",
    "user_agent": "'python/3.13 client/1.2'",
    "credential": "CASE WHEN fate > 0.9 THEN 'raw' WHEN fate < 0.6 THEN 'virtual' ELSE 'none' END",
    "credential_kind": "CASE WHEN fate > 0.9 THEN 'project' END",
    "account": "CASE WHEN at_service = 5 THEN CASE WHEN size < 0.2 THEN 'personal' ELSE 'company' END END",
    "host": "CASE WHEN fate < 0.01 THEN 'host' || ((person * 7) % 900) || '.example.net' ELSE host END",
    "port": "443",
    "method": "'POST'",
    "path_template": "'/v1/chat/completions'",
    "provider": "service",
    "service": "CASE WHEN fate >= 0.01 THEN service END",
    "service_status": "CASE WHEN fate >= 0.01 THEN service_status END",
    "operation": "'chat'",
    "request_model": "service || '-model-' || of_model",
    "response_model": "CASE WHEN answer THEN service || '-model-' || of_model || '-2026' END",
    "response_id": "CASE WHEN answer THEN 'resp_' || md5(i::VARCHAR) END",
    "finish_reason": "CASE WHEN answer THEN 'stop' END",
    "http_status": "CASE WHEN ends_as = 'block' THEN 403 WHEN answer THEN 200 + 229 * (size < 0.01)::INTEGER END",
    "stream": "size > 0.5",
    "inspection": "inspection",
    "inspection_reason": "CASE WHEN inspection <> 'inspected' THEN 'too large' END",
    "protocol": "'HTTP/2.0'",
    "input_tokens": "CASE WHEN answer THEN input_tokens END",
    "output_tokens": "CASE WHEN answer THEN output_tokens END",
    "cache_read_tokens": "CASE WHEN answer THEN CASE WHEN cached > 0.6 THEN input_tokens // 2 ELSE 0 END END",
    "cache_write_tokens": "CASE WHEN answer THEN 0 END",
    "usage_source": "CASE WHEN answer THEN CASE WHEN cached < 0.05 THEN 'estimated' ELSE 'reported' END END",
    "cost_nano": "CASE WHEN answer AND at_service < 4 THEN input_tokens * 2500 + output_tokens * 10000 END",
    "price_id": """CASE WHEN answer AND at_service < 4 THEN service || '/' || of_model || '@x'
        WHEN answer THEN 'unpriced' END""",
    "cache_saved_nano": "CASE WHEN answer AND at_service < 4 AND cached > 0.6 THEN input_tokens * 1100 END",
    "duration_us": "CASE WHEN answer THEN 800000 + output_tokens * 9000 END",
    "ttft_us": "CASE WHEN answer THEN 300000 + (size * 500000)::BIGINT END",
    "overhead_us": "900 + (size * 1000)::BIGINT",
    "req_bytes": "input_tokens * 5",
    "resp_bytes": "CASE WHEN answer THEN output_tokens * 30 END",
    "dlp_us": "300 + (size * 900)::BIGINT",
    "dlp_chars": "input_tokens * 4",
    "mode": "'enforce'",
    "verdict": "CASE WHEN ends_as = 'block' THEN 'block' WHEN fate > 0.97 THEN 'redact' ELSE 'allow' END",
    "action": "CASE WHEN ends_as = 'block' THEN 'block' WHEN fate > 0.97 THEN 'redact' ELSE 'allow' END",
    "rule_id": "CASE WHEN ends_as = 'block' OR fate > 0.97 THEN 'rule-' || (person % 9) END",
    "policy_hash": "md5(({day_number} // 7)::VARCHAR)",
    "prev_hash": "sha256(i::VARCHAR)",
    "row_hash": "sha256((i + 1)::VARCHAR)",
    "extra": """CASE WHEN fate < 0.02 THEN '{{"discovered":"true"}}'
        WHEN answer THEN '{{"address":"203.0.113.7:443"}}' END""",
}
# What `exchanges` makes of these records: the reply has all that the request had.
JOINED = {
    "started": "ts",
    "ended": EVENT["ts_end"],
    "request_event_id": "CASE WHEN answer THEN asked_id END",
    "response_event_id": "CASE WHEN answer THEN answered_id ELSE asked_id END",
}
PARENT = """asked_id AS event_id, exchange_id, 'bench' AS proxy_id, '00000000-0000-7000-8000-000000000001' AS boot_id,
    i::UBIGINT AS seq, ts, """
FINDINGS = f"""SELECT {PARENT} ord::BIGINT AS ord, *,
    'request' AS direction, 'redact' AS action, 'rule-1' AS rule_id,
    md5((i % 5000)::VARCHAR) AS match_hmac, 'high' AS severity, 90 AS score_pct FROM (
    SELECT made.*, ord, CASE WHEN fate > 0.997 THEN 'secret/' ELSE 'pii/' END || 'kind' || ((i + ord) % 12) AS detector,
        CASE WHEN fate > 0.997 THEN 'secret' ELSE 'pii' END AS category
    FROM made, range(2) r(ord) WHERE fate > 0.92 AND (ord = 0 OR cached > 0.5))"""
CALLS = f"""SELECT {PARENT} ord::BIGINT AS ord,
    ['Bash', 'Read', 'Edit', 'Grep', 'WebFetch', 'TodoWrite', 'lookup_order',
    'mcp__github__create_issue'][floor(8 * part(i + ord, 9))::INTEGER + 1] AS name,
    'call_' || md5((i * 4 + ord)::VARCHAR) AS call_id FROM made, range(3) r(ord)
    WHERE person % 5 = 0 AND fate > 0.1 AND ord < 3 * cached"""


def select(table: str, source: str, number: int, known: dict[str, str]) -> str:
    """SELECT of a table's stored columns out of a query that has some of them."""
    columns = [
        f'({known.get(column.name, "NULL")})::{column.parquet} AS "{column.name}"' for column in STORED[table]
    ]  # fmt: skip
    return f"SELECT {', '.join(columns)}, {number}::UBIGINT AS {BATCH.name} FROM {source}"


def make(folder: Path, exchanges: int) -> int:
    """A store with so many exchanges; how many events it has."""
    engine = duckdb.connect(config={"memory_limit": "4GB", "threads": 2})
    engine.execute("SET preserve_insertion_order = true")
    engine.execute("CREATE MACRO part(i, k) AS (hash(i, k) % 1000003) / 1000003.0")
    files = ParquetFiles(folder, engine)
    files.prepare()
    today, count, seq, number = date.today(), exchanges // DAYS, 0, 0
    for day_number in range(DAYS):
        day = today - timedelta(days=DAYS - 1 - day_number)
        engine.execute(MADE.format(people=PEOPLE, day=day, first=day_number * count, count=count))
        known = {name: sql.format(seq=seq, day_number=day_number) for name, sql in EVENT.items()}
        both = "(SELECT *, false AS answer FROM made UNION ALL SELECT *, true FROM made WHERE ends_as = 'response')"
        engine.execute(f"CREATE OR REPLACE TEMP TABLE told AS {select('events', both, 0, known)} ORDER BY seq")
        sources = {
            "events": ("told", {column.name: f'"{column.name}"' for column in STORED["events"]}, "seq"),
            "exchanges": ("(SELECT *, ends_as = 'response' AS answer FROM made)", known | JOINED, "started"),
            "findings": (f"({FINDINGS})", _own(FINDINGS, engine), "ts, seq"),
            "tool_calls": (f"({CALLS})", _own(CALLS, engine), "ts, seq"),
        }
        for table, (source, names, order) in sources.items():
            number += 1
            target = files.directory("days", table) / f"{day}_bench.{number:012d}.parquet"
            files.write(f"{select(table, source, number, names)} ORDER BY {order}", table, target)
        seq += int((engine.execute("SELECT count(*) FROM told").fetchone() or (0,))[0])
    engine.close()
    database.ensure(folder)
    return seq


def _own(query: str, engine: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return {row[0]: f'"{row[0]}"' for row in engine.execute(f"DESCRIBE {query}").fetchall()}


def timed(store: duckdb.DuckDBPyConnection, query: str, rounds: int) -> tuple[float, float, int]:
    """The best time of a query, the processor time that it took of all cores, and how many rows it gives."""
    best, spent, rows = float("inf"), float("inf"), 0
    for _ in range(rounds):
        began, worked = time.perf_counter(), time.process_time()
        rows = len(store.execute(query).fetchall())
        best, spent = min(best, time.perf_counter() - began), min(spent, time.process_time() - worked)
    return best, spent, rows


def main() -> None:
    """Make the rows, ask every view, say which took longer than they should."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--events", type=int, default=10_000_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--data", type=Path, help="a data directory to make, or to ask again; it stays")
    given = asked.parse_args()
    data = given.data or Path(tempfile.mkdtemp(prefix="weir-views-"))
    try:
        folder = data / "audit"
        if not folder.exists():
            began = time.perf_counter()
            events = make(folder, given.events * 100 // 196)
            size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
            took = time.perf_counter() - began
            print(
                f"{events:,} events made in {took:.0f} s, {size / 2**20:,.0f} MiB, {size / events:.0f} bytes an event"
            )
        database.ensure(folder)
        report(data, given.rounds)
    finally:
        if given.data is None:
            shutil.rmtree(data)


def report(data: Path, rounds: int) -> None:
    """Every view with its time."""
    late = []
    with duckdb.connect(database.path_of(data), read_only=True) as store:
        store.execute("SET TimeZone = 'UTC'; SET threads = 2")
        one = store.execute("SELECT conversation_id, policy_hash, \"user\" FROM exchanges WHERE \"user\" IS NOT NULL "
                            "ORDER BY started DESC LIMIT 1").fetchone() or ("", "", "")  # fmt: skip
        known = {"session_timeline": one[0], "policy_change_effect": one[1], "subject_records": one[2]}
        for view in (*VIEWS, *MACROS):
            if view.name == "verify_chain":
                continue
            query = f"FROM {view.name}('{known[view.name]}')" if view.name in known else view.query
            took, spent, count = timed(store, query, rounds)
            late += [view.name] if took > TARGET_S else []
            mark = "! " if took > TARGET_S else "  "
            print(f"{took * 1000:8.0f} ms {spent * 1000:8.0f} ms cpu {count:>8,} rows  {mark}{view.asked}", flush=True)
        began = time.perf_counter()
        looked = "SELECT count(*) FROM events WHERE ts >= current_date - 1"
        rows = (store.execute(looked).fetchone() or (0,))[0]
        store.execute("SELECT count(*) FROM verify_chain(since := current_date - 1)").fetchall()
        took = time.perf_counter() - began
        print(f"{took * 1000:8.0f} ms  verify_chain(since := current_date - 1): {rows / took:,.0f} rows/s")
    print("each under a second" if not late else f"over a second: {', '.join(late)}")


if __name__ == "__main__":
    main()
