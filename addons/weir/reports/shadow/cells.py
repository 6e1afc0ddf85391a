"""The period's use of AI out of the store, summed up once by who, what, day and how; all else is asked of the sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from weir.audit.store.views.discovery import AI
from weir.audit.store.views.sources import BY_SIGNS, LIVE, REQUESTS, SOURCE

__all__ = ["BLIND", "Cells", "Used", "UsedBy"]

BLIND = ("pinned", "failed", "metered", "unparsed")
_APPROVED = "('sanctioned', 'tolerated')"
_WHO = 'coalesce("user", device, src_ip, app)'
_LAST = "max(coalesce(ended, started))"
_SUMS = "sum(requests)::BIGINT AS requests, coalesce(sum(up), 0)::BIGINT AS up"

# What has a kind of person, service, day and inspection in common is one row: a thousandth of the exchanges, mostly.
_CELLS = f"""
    CREATE OR REPLACE TEMP TABLE cells AS
    SELECT coalesce(service, host) AS service, host, coalesce(service_status, 'unknown') AS status, {_WHO} AS who,
        "user" IS NOT NULL AS known, team, src_ip, started::DATE AS day, {SOURCE} AS source, inspection,
        CASE WHEN inspection <> 'inspected' THEN coalesce(inspection_reason, reason) END AS reason,
        coalesce(action = 'block', false) AS blocked, coalesce(account = 'personal', false) AS personal,
        {BY_SIGNS} AS signs, sum({REQUESTS})::BIGINT AS requests, sum(req_bytes)::BIGINT AS up,
        sum(resp_bytes)::BIGINT AS down, min(started) AS first, {_LAST} AS last
    FROM exchanges WHERE started >= ? AND host IS NOT NULL AND {AI} GROUP BY ALL"""

_FOUND = """
    CREATE OR REPLACE TEMP TABLE found AS
    SELECT coalesce(e.service, e.host) AS service, coalesce(e."user", e.device, e.src_ip, e.app) AS who, f.category,
        count(*)::BIGINT AS findings
    FROM findings f JOIN exchanges e USING (exchange_id)
    WHERE f.ts >= ? AND f.direction = 'request' AND e.host IS NOT NULL GROUP BY ALL"""

_SERVICES = """
    WITH told AS (SELECT service, sum(findings)::BIGINT AS findings FROM found GROUP BY 1)
    SELECT service, arg_max(status, last) AS status, list(DISTINCT host ORDER BY host) AS hosts,
        count(DISTINCT who) FILTER (known) AS users,
        coalesce(sum(requests) FILTER (NOT known), 0)::BIGINT AS unidentified, sum(requests)::BIGINT AS requests,
        coalesce(sum(requests) FILTER (blocked), 0)::BIGINT AS blocked, coalesce(sum(up), 0)::BIGINT AS up,
        coalesce(sum(down), 0)::BIGINT AS down, coalesce(any_value(told.findings), 0) AS findings,
        list(DISTINCT inspection ORDER BY inspection) FILTER (inspection IS NOT NULL) AS inspection,
        list(DISTINCT source ORDER BY source) AS sources, bool_or(signs) AS discovered, min(first) AS first,
        max(last) AS last,
        coalesce(nullif(count(DISTINCT who) FILTER (personal AND known), 0), count(DISTINCT who) FILTER (personal))
    FROM cells LEFT JOIN told USING (service) GROUP BY service ORDER BY requests DESC, service"""


@dataclass(frozen=True, slots=True)
class Used:
    """What was seen of one service."""

    service: str
    status: str
    hosts: list[str]
    users: int
    unidentified: int
    requests: int
    blocked: int
    up: int
    down: int
    findings: int
    inspection: list[str] | None
    sources: list[str]
    discovered: bool
    first: datetime
    last: datetime
    personal: int  # how many used it with an account of their own


@dataclass(frozen=True, slots=True)
class UsedBy:
    """What was seen of one person (``known``), device or address at one service."""

    who: str
    known: bool
    team: str
    service: str
    requests: int
    up: int
    findings: int
    last: datetime
    blocked: int


class Cells:
    """The sums of a period. They stand in temporary tables of ``connection``, which the store keeps in memory."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, since: datetime) -> None:
        """``since``: UTC without a zone. Raises duckdb.Error."""
        self._connection, self._since = connection, since
        connection.execute(_CELLS, [since])
        connection.execute(_FOUND, [since])

    def services(self) -> list[Used]:
        """Every AI service in use, most requests first."""
        return [Used(*row) for row in self._rows(_SERVICES)]

    def first(self, services: Sequence[str]) -> dict[str, datetime]:
        """When each was first used, as far back as the store goes."""
        query = """SELECT coalesce(service, host) AS service, min(started) FROM exchanges
            WHERE host IS NOT NULL AND coalesce(service, host) IN (SELECT unnest(?::VARCHAR[])) GROUP BY 1"""
        return dict(self._rows(query, [list(services)]))

    def by_day(self) -> list[tuple[str, Any, int]]:
        """Service, day, requests."""
        return self._rows("SELECT service, day, sum(requests)::BIGINT FROM cells GROUP BY ALL")

    def people(self) -> list[UsedBy]:
        """Who used which service, each pair once."""
        query = """
            WITH told AS (SELECT service, who, sum(findings)::BIGINT AS findings FROM found GROUP BY ALL)
            SELECT who, bool_or(known), coalesce(arg_max(team, last), ''), service, sum(requests)::BIGINT,
                coalesce(sum(up), 0)::BIGINT, coalesce(any_value(findings), 0), max(last),
                coalesce(sum(requests) FILTER (blocked), 0)::BIGINT
            FROM cells LEFT JOIN told USING (service, who) WHERE who IS NOT NULL GROUP BY who, service"""
        return [UsedBy(*row) for row in self._rows(query)]

    def blind(self) -> list[tuple[str, str, str, str, int, int, int, datetime]]:
        """Host, service, inspection, reason, clients, connections, bytes up, last: where weir could not look inside."""
        kinds = ", ".join(f"'{kind}'" for kind in BLIND)
        return self._rows(
            f"""
            SELECT host, service, inspection, coalesce(reason, ''), count(DISTINCT coalesce(src_ip, who)),
                sum(requests)::BIGINT AS connections, coalesce(sum(up), 0)::BIGINT, max(last)
            FROM cells WHERE inspection IN ({kinds}) AND source = 'live' GROUP BY ALL
            UNION ALL
            SELECT host, '', inspection, coalesce(inspection_reason, ''), count(DISTINCT src_ip),
                count(*) AS connections, coalesce(sum(req_bytes), 0)::BIGINT, {_LAST}
            FROM exchanges
            WHERE started >= ? AND inspection = 'pinned' AND host IS NOT NULL AND NOT {AI} GROUP BY ALL
            ORDER BY connections DESC, 1, 3, 4""",
            [self._since],
        )

    def hints(self) -> list[tuple[str, str, int, int, int, datetime]]:
        """Host, why (of the last), clients, connections, bytes up, last: what looks like AI from outside.

        A row a host: a hint holds the figures of its own connection, so hardly two are alike.
        """
        return self._rows(
            f"""
            SELECT host, arg_max(hint, started), count(DISTINCT {_WHO}), count(*) AS connections,
                coalesce(sum(req_bytes), 0)::BIGINT, {_LAST}
            FROM (SELECT *, extra->>'$.hint' AS hint FROM exchanges
                WHERE started >= ? AND host IS NOT NULL AND contains(extra::VARCHAR, '"hint"'))
            WHERE hint <> '' AND service IS NULL GROUP BY host ORDER BY connections DESC, 1""",
            [self._since],
        )

    def credentials(self) -> list[tuple[str, str, str, list[str], int, datetime]]:
        """Provider, kind, first digits of the fingerprint, users, exchanges, last: what people made for themselves."""
        return self._rows(
            """
            SELECT provider, coalesce(kind, 'unknown'), fingerprint[:12] AS short,
                coalesce(list(DISTINCT "user" ORDER BY "user") FILTER ("user" IS NOT NULL), []), count(*), max(started)
            FROM credentials_seen WHERE started >= ? AND kind IN ('personal', 'oauth')
            GROUP BY provider, kind, fingerprint ORDER BY 5 DESC, 1, 2, 3""",
            [self._since],
        )

    def coverage(self) -> list[tuple[str, int]]:
        """How far weir saw, and how many exchanges: the most frequent first; logs' requests as ``logs``."""
        return self._rows(
            f"""
            SELECT CASE WHEN source <> 'live' THEN 'logs' ELSE coalesce(inspection, 'unknown') END AS seen,
                sum(requests)::BIGINT AS requests
            FROM cells GROUP BY ALL
            UNION ALL
            SELECT 'uncatalogued', count(*) FROM exchanges
            WHERE started >= ? AND inspection = 'metered' AND service IS NULL AND service_status IS NULL AND {LIVE}
            HAVING count(*) > 0 ORDER BY requests DESC, seen""",
            [self._since],
        )

    def totals(self) -> tuple[int, int, int]:
        """Known people, requests, bytes sent."""
        query = """SELECT count(DISTINCT who) FILTER (known), coalesce(sum(requests), 0)::BIGINT,
            coalesce(sum(up), 0)::BIGINT FROM cells"""
        ((users, requests, up),) = self._rows(query)
        return users, requests, up

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(query, list(values)).fetchall()
