"""Tool calls that can do harm: by what their names say they do, and by what weir saw and did."""

from __future__ import annotations

from weir.audit.store.views.shape import View

__all__ = ["RISKY_TOOL_CALLS"]

# Words of a tool's name, once `WebFetch`, `web-fetch` and `web.fetch` are all `web fetch`. The first that fits counts.
_RISKS = (
    ("runs commands", "bash|zsh|sh|shell|powershell|pwsh|cmd|terminal|command|exec|execute|executes|run|runs|ssh|sudo"),
    ("runs code", "code|python|javascript|node|repl|interpreter|eval|notebook|script|computer"),
    (
        "changes files",
        "write|edit|multi|create|save|delete|remove|move|rename|patch|replace|append|overwrite|upload",
    ),
    ("changes data", "sql|query|insert|update|upsert|drop|alter|commit|push|merge|deploy|apply"),
    ("uses the network", "fetch|http|https|curl|wget|url|browser|browse|navigate|download|request|webhook|publish"),
    ("sends messages", "send|email|mail|sms|post|reply|slack|tweet|comment|invite|share"),
    ("handles credentials", "secret|secrets|password|passwords|credential|credentials|vault|keychain"),
)
_HARMLESS = "todo|todos|plan|plans|think|thought"  # an agent's notes to itself, though it writes and updates them


def _risk_sql(name: str) -> str:
    words = f"' ' || regexp_replace(lower(regexp_replace({name}, '([a-z0-9])([A-Z])', '\\1 \\2', 'g')), "
    words += "'[^a-z0-9]+', ' ', 'g') || ' '"
    cases = " ".join(f"WHEN regexp_matches(words, ' ({words_}) ') THEN '{risk}'" for risk, words_ in _RISKS)
    # DISTINCT moves what is worked out of a name down to every call; GROUP BY leaves it to the few names there are.
    return f"""
        SELECT name, CASE WHEN regexp_matches(words, ' ({_HARMLESS}) ') THEN NULL {cases} END AS risk
        FROM (SELECT {name} AS name, {words} AS words FROM (SELECT {name} FROM tool_calls GROUP BY {name}))"""


RISKY_TOOL_CALLS = View(
    "risky_tool_calls",
    "Tool calls that by their name run, change or send something, or that came with findings or were not just allowed.",
    f"""
    WITH named AS ({_risk_sql("name")}),
    found AS (SELECT exchange_id, count(*) AS findings FROM findings GROUP BY exchange_id)
    SELECT t.ts, e."user", e.team, e.app, e.device, e.service, coalesce(e.response_model, e.request_model) AS model,
        t.name, t.mcp_server, n.risk, coalesce(t.action, e.action) AS action, coalesce(f.findings, 0) AS findings,
        t.call_id, t.exchange_id, t.event_id
    FROM tool_calls t LEFT JOIN named n USING (name) LEFT JOIN exchanges e USING (exchange_id)
        LEFT JOIN found f USING (exchange_id)
    WHERE n.risk IS NOT NULL OR f.findings > 0 OR coalesce(t.action, e.action, 'allow') <> 'allow'""",
    'SELECT risk, name, count(*) AS calls, count(DISTINCT "user") AS users FROM risky_tool_calls GROUP BY ALL '
    "ORDER BY calls DESC",
)
