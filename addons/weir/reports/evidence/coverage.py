"""How much of the AI traffic weir saw into, who was known, and what was decided: by exchanges and by bytes."""

from __future__ import annotations

from weir.model import Inspection
from weir.reports.evidence.section import Section, Titled
from weir.reports.evidence.source import Source
from weir.reports.table import Table

__all__ = ["coverage", "decisions", "identification"]

_BYTES = "coalesce(req_bytes, 0) + coalesce(resp_bytes, 0)"
_SEEN = "coalesce(inspection, 'not recorded')"
LEVELS = tuple(level.value for level in Inspection)
_MEANT = {
    "inspected": "request and reply were read whole",
    "partial": "a part was read: the rest was too large, or of a kind that is not read",
    "metered": "not decrypted: only who, whereto and how much",
    "pinned": "the client refused to be decrypted",
    "unparsed": "decrypted, and in no format that weir reads",
    "failed": "weir could not read it; the policy's on_failure decided",
}


def coverage(source: Source) -> Section:
    """Shares of how far weir saw: all AI traffic, by service, by day, and what is not AI as far as weir knows."""
    whole = source.table(
        "How far weir saw into AI traffic",
        f"""
        WITH seen AS (SELECT {_SEEN} AS inspection, count(*) AS exchanges, sum({_BYTES})::BIGINT AS bytes
            FROM exchanges WHERE ai GROUP BY 1)
        SELECT inspection, exchanges, round(100.0 * exchanges / sum(exchanges) OVER (), 2) AS exchanges_pct,
            bytes, round(100.0 * bytes / nullif(sum(bytes) OVER (), 0), 2) AS bytes_pct
        FROM seen ORDER BY exchanges DESC, 1""",
    )
    levels = ", ".join(f"count(*) FILTER (inspection = '{level}') AS \"{level}\"" for level in LEVELS)
    known = ", ".join(f"'{level}'" for level in LEVELS)

    def by(title: str, what: str, name: str, order: str) -> Table:
        return source.table(
            title,
            f"""
            SELECT {what} AS {name}, count(*) AS exchanges, {levels},
                count(*) FILTER (inspection IS NULL OR inspection NOT IN ({known})) AS other,
                round(100.0 * count(*) FILTER (inspection = 'inspected') / count(*), 2) AS inspected_pct,
                sum({_BYTES})::BIGINT AS bytes,
                round(100.0 * sum({_BYTES}) FILTER (inspection = 'inspected') / nullif(sum({_BYTES}), 0), 2)
                    AS inspected_bytes_pct
            FROM exchanges WHERE ai GROUP BY 1 ORDER BY {order}""",
        )

    return Section(
        "coverage",
        "Coverage",
        (
            "AI traffic is what went to a service that weir's catalogue or the policy knows as AI, or that looked like "
            "one. What passed weir and is none as far as weir knows is the last table: AI among it would be missed.",
            "Traffic that did not pass weir is not here, and nothing here can say how much there was.",
            *(f"{level}: {said}." for level, said in _MEANT.items()),
        ),
        (
            Titled("coverage", whole),
            Titled(
                "coverage_by_service",
                by("By service", "coalesce(service, host, 'unknown')", "service", "exchanges DESC, 1"),
            ),
            Titled("coverage_by_day", by("By day (UTC)", "started::DATE", "day", "1")),
            Titled(
                "coverage_why",
                source.table(
                    "Why it was not read whole",
                    f"""SELECT {_SEEN} AS inspection, coalesce(inspection_reason, 'no reason recorded') AS reason,
                        count(*) AS exchanges, sum({_BYTES})::BIGINT AS bytes FROM exchanges
                    WHERE ai AND inspection IS DISTINCT FROM 'inspected' GROUP BY ALL ORDER BY 3 DESC, 1, 2""",
                ),
            ),
            Titled(
                "not_ai",
                source.table(
                    "Other traffic, by host",
                    f"""SELECT coalesce(host, 'unknown') AS host, {_SEEN} AS inspection, count(*) AS exchanges,
                        sum({_BYTES})::BIGINT AS bytes FROM exchanges WHERE NOT ai
                    GROUP BY ALL ORDER BY 3 DESC, 1, 2""",
                ),
            ),
        ),
    )


def identification(source: Source) -> Section:
    """How many exchanges have a known user, and by which means."""
    share = "round(100.0 * {} / nullif(count(*), 0), 2)"
    user, anyone = 'count(*) FILTER ("user" IS NOT NULL)', "count(*) FILTER (known)"
    rows = """(SELECT *, "user" IS NOT NULL OR team IS NOT NULL OR app IS NOT NULL AS known FROM exchanges WHERE ai)"""
    return Section(
        "identification",
        "Identification",
        (
            "A known user is a name that a source of identity gave. How strong the means was stands in the records "
            "(auth_method, auth_strength): a network address says less than a signed token.",
        ),
        (
            Titled(
                "identification",
                source.table(
                    "AI exchanges with a known caller",
                    f"""SELECT count(*) AS exchanges, {user} AS known_user, {share.format(user)} AS known_user_pct,
                        {anyone} AS known_user_team_or_app, {share.format(anyone)} AS known_user_team_or_app_pct,
                        count(DISTINCT "user") AS users FROM {rows}""",
                ),
            ),
            Titled(
                "identification_by_method",
                source.table(
                    "By means of identification",
                    f"""SELECT coalesce(auth_method, 'none') AS method, count(*) AS exchanges, {user} AS known_user,
                        count(DISTINCT "user") AS users, count(DISTINCT src_ip) AS addresses
                    FROM {rows} GROUP BY 1 ORDER BY 2 DESC, 1""",
                ),
            ),
        ),
    )


def decisions(source: Source) -> Section:
    """What the policy said and what was done."""
    return Section(
        "decisions",
        "Decisions",
        (
            "verdict is what the policy says, action what was done. They differ in observe mode, where weir records "
            "what it would have done and does nothing.",
        ),
        (
            Titled(
                "decisions",
                source.table(
                    "AI exchanges by decision",
                    """SELECT coalesce(mode, 'not recorded') AS mode, coalesce(verdict, 'none') AS verdict,
                        coalesce(action, 'none') AS action, count(*) AS exchanges FROM exchanges WHERE ai
                    GROUP BY ALL ORDER BY 4 DESC, 1, 2, 3""",
                ),
            ),
            Titled(
                "decisions_by_rule",
                source.table(
                    "By rule",
                    """SELECT coalesce(rule_id, 'no rule') AS rule, coalesce(verdict, 'none') AS verdict,
                        coalesce(action, 'none') AS action, count(*) AS exchanges, count(DISTINCT "user") AS users,
                        min(started) AS first_seen, max(started) AS last_seen FROM exchanges
                    WHERE rule_id IS NOT NULL OR coalesce(verdict, 'allow') <> 'allow'
                    GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3""",
                ),
            ),
            Titled(
                "unanswered",
                source.table(
                    "Exchanges by how they ended",
                    """SELECT CASE kind WHEN 'request' THEN 'no reply recorded' ELSE kind END AS ended,
                        count(*) AS exchanges FROM exchanges WHERE ai GROUP BY 1 ORDER BY 2 DESC, 1""",
                ),
            ),
        ),
    )
