"""What people do that is not like them: volumes, hours, keys in several hands, models nobody sanctioned."""

from __future__ import annotations

from weir.audit.store.views.shape import Macro, Param, View
from weir.audit.store.views.sources import LIVE, REQUESTS, SOURCES

__all__ = ["MACROS", "VIEWS", "WHO"]

WHO = 'coalesce("user", app, src_ip)'  # by what somebody is told apart: the name, else the app, else the address
_SEEN = "min(started) AS first_seen, max(started) AS last_seen"
_SEEN_BY = f"CASE WHEN {LIVE} THEN 'live' ELSE 'log' END"  # without a look into extra, which costs in every row
_PEOPLE = 'count(DISTINCT "user") AS users, count(*) FILTER ("user" IS NULL) AS unidentified'


def _new_destinations(days: str) -> str:
    # First which they are, by two columns: the others are looked at for these hosts only.
    return f"""
        WITH hosts AS (SELECT host, min(started) AS begun FROM exchanges GROUP BY host),
        new_ones AS (
            SELECT host FROM hosts WHERE begun >= make_timestamp(epoch_us(now())) - to_days(({days})::INTEGER)
        )
        SELECT host, any_value(service) AS service, coalesce(max(service_status), 'unknown') AS status,
            count(*) FILTER ({LIVE}) AS exchanges, sum({REQUESTS})::BIGINT AS requests, {SOURCES} AS sources, {_PEOPLE},
            arg_min({WHO}, started) AS first_used_by, sum(req_bytes)::BIGINT AS bytes_up, {_SEEN}
        FROM exchanges SEMI JOIN new_ones USING (host) GROUP BY host ORDER BY first_seen DESC, host"""


def _off_hours(zone: str, begin: str, end: str, weekend: str) -> str:
    # Zones begin and end on quarters of an hour: converting each quarter once takes the calendar out of every row.
    return f"""
        WITH quarters AS (SELECT DISTINCT epoch_us(started) // 900_000_000 AS quarter FROM exchanges WHERE {LIVE}),
        hours AS (
            SELECT quarter, make_timestamp(quarter * 900_000_000) AT TIME ZONE 'UTC' AT TIME ZONE {zone} AS local
            FROM quarters WHERE quarter IS NOT NULL
        ),
        off AS (
            SELECT quarter, local::DATE AS day FROM hours
            WHERE hour(local) < {begin} OR hour(local) >= {end} OR ({weekend} AND isodow(local) >= 6)
        )
        SELECT day, {WHO} AS who, "user", team, app, count(*) AS exchanges, sum(req_bytes)::BIGINT AS bytes_up,
            list_sort(list(DISTINCT service) FILTER (service IS NOT NULL)) AS services, {_SEEN}
        FROM exchanges JOIN off ON epoch_us(started) // 900_000_000 = quarter WHERE {LIVE}
        GROUP BY ALL ORDER BY day DESC, exchanges DESC, who"""


_UNSANCTIONED_MODELS = View(
    "unsanctioned_models",
    "Models in use at services that are not sanctioned, and models that a team may not use (refused says how often).",
    f"""
    SELECT coalesce(response_model, request_model) AS model, service, coalesce(service_status, 'unknown') AS status,
        count(*) AS exchanges, count(*) FILTER (action = 'block') AS refused, {_PEOPLE},
        sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
        sum(req_bytes)::BIGINT AS bytes_up, {_SEEN}
    FROM exchanges
    WHERE coalesce(response_model, request_model) IS NOT NULL
        AND (coalesce(service_status, 'unknown') <> 'sanctioned' OR rule_id = 'team-models')
    GROUP BY ALL ORDER BY exchanges DESC, model""",
)

_EXFIL_VOLUME = View(
    "exfil_volume",
    "Bytes sent by person, host and day beside the median of the same person's other days there; unusual ones first.",
    f"""
    WITH days AS (
        SELECT started::DATE AS day, {WHO} AS who, host, {_SEEN_BY} AS source, any_value(team) AS team,
            any_value(service) AS service, coalesce(max(service_status), 'unknown') AS status,
            count(*) FILTER ({LIVE}) AS exchanges, sum(req_bytes)::BIGINT AS bytes_up
        FROM exchanges GROUP BY ALL HAVING sum(req_bytes) > 0
    ),
    usual AS (
        SELECT *, median(bytes_up) OVER (
            PARTITION BY who, host, source ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW
        )::BIGINT AS median_bytes_up FROM days
    )
    SELECT day, who, team, host, service, status, exchanges, bytes_up, median_bytes_up,
        round(bytes_up / nullif(median_bytes_up, 0), 1) AS times, source
    FROM usual ORDER BY bytes_up - coalesce(median_bytes_up, 0) DESC, day, who, host""",
    "FROM exfil_volume WHERE bytes_up > 10_000_000 AND coalesce(times, 10) >= 5 LIMIT 20",
)

_SHARED_KEYS = View(
    "shared_key_many_users",
    "Keys that several people or several addresses have shown: virtual ones by their id, others by their fingerprint.",
    f"""
    WITH shown AS (  -- once for each who and where: few rows to tell apart
        SELECT key_id, api_key_fp, "user", src_ip, app, host, count(*) AS exchanges, {_SEEN}
        FROM exchanges WHERE key_id IS NOT NULL OR api_key_fp IS NOT NULL GROUP BY ALL
    )
    SELECT coalesce(key_id, api_key_fp) AS key, CASE WHEN key_id IS NULL THEN 'other' ELSE 'virtual' END AS kind,
        count(DISTINCT "user") AS users, count(DISTINCT src_ip) AS addresses, count(DISTINCT app) AS apps,
        list(DISTINCT "user" ORDER BY "user") FILTER ("user" IS NOT NULL) AS who,
        list(DISTINCT host ORDER BY host) FILTER (host IS NOT NULL) AS hosts, sum(exchanges)::BIGINT AS exchanges,
        min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM shown GROUP BY ALL
    HAVING users > 1 OR addresses > 1 ORDER BY users DESC, addresses DESC, key""",
)

VIEWS: tuple[View, ...] = (
    _UNSANCTIONED_MODELS,
    _EXFIL_VOLUME,
    _SHARED_KEYS,
    View(
        "off_hours",
        "Use outside Monday to Friday, 7 to 20 o'clock UTC, by day and person; the macro takes a zone and other hours.",
        _off_hours("'UTC'", "7", "20", "true"),
        "FROM off_hours(zone := 'Europe/Berlin', begin_hour := 6, end_hour := 22)",
    ),
    View(
        "new_destinations",
        "Hosts that were used for the first time in the last 7 days; the macro takes another number of days.",
        _new_destinations("7"),
        "FROM new_destinations(30)",
    ),
)

MACROS: tuple[Macro, ...] = (
    Macro(
        "new_destinations",
        "Hosts that were used for the first time in the last days, as far back as the store goes.",
        _new_destinations("days"),
        "FROM new_destinations(30)",
        (Param("days", "7"),),
    ),
    Macro(
        "off_hours",
        "Use outside working hours by local day and person; on weekends all of it is, unless weekend := false.",
        _off_hours("zone", "begin_hour", "end_hour", "weekend"),
        "FROM off_hours(zone := 'Europe/Berlin', begin_hour := 6, end_hour := 22)",
        (Param("zone", "'UTC'"), Param("begin_hour", "7"), Param("end_hour", "20"), Param("weekend", "true")),
    ),
)
