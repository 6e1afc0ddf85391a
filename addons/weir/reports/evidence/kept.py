"""What of the audit is kept and how long, and what the columns of the folder's records mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from weir.audit.record import TABLES
from weir.reports.evidence.meanings import MEANINGS
from weir.reports.evidence.section import Section, Titled
from weir.reports.evidence.source import Source
from weir.reports.table import Table
from weir.sections_audit import Audit

__all__ = ["Keeping", "records", "retention"]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a policy says of keeping, and of which policy that is (its hash)."""

    audit: Audit
    policy: str


def retention(source: Source, keeping: Keeping | None) -> Section:
    """How far back the store goes, and what the policy says of how long things are kept."""
    ((first, last, count),) = source.whole("SELECT min(ts), max(ts), count(*) FROM audit.events")
    days = source.whole("SELECT date_diff('day', min(ts), now()::TIMESTAMP) FROM audit.events")[0][0]
    there = Table(
        "Records in the store", ("first_record", "last_record", "records", "days_back"), ((first, last, count, days),)
    )
    says = [
        "Retention takes records away when their time is over, and writes a record of it. A period that begins before "
        "the first record here is not covered from its beginning.",
    ]
    tables = [Titled("store", there)]
    if keeping is None:
        says.append("What the policy says of keeping was not looked up: no policy was named when this was made.")
    else:
        audit = keeping.audit
        says.append(f"As the policy {keeping.policy[:12]} says, read when this folder was made.")
        rows: list[tuple[str, str]] = [
            ("records", f"{audit.retention.days} days"),
            ("lines of the spool", f"{audit.retention.spool_days} days"),
            *((_of("records", one.services, one.teams), f"{one.days} days") for one in audit.retention.exceptions),
            (
                "texts",
                f"{audit.content.keep}" + (f", {audit.content.days} days" if audit.content.keep != "off" else ""),
            ),
            *(
                (
                    _of("texts", one.services, one.teams, one.rules),
                    _kept(one.keep, audit.content.days if one.days is None else one.days),
                )
                for one in audit.content.exceptions
            ),
            ("durability", audit.durability),
            ("checkpoints", f"every {audit.checkpoints.rows} rows and {audit.checkpoints.seconds} s"),
            ("published to", _places(len(audit.checkpoints.publish))),
        ]
        tables.append(Titled("keeping", Table("What the policy says", ("what", "is"), tuple(rows))))
    return Section("retention", "How long things are kept", says, tables)


def _of(what: str, *named: tuple[str, ...]) -> str:
    return f"{what} of {', '.join(name for names in named for name in names)}"


def _places(count: int) -> str:
    return "no other place" if not count else "1 place" if count == 1 else f"{count} places"


def _kept(keep: str, days: int) -> str:
    return keep if keep == "off" else f"{keep}, {days} days"


def records(folder: Path, counts: dict[str, int]) -> Section:
    """What the files of records are, with a description of every column beside them. Raises OSError."""
    described = {
        table: [
            {
                "column": column.name,
                "type": column.sql,
                "field_id": column.number,
                "means": MEANINGS.get(column.name, ""),
            }
            for column in columns
        ]
        for table, columns in TABLES.items()
    }
    (folder / "schema.json").write_bytes(orjson.dumps(described, option=orjson.OPT_INDENT_2) + b"\n")
    rows = tuple(
        (name, f"records/{name}.parquet", f"records/{name}.jsonl.zst", count) for name, count in counts.items()
    )
    return Section(
        "records",
        "Records",
        (
            "Every record of the period in two forms with the same columns: Parquet (duckdb, pandas, Spark) and JSON "
            "lines compressed with zstd. records/schema.json says what each column means. Rows are in no order: "
            "proxy_id, boot_id and seq give it.",
            "Every figure on this page is computed from these files. records/chain.jsonl and chain.parquet tie them to "
            "the signed checkpoints.",
        ),
        (
            Titled("records", Table("Files", ("what", "parquet", "json_lines", "rows"), rows)),
            Titled(
                "columns",
                Table(
                    "Columns of events",
                    ("column", "type", "means"),
                    tuple((column.name, column.sql, MEANINGS.get(column.name, "")) for column in TABLES["events"]),
                ),
            ),
        ),
    )
