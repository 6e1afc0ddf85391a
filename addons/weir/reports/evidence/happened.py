"""What happened: findings, tool calls, unsanctioned services, gaps, erasures, disclosures, budgets, access."""

from __future__ import annotations

from weir.reports.evidence.section import Section, Titled
from weir.reports.evidence.source import Source
from weir.reports.table import Table

__all__ = ["happened"]

_BYTES = "coalesce(req_bytes, 0) + coalesce(resp_bytes, 0)"


def happened(source: Source) -> list[Section]:
    """The sections, each a few queries."""
    return [_findings(source), _tools(source), _shadow(source), _gaps(source), _content(source), _budgets(source),
            _access(source)]  # fmt: skip


def _findings(source: Source) -> Section:
    return Section(
        "findings",
        "Findings (DLP)",
        (
            "What detectors found in prompts and replies, and what was done about it. The matched text is never kept; "
            "values counts different matches by a keyed fingerprint.",
            "A detector finds what it knows: no finding does not mean that nothing was there.",
        ),
        (
            Titled(
                "findings",
                source.table(
                    "By category and detector",
                    """SELECT coalesce(category, '') AS category, detector, coalesce(direction, '') AS direction,
                        coalesce(action, 'none') AS done, count(*) AS findings, count(DISTINCT event_id) AS records,
                        count(DISTINCT match_hmac) AS "values" FROM findings
                    GROUP BY ALL ORDER BY 5 DESC, 1, 2, 3, 4""",
                ),
            ),
        ),
    )


def _tools(source: Source) -> Section:
    return Section(
        "tools",
        "Tool calls",
        ("Tools that models asked for. weir sees that they were asked for, not what came of it.",),
        (
            Titled(
                "tool_calls",
                source.table(
                    "By tool",
                    """SELECT name, coalesce(mcp_server, '') AS server, coalesce(action, '') AS action,
                        count(*) AS calls FROM tool_calls GROUP BY ALL ORDER BY 4 DESC, 1, 2, 3""",
                ),
            ),
        ),
    )


def _shadow(source: Source) -> Section:
    return Section(
        "shadow",
        "AI services that are not sanctioned",
        ("Hosts of AI services that the policy in force did not sanction, metered and discovered ones too.",),
        (
            Titled(
                "shadow",
                source.table(
                    "By host",
                    f"""SELECT coalesce(host, '') AS host, coalesce(service, '') AS service,
                        coalesce(service_status, 'unknown') AS status, bool_or(discovered) AS discovered,
                        count(*) AS exchanges, count(*) FILTER (action IN ('block', 'coach')) AS held_back,
                        count(DISTINCT "user") AS users, count(*) FILTER ("user" IS NULL) AS unidentified,
                        sum({_BYTES})::BIGINT AS bytes, min(started) AS first_seen, max(started) AS last_seen
                    FROM exchanges WHERE ai AND coalesce(service_status, '') <> 'sanctioned'
                    GROUP BY 1, 2, 3 ORDER BY 5 DESC, 1, 2, 3""",
                ),
            ),
        ),
    )


def _gaps(source: Source) -> Section:
    total = source.table(
        "Gaps in all",
        """SELECT count(*) AS gaps, coalesce(sum(dropped), 0)::BIGINT AS records_missing,
            round(coalesce(sum(epoch_us(ts_end) - epoch_us(ts)), 0) / 1e6, 3) AS seconds
        FROM events WHERE kind = 'gap'""",
    )
    return Section(
        "gaps",
        "Gaps",
        (
            "When the disk refused, weir counted what it could not record and wrote a gap record as soon as it could. "
            "What was lost when the machine itself stopped leaves no such record.",
        ),
        (
            Titled("gaps_in_all", total),
            Titled("gaps", _of_kind(source, "Each gap", "gap", "dropped AS records_missing, ts_end AS until, "
                   "round((epoch_us(ts_end) - epoch_us(ts)) / 1e6, 3) AS seconds, reason")),
            Titled(
                "runs",
                source.table(
                    "Runs of weir with records in this period",
                    """SELECT proxy_id, boot_id, count(*) AS records, min(seq) AS first_seq, max(seq) AS last_seq,
                        min(ts) AS first_record, max(coalesce(ts_end, ts)) AS last_record
                    FROM events GROUP BY 1, 2 ORDER BY 6, 1, 2""",
                ),
            ),
        ),
    )  # fmt: skip


def _content(source: Source) -> Section:
    who = "coalesce(extra->>'$.by', '') AS by_whom"
    return Section(
        "content",
        "Kept texts: erased, disclosed, deleted",
        (
            "Texts of prompts and replies are not in this folder, whatever the policy keeps of them.",
            "Each erasure, each reading of kept texts and each deletion because its time was over is a record.",
        ),
        (
            Titled("erasures", _of_kind(source, "Erasures", "erasure",
                   'coalesce("user", \'\') AS of_user, coalesce(conversation_id, \'\') AS of_conversation, '
                   "extra->>'$.keys' AS keys_destroyed, reason")),
            Titled("disclosures", _of_kind(source, "Disclosures", "disclosure",
                   f"{who}, extra->>'$.event' AS of_event, extra->>'$.outcome' AS outcome, reason")),
            Titled("deletions", _of_kind(source, "Deletions by retention", "retention", "reason, extra")),
        ),
    )  # fmt: skip


def _budgets(source: Source) -> Section:
    return Section(
        "budgets",
        "Budgets and rates",
        ("Marks that spending passed, and exchanges that were refused for a budget or a rate.",),
        (
            Titled("budget_marks", _of_kind(source, "Marks passed", "budget",
                   'coalesce(team, app, "user", key_id, \'\') AS whose, reason')),
            Titled(
                "budget_refusals",
                source.table(
                    "Refused",
                    """SELECT rule_id AS "limit", coalesce(team, '') AS team, coalesce(app, '') AS app,
                        coalesce("user", '') AS "user", count(*) AS exchanges FROM exchanges
                    WHERE rule_id IN ('budget', 'rate') AND action = 'block'
                    GROUP BY ALL ORDER BY 5 DESC, 1, 2, 3, 4""",
                ),
            ),
        ),
    )  # fmt: skip


def _access(source: Source) -> Section:
    return Section(
        "access",
        "Who had access",
        (
            "Keys and people that were seen in this period. Who else holds a key that was not used does not show in "
            "records: weir keys list tells.",
        ),
        (
            Titled(
                "virtual_keys",
                source.table(
                    "Virtual keys in use",
                    """SELECT key_id, any_value(team) AS team, any_value(app) AS app, count(DISTINCT "user") AS users,
                        count(*) AS exchanges, count(DISTINCT src_ip) AS addresses,
                        min(started) AS first_seen, max(started) AS last_seen
                    FROM exchanges WHERE key_id IS NOT NULL GROUP BY 1 ORDER BY 5 DESC, 1""",
                ),
            ),
            Titled(
                "people",
                source.table(
                    "People",
                    """SELECT "user", any_value(team) AS team, count(*) AS exchanges,
                        count(DISTINCT service) AS services, min(started) AS first_seen, max(started) AS last_seen
                    FROM exchanges WHERE ai AND "user" IS NOT NULL GROUP BY 1 ORDER BY 3 DESC, 1""",
                ),
            ),
            Titled(
                "credentials",
                source.table(
                    "Credentials by kind",
                    """SELECT coalesce(credential, 'not recorded') AS credential,
                        coalesce(credential_kind, '') AS kind, count(*) AS exchanges, count(DISTINCT "user") AS users
                    FROM exchanges WHERE ai GROUP BY ALL ORDER BY 3 DESC, 1, 2""",
                ),
            ),
        ),
    )


def _of_kind(source: Source, title: str, kind: str, columns: str) -> Table:
    return source.table(title, f"SELECT ts AS at, {columns} FROM events WHERE kind = ? ORDER BY ts, event_id", [kind])
