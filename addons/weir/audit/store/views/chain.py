"""``verify_chain()``: the chain's hashes made anew from the columns, in SQL that stock DuckDB has.

A row's hash is of its JSON as ``spool/lines.py`` writes it: proxy_id, boot_id and seq, then the columns in their order
in the record, then findings and tool calls; what is not known is left out. ``to_json`` writes texts as orjson does,
once control characters are replaced, as they are when a record is written. So whoever changes a value in any column,
also in a finding's, changes the hash; whoever makes the hash anew breaks the next row's ``prev_hash``. The end of a
chain that was cut off shows in checkpoints only.
"""

from __future__ import annotations

from weir.audit.columns import Column, columns_of
from weir.audit.record import PARENT_COLUMNS, TABLES, FindingRow, ToolCallRow
from weir.audit.store.views.shape import Macro, Param

__all__ = ["CHAIN", "body_sql", "chain_sql", "children_sql"]

_CHILDREN = {"findings": columns_of(FindingRow), "tool_calls": columns_of(ToolCallRow)}
_FIRST = ("proxy_id", "boot_id", "seq")
_NOT_IN_BODY = {*_FIRST, "prev_hash", "row_hash"}
_SAME = tuple(column.name for column in PARENT_COLUMNS if column.name not in _FIRST)  # a child repeats them


def _value(column: Column, of: str) -> str:
    name = f'{of}."{column.name}"'
    if column.sql == "TIMESTAMP":
        return f"epoch_us({name})::VARCHAR"
    if column.sql in ("BIGINT", "UBIGINT", "BOOLEAN"):
        return f"{name}::VARCHAR"
    if column.sql == "UUID":
        return f"'\"' || {name}::VARCHAR || '\"'"
    return f"to_json({name}::VARCHAR)::VARCHAR" if column.sql == "JSON" else f"to_json({name})::VARCHAR"


def _members(columns: tuple[Column, ...], of: str) -> list[str]:
    return [f"'\"{column.name}\":' || {_value(column, of)}" for column in columns]


def body_sql(event: str, findings: str, tool_calls: str) -> str:
    """SQL of the text that was hashed. ``event`` names the row; the others are SQL of the children's JSON arrays, NULL
    for none."""
    events = {column.name: column for column in TABLES["events"]}
    first = tuple(events[name] for name in _FIRST)
    rest = tuple(column for column in TABLES["events"] if column.name not in _NOT_IN_BODY)
    children = [f"'\"findings\":' || {findings}", f"'\"tool_calls\":' || {tool_calls}"]
    members = [*_members(first, event), *_members(rest, event), *children]
    return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"


def children_sql(table: str) -> str:
    """One row per event that has children in ``table``: their JSON, and what they say of their event."""
    one = f"'{{' || concat_ws(',', {', '.join(_members(_CHILDREN[table], 'c'))}) || '}}'"
    same = ", ".join(f"min(c.{name}) AS {name}, max(c.{name}) AS {name}_" for name in _SAME)
    return f"""
        SELECT c.proxy_id, c.boot_id, c.seq, '[' || string_agg({one}, ',' ORDER BY c.ord) || ']' AS listed,
            count(*) AS n, count(DISTINCT c.ord) AS numbered, {same}
        FROM {table} c JOIN begun b USING (proxy_id, boot_id) WHERE c.seq >= b.first
        GROUP BY c.proxy_id, c.boot_id, c.seq"""


def _says_another(alias: str) -> str:
    """True where children repeat their event's values wrongly, or have numbers twice."""
    wrong = [f"{alias}.{name} IS DISTINCT FROM e.{name} OR {alias}.{name}_ IS DISTINCT FROM e.{name}" for name in _SAME]
    return f"({alias}.n IS NOT NULL AND ({' OR '.join(wrong)}))"


def chain_sql(since: str) -> str:
    """SELECT of every row that breaks its chain. ``since``: SQL of a time from which rows are looked at, or NULL."""
    orphans = " UNION ALL ".join(
        f"SELECT DISTINCT c.proxy_id, c.boot_id, c.seq, c.event_id, '{table}' AS of FROM {table} c "
        f"ANTI JOIN events e ON e.proxy_id = c.proxy_id AND e.boot_id = c.boot_id AND e.seq = c.seq "
        f"WHERE {since} IS NULL OR c.ts >= {since}::TIMESTAMP"
        for table in _CHILDREN
    )
    return f"""
        WITH begun AS MATERIALIZED (
            SELECT proxy_id, boot_id, min(seq) AS first FROM events
            WHERE {since} IS NULL OR ts >= {since}::TIMESTAMP GROUP BY ALL
        ),
        looked_at AS NOT MATERIALIZED (
            SELECT e.* FROM events e JOIN begun b USING (proxy_id, boot_id) WHERE e.seq >= b.first
        ),
        links AS (  -- of a row whose time was over its husk is left
            SELECT proxy_id, boot_id, seq, event_id, prev_hash, row_hash FROM looked_at
            UNION ALL
            SELECT h.proxy_id, h.boot_id, h.seq, NULL, h.prev_hash, h.row_hash
            FROM husks h LEFT JOIN begun b USING (proxy_id, boot_id) WHERE {since} IS NULL OR h.seq >= b.first
        ),
        linked AS (
            SELECT proxy_id, boot_id, seq, event_id, prev_hash AS prev, lag(seq) OVER following AS seq_before,
                lag(row_hash) OVER following AS hash_before
            FROM links WINDOW following AS (PARTITION BY proxy_id, boot_id ORDER BY seq)
        ),
        broken AS (
            SELECT proxy_id, boot_id, seq, event_id, CASE
                WHEN seq_before IS NULL AND seq > 1
                    THEN CASE WHEN {since} IS NULL THEN 'the rows before it are missing' END
                WHEN seq_before IS NULL
                    THEN CASE WHEN prev IS DISTINCT FROM repeat('0', 64) THEN 'it is not linked to a beginning' END
                WHEN seq = seq_before THEN 'it is there twice'
                WHEN seq = seq_before + 2 THEN 'row ' || (seq - 1) || ' is missing before it'
                WHEN seq > seq_before + 1
                    THEN 'rows ' || (seq_before + 1) || ' to ' || (seq - 1) || ' are missing before it'
                WHEN prev IS DISTINCT FROM hash_before THEN 'it is not linked to the row before it' END AS problem
            FROM linked
        ),
        changed AS (
            SELECT e.proxy_id, e.boot_id, e.seq, e.event_id, CASE
                WHEN sha256(e.prev_hash || {body_sql("e", "f.listed", "t.listed")}) IS DISTINCT FROM e.row_hash
                    THEN 'a value in it, its findings or its tool calls was changed'
                WHEN {_says_another("f")} THEN 'its findings name another event or time'
                WHEN {_says_another("t")} THEN 'its tool calls name another event or time' END AS problem
            FROM looked_at e
            LEFT JOIN ({children_sql("findings")}) f USING (proxy_id, boot_id, seq)
            LEFT JOIN ({children_sql("tool_calls")}) t USING (proxy_id, boot_id, seq)
        )
        SELECT proxy_id, boot_id, seq, event_id, problem FROM (FROM broken UNION ALL FROM changed)
        WHERE problem IS NOT NULL
        UNION ALL
        SELECT proxy_id, boot_id, seq, event_id, 'it does not say where in a chain it belongs' FROM events
        WHERE proxy_id IS NULL OR boot_id IS NULL OR coalesce(seq, 0) = 0
        UNION ALL
        SELECT proxy_id, boot_id, seq, event_id, 'there are ' || replace(of, '_', ' ') || ' of an event that is missing'
        FROM ({orphans})"""


CHAIN = Macro(
    "verify_chain",
    "Rows that break the audit's chain, and how; none when it is whole. since := looks at a chain's rows from then on.",
    chain_sql("since"),
    "FROM verify_chain(since := current_date - 1)",
    (Param("since", "NULL"),),
)
