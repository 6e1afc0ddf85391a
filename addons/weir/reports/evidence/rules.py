"""What was in force: the versions of the policy with their texts, and the prices that costs were computed with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from weir.reports.evidence.section import Section, Titled
from weir.reports.evidence.source import Source
from weir.reports.table import Table

__all__ = ["policies", "prices"]

_HASH = re.compile(r"[0-9a-f]{64}")
_CREDENTIALS_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s\"@]*:[^/\s\"@]+@", re.IGNORECASE)
_TAKEN = "kind = 'config' AND reason IN ('policy in force', 'policy taken')"
_EXACT = "exact text, SHA-256 is the hash"


def policies(source: Source, kept: Path, folder: Path, *, texts: bool) -> Section:
    """The versions in force, and their kept texts (``kept``: the data directory's ``policies``) copied to ``folder``.

    ``texts`` is False for a folder that names nobody: a policy may name people. Raises OSError, duckdb.Error.
    """
    table = source.table(
        "Versions in force",
        f"""
        WITH taken AS (
            SELECT proxy_id, ts, policy_hash FROM audit.events WHERE {_TAKEN} AND policy_hash IS NOT NULL AND ts < ?
        ), spans AS (
            SELECT *, lead(ts) OVER (PARTITION BY proxy_id ORDER BY ts) AS until,
                lag(policy_hash) OVER (PARTITION BY proxy_id ORDER BY ts) AS before FROM taken
        ), used AS (SELECT policy_hash, count(*) AS exchanges FROM exchanges WHERE policy_hash IS NOT NULL GROUP BY 1)
        SELECT coalesce(s.policy_hash, u.policy_hash) AS policy, s.proxy_id, s.ts AS taken, s.until,
            coalesce(u.exchanges, 0) AS exchanges_of_the_version
        FROM (SELECT * FROM spans WHERE until IS NULL OR until > ?) s FULL JOIN used u USING (policy_hash)
        ORDER BY s.ts NULLS FIRST, 1""",
        [source.period.naive[1], source.period.naive[0]],
    )
    at = table.columns.index("policy")
    found = {row[at]: _copied(row[at], kept, folder, texts) for row in table.rows}
    changes = source.table(
        "Changes of configuration",
        "SELECT ts AS at, proxy_id, reason AS change, policy_hash AS policy FROM events WHERE kind = 'config' "
        "ORDER BY ts, event_id",
    )
    return Section(
        "policies",
        "Policies in force",
        (
            "Every record of an exchange names the policy that decided about it by its hash. A text in policies/ is "
            "the policy as weir understood it, with every default; its SHA-256 is the hash (sha256sum policies/*).",
            "A policy holds references to secrets, never secrets.",
        ),
        (
            Titled("policies", _with(table, "text", lambda row: found[row[at]]), "No change of policy is recorded."),
            Titled("config", changes),
        ),
    )


def _with(table: Table, column: str, value: Callable[[tuple[object, ...]], object]) -> Table:
    return Table(table.title, (*table.columns, column), tuple((*row, value(row)) for row in table.rows))


def _copied(policy: str, kept: Path, folder: Path, texts: bool) -> str:
    """Copy one policy's text; what became of it."""
    if not texts:
        return "left out: a policy may name people"
    if not _HASH.fullmatch(policy):
        return "the record names no hash"
    path = kept / f"{policy}.json"
    if not path.is_file():
        return "not kept: it was taken by an older weir, or the file is gone"
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != policy:
        return "left out: the kept text is not what was in force"
    if _CREDENTIALS_IN_URL.search(data.decode("utf-8", "replace")):
        return "left out: it holds an address with a password in it"
    folder.mkdir(exist_ok=True)
    (folder / path.name).write_bytes(data)
    return _EXACT


def prices(source: Source) -> Section:
    """Prices that the period's costs were computed with, and the lists they are from."""
    return Section(
        "prices",
        "Prices in force",
        (
            "Costs are computed by weir from token counts and a price; they are no invoice. price names the entry, and "
            "after @ the list it is from. What has no price is counted as unpriced, not guessed.",
        ),
        (
            Titled(
                "prices",
                source.table(
                    "Prices used",
                    """SELECT price_id AS price, nullif(split_part(price_id, '@', 2), '') AS list,
                        count(*) AS exchanges, round(sum(cost_nano)::DOUBLE / 1e9, 6) AS cost_usd,
                        count(*) FILTER (usage_source = 'estimated') AS tokens_estimated,
                        min(started) AS first_used, max(started) AS last_used
                    FROM exchanges WHERE price_id IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1""",
                ),
            ),
        ),
    )
