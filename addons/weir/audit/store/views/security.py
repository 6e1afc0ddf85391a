"""What security asks of the store: what leaked, what was held back, what is in use that nobody allowed."""

from __future__ import annotations

from weir.audit.store.views.shape import View
from weir.audit.store.views.sources import LIVE
from weir.audit.store.views.tools import RISKY_TOOL_CALLS

__all__ = ["VIEWS"]

# JSON is read in the few rows that have the member: reading it in all takes longer than all the rest.
_OF_THE_REQUEST = """CASE WHEN credential IN ('raw', 'session') AND api_key_fp IS NOT NULL
                THEN [{'kind': credential_kind, 'fingerprint': api_key_fp, 'owner':
                    CASE WHEN contains(extra::VARCHAR, '"credential_of"') THEN extra->>'$.credential_of' END}]
                ELSE [] END"""

_TOP = View(
    "top_findings",
    "What detectors found, most frequent first: in how many exchanges, how many different values, what was done.",
    """
    SELECT detector, category, count(*) AS findings, count(DISTINCT exchange_id) AS exchanges,
        count(DISTINCT match_hmac) AS different_values,
        count(*) FILTER (direction = 'request') AS in_requests, count(*) FILTER (direction = 'response') AS in_replies,
        count(*) FILTER (action IN ('redact', 'pseudonymise', 'coach', 'block')) AS held,
        min(ts) AS first_seen, max(ts) AS last_seen
    FROM findings GROUP BY detector, category ORDER BY findings DESC, detector, category""",
)

VIEWS: tuple[View, ...] = (
    _TOP,
    View(
        "secret_leaks",
        "Credentials found in traffic; held says whether weir kept the value from leaving.",
        """
        SELECT f.ts, e."user", e.team, e.app, e.service, e.host, e.request_model AS model, f.detector, f.severity,
            f.direction, f.action, coalesce(f.action IN ('redact', 'pseudonymise', 'coach', 'block'), false)
                OR coalesce(e.action IN ('coach', 'block'), false) AS held,
            f.match_hmac, f.exchange_id, f.event_id
        FROM findings f LEFT JOIN exchanges e USING (exchange_id) WHERE f.category = 'secret'""",
    ),
    View(
        "blocked_by_rule",
        "How often each rule stopped an exchange (blocked) or would have in enforce mode (would_block).",
        f"""
        SELECT rule_id, count(*) FILTER (action IN ('coach', 'block')) AS blocked,
            count(*) FILTER (verdict IN ('coach', 'block') AND coalesce(action, '') NOT IN ('coach', 'block'))
                AS would_block,
            count(DISTINCT "user") AS users, count(*) FILTER ("user" IS NULL) AS unidentified,
            count(DISTINCT service) AS services, min(started) AS first_seen, max(started) AS last_seen
        FROM exchanges WHERE (verdict IN ('coach', 'block') OR action IN ('coach', 'block')) AND {LIVE}
        GROUP BY rule_id""",
    ),
    View(
        "credentials_seen",
        "Each credential that was no virtual key, each time it was shown: whose it is, who showed it, what was done.",
        f"""
        WITH listed AS (
            SELECT *, CASE WHEN contains(extra::VARCHAR, '"credentials"') THEN {_OF_THE_REQUEST}
                || coalesce(list_transform(string_split(extra->>'$.credentials', ' '), lambda one:
                    {{'kind': split_part(one, ':', 1), 'fingerprint': split_part(one, ':', 2),
                     'owner': nullif(split_part(one, ':', 3), '')}}), [])
                ELSE {_OF_THE_REQUEST} END AS credentials
            FROM exchanges WHERE api_key_fp IS NOT NULL OR contains(extra::VARCHAR, '"credentials"')
        )
        SELECT coalesce(s.owner, e.provider, e.service, e.host) AS provider, s.kind, s.fingerprint,
            e.started, e."user", e.team, e.app, e.device, e.auth_method, e.src_ip, e.service, e.host, e.operation,
            CASE WHEN e.action = 'block' THEN 'block'
                WHEN contains(e.extra::VARCHAR, '"credential_replaced"')
                    AND e.extra->>'$.credential_replaced' LIKE '%' || s.fingerprint || '%' THEN 'replace'
                WHEN e.action IS NULL OR e.action = '' THEN 'allow' ELSE e.action END AS done,
            e.rule_id, e.exchange_id
        FROM (SELECT *, unnest(credentials) AS s FROM listed) e""",
    ),
    View(
        "credentials",
        "The inventory of credentials that are no virtual keys: whose, what kind, who with, from where, how often.",
        """
        WITH shown AS (  -- once for each who and where: few rows to tell apart
            SELECT provider, kind, fingerprint, "user", team, app, src_ip, host, count(*) AS exchanges,
                count(*) FILTER (done = 'replace') AS replaced, count(*) FILTER (done = 'block') AS blocked,
                min(started) AS first_seen, max(started) AS last_seen
            FROM credentials_seen GROUP BY ALL
        )
        SELECT provider, kind, fingerprint, sum(exchanges)::BIGINT AS exchanges,
            sum(replaced)::BIGINT AS replaced, sum(blocked)::BIGINT AS blocked,
            coalesce(list(DISTINCT "user" ORDER BY "user") FILTER ("user" IS NOT NULL), []) AS users,
            coalesce(list(DISTINCT team ORDER BY team) FILTER (team IS NOT NULL), []) AS teams,
            coalesce(list(DISTINCT app ORDER BY app) FILTER (app IS NOT NULL), []) AS apps,
            coalesce(sum(exchanges) FILTER ("user" IS NULL AND team IS NULL AND app IS NULL), 0)::BIGINT
                AS unidentified,
            count(DISTINCT src_ip) AS addresses, list(DISTINCT host ORDER BY host) AS hosts,
            min(first_seen) AS first_seen, max(last_seen) AS last_seen
        FROM shown GROUP BY provider, kind, fingerprint""",
    ),
    View(
        "personal_accounts",
        "Use of sanctioned services with an account of another tenant, where it showed; tenants: the policy's section.",
        """
        SELECT coalesce(extra->>'$.tenant', service, host) AS vendor, service, host, "user", team, app, device, src_ip,
            count(*) AS exchanges, count(*) FILTER (http_status = 403) AS refused,
            count(DISTINCT extra->>'$.tenant_account') AS accounts,
            min(started) AS first_seen, max(started) AS last_seen
        FROM exchanges WHERE account = 'personal' GROUP BY ALL""",
    ),
    View(
        "uninspected",
        "Exchanges into which weir could not see fully, and why.",
        f"""
        SELECT started, "user", team, app, src_ip, host, service, service_status, kind, inspection,
            coalesce(inspection_reason, reason) AS reason, action, req_bytes, resp_bytes, exchange_id
        FROM exchanges WHERE inspection IS DISTINCT FROM 'inspected' AND {LIVE}""",
    ),
    RISKY_TOOL_CALLS,
)
