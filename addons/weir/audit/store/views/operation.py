"""What those who run weir ask of the store: what is missing, what a session did, what a policy changed."""

from __future__ import annotations

from weir.audit.store.views.shape import Macro, Param, View

__all__ = ["MACROS", "VIEWS"]

_SEEN = "min(started) AS first_seen, max(started) AS last_seen"

VIEWS: tuple[View, ...] = (
    View(
        "gaps",
        "When audit records could not be written, why and how many are missing; every other moment is complete.",
        """
        SELECT ts AS since, coalesce(ts_end, ts) AS until, coalesce(ts_end, ts) - ts AS lasted, dropped, reason,
            proxy_id, boot_id, seq, event_id
        FROM events WHERE kind = 'gap' ORDER BY since DESC, proxy_id, boot_id, seq""",
    ),
    View(
        "policy_versions",
        "Every version of the policy by which exchanges were decided: from when to when, and how many.",
        f"""
        SELECT policy_hash, any_value(mode) AS mode, count(*) AS exchanges,
            count(*) FILTER (verdict IN ('coach', 'block') OR action IN ('coach', 'block')) AS stopped, {_SEEN}
        FROM exchanges WHERE policy_hash IS NOT NULL GROUP BY policy_hash ORDER BY first_seen DESC, policy_hash""",
    ),
)

# One condition a scan: with OR, DuckDB reads all columns of all rows before it looks.
_NAMED = ("conversation_id = (session)::VARCHAR", "session_id = (session)::VARCHAR")
_WANTED = f"""
        SELECT * FROM events WHERE {_NAMED[0]}
        UNION ALL SELECT * FROM events WHERE {_NAMED[1]} AND ({_NAMED[0]}) IS NOT TRUE
        UNION ALL SELECT * FROM events WHERE exchange_id = try_cast((session)::VARCHAR AS UUID)
            AND ({_NAMED[0]}) IS NOT TRUE AND ({_NAMED[1]}) IS NOT TRUE
    """


def _children(table: str) -> str:
    # As a condition, not as a join alone: DuckDB, which cannot tell how few are wanted, would gather the whole table.
    return f"SELECT * FROM {table} WHERE (event_id IN (SELECT event_id FROM wanted)) IS TRUE"


_SESSION_TIMELINE = Macro(
    "session_timeline",
    "What happened in a session, conversation or exchange, in order: records, findings and tool calls a line each.",
    f"""
    WITH wanted AS MATERIALIZED ({_WANTED}),
    told AS (
        SELECT ts_end, ts, seq, 0 AS part, 0 AS ord, kind AS what, "user", app, service,
            coalesce(response_model, request_model) AS model,
            nullif(concat_ws(' ', method, host || coalesce(path_template, ''), http_status, inspection,
                CASE kind WHEN 'disclosure' THEN extra->>'$.by' END), '') AS detail,
            verdict, action, rule_id, reason, exchange_id, event_id
        FROM wanted
        UNION ALL
        SELECT w.ts_end, w.ts, w.seq, 1, f.ord, 'finding', w."user", w.app, w.service,
            coalesce(w.response_model, w.request_model), concat_ws(' ', f.detector, 'in the', f.direction, f.severity),
            NULL, f.action, f.rule_id, NULL, w.exchange_id, w.event_id
        FROM ({_children("findings")}) f JOIN wanted w USING (event_id)
        UNION ALL
        SELECT w.ts_end, w.ts, w.seq, 2, t.ord, 'tool call', w."user", w.app, w.service,
            coalesce(w.response_model, w.request_model), concat_ws(' ', t.name, t.mcp_server, t.call_id),
            NULL, t.action, NULL, NULL, w.exchange_id, w.event_id
        FROM ({_children("tool_calls")}) t JOIN wanted w USING (event_id)
    )
    SELECT CASE WHEN what = 'request' THEN ts ELSE coalesce(ts_end, ts) END AS happened, what, "user", app, service,
        model, detail, verdict, action, rule_id, reason, exchange_id, event_id
    FROM told ORDER BY happened, seq, part, ord""",
    params=(Param("session", sample="'8c0f…'"),),
)

_POLICY_CHANGE_EFFECT = Macro(
    "policy_change_effect",
    "What a policy's version changed: each rule's verdicts under it and under the version before, per 1,000 exchanges.",
    """
    WITH told AS MATERIALIZED (  -- all exchanges once
        SELECT policy_hash, coalesce(rule_id, 'no rule') AS rule, coalesce(verdict, 'allow') AS verdict,
            count(*) AS exchanges, count(DISTINCT "user") AS users, min(started) AS begun
        FROM exchanges WHERE policy_hash IS NOT NULL GROUP BY ALL
    ),
    under AS (SELECT policy_hash, min(begun) AS begun FROM told GROUP BY policy_hash),
    new AS (SELECT * FROM under WHERE starts_with(policy_hash, (policy)::VARCHAR) ORDER BY begun DESC LIMIT 1),
    old AS (SELECT u.* FROM under u, new WHERE u.begun < new.begun ORDER BY u.begun DESC LIMIT 1),
    counted AS (
        SELECT rule, verdict,
            coalesce(sum(exchanges) FILTER (policy_hash = (SELECT policy_hash FROM old)), 0)::BIGINT AS before,
            coalesce(sum(exchanges) FILTER (policy_hash = (SELECT policy_hash FROM new)), 0)::BIGINT AS after,
            coalesce(sum(users) FILTER (policy_hash = (SELECT policy_hash FROM new)), 0)::BIGINT AS users_after
        FROM told
        WHERE policy_hash IN (SELECT policy_hash FROM old UNION ALL SELECT policy_hash FROM new) GROUP BY ALL
    )
    SELECT rule, verdict, before, after, users_after,
        round(1000.0 * before / nullif(sum(before) OVER (), 0), 2) AS before_per_1000,
        round(1000.0 * after / nullif(sum(after) OVER (), 0), 2) AS after_per_1000,
        round(1000.0 * after / nullif(sum(after) OVER (), 0)
            - coalesce(1000.0 * before / nullif(sum(before) OVER (), 0), 0), 2) AS change_per_1000
    FROM counted ORDER BY abs(change_per_1000) DESC NULLS LAST, rule, verdict""",
    "FROM policy_change_effect((SELECT policy_hash FROM policy_versions LIMIT 1))",
    (Param("policy", sample="'9f31…'"),),
)

MACROS: tuple[Macro, ...] = (_SESSION_TIMELINE, _POLICY_CHANGE_EFFECT)
