"""Which AI services are in use, by what weir saw and by what logs showed."""

from __future__ import annotations

from weir.audit.store.views.people import WHO
from weir.audit.store.views.shape import Macro, Param, View
from weir.audit.store.views.sources import BY_SIGNS, LIVE, REQUESTS, SOURCES

__all__ = ["AI", "MACROS", "VIEWS"]

# A metered connection to a host in no catalogue says nothing about AI: it counts only when its service is known.
AI = f"(service IS NOT NULL OR service_status IS NOT NULL OR kind = 'discovered' OR {BY_SIGNS})"
_STATUS = "coalesce(service_status, 'unknown')"
_LAST = "max(coalesce(ended, started))"
_SUMS = f"""count(*) FILTER ({LIVE}) AS exchanges, sum({REQUESTS})::BIGINT AS requests,
            count(DISTINCT "user") AS users,
            coalesce(sum({REQUESTS}) FILTER ("user" IS NULL), 0)::BIGINT AS unidentified,
            sum(req_bytes)::BIGINT AS bytes_up, sum(resp_bytes)::BIGINT AS bytes_down, {SOURCES} AS sources,
            min(started) AS first_seen, {_LAST} AS last_seen"""


def _services(since: str) -> str:
    return f"""
        SELECT coalesce(service, host) AS service, arg_max({_STATUS}, started) AS status,
            bool_or({BY_SIGNS}) AS discovered, list(DISTINCT host ORDER BY host) AS hosts,
            list(DISTINCT inspection ORDER BY inspection) FILTER (inspection IS NOT NULL) AS inspection,
            coalesce(sum({REQUESTS}) FILTER (action = 'block'), 0)::BIGINT AS blocked, {_SUMS}
        FROM exchanges WHERE host IS NOT NULL AND {AI} AND ({since} IS NULL OR started >= {since}::TIMESTAMP)
        GROUP BY 1 ORDER BY requests DESC, 1"""


VIEWS: tuple[View, ...] = (
    View(
        "shadow_ai_hosts",
        "AI services in use that are not sanctioned, metered, discovered and out of logs; other metered hosts are not.",
        f"""
        SELECT host, service, {_STATUS} AS status, bool_or({BY_SIGNS}) AS discovered,
            list(DISTINCT inspection ORDER BY inspection) AS inspection, {_SUMS}
        FROM exchanges WHERE host IS NOT NULL AND coalesce(service_status, '') <> 'sanctioned' AND {AI}
        GROUP BY host, service, status""",
    ),
    View(
        "discovered_services",
        "Every AI service in use, live and out of logs (sources), most requests first; the macro takes a beginning.",
        _services("NULL"),
        "FROM discovered_services WHERE status <> 'sanctioned' ORDER BY users DESC LIMIT 20",
    ),
    View(
        "services_first_seen",
        "When each AI service was first used, by whom and how that is known; the newest first.",
        f"""
        WITH begun AS (
            SELECT coalesce(service, host) AS service, min(started) AS first_seen, {_LAST} AS last_seen,
                arg_max({_STATUS}, started) AS status, arg_min(host, started) AS host,
                arg_min({WHO}, started) AS first_used_by, arg_min(team, started) AS team, {SOURCES} AS sources
            FROM exchanges WHERE host IS NOT NULL AND {AI} GROUP BY 1
        )
        SELECT first_seen, service, status, host, first_used_by, team, sources, last_seen FROM begun
        ORDER BY first_seen DESC, service""",
        "FROM services_first_seen WHERE first_seen >= current_date - 7",
    ),
)

MACROS: tuple[Macro, ...] = (
    Macro(
        "discovered_services",
        "Every AI service in use from a time on, live and out of logs (sources), most requests first.",
        _services("since"),
        "FROM discovered_services(since := current_date - 30)",
        (Param("since", "NULL"),),
    ),
)
