"""The SQL of the store: what an analyst sees in ``audit.duckdb``. Base views follow from the columns."""

from __future__ import annotations

from dataclasses import dataclass

from weir.audit.columns import Column
from weir.audit.record import EVENT_COLUMNS

__all__ = ["VIEWS", "View", "exchanges_sql"]

_NOT_EXCHANGES = "('gap', 'config', 'erasure', 'disclosure', 'retention', 'coach', 'budget')"
_OF_THE_RECORD = {"event_id", "exchange_id", "seq", "ts", "ts_end", "kind", "prev_hash", "row_hash", "dropped"}

_OF_TURNS = {
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "cost_nano"),
}


@dataclass(frozen=True, slots=True)
class View:
    """A view by name: what it is for, and its SELECT."""

    name: str
    comment: str
    sql: str


def exchanges_sql() -> str:
    """One row per exchange out of its records: of each column the last value that was set, the reply's before the
    request's. ``ended`` stays NULL, and ``kind`` is ``request``, while there is no reply."""
    merged = [_merged(column) for column in EVENT_COLUMNS if column.name not in _OF_THE_RECORD]
    return f"""
        SELECT exchange_id,
            coalesce(arg_max(kind, seq) FILTER (kind NOT IN ('discovered', 'turn')), 'discovered') AS kind,
            min(ts) AS started,
            max(coalesce(ts_end, ts)) FILTER (kind NOT IN ('request', 'discovered', 'turn')) AS ended,
            {", ".join(merged)},
            arg_max(event_id, seq) FILTER (kind = 'request') AS request_event_id,
            arg_max(event_id, seq) FILTER (kind NOT IN ('request', 'turn')) AS response_event_id
        FROM events WHERE exchange_id IS NOT NULL AND kind NOT IN {_NOT_EXCHANGES}
        GROUP BY exchange_id"""


def _merged(column: Column) -> str:
    if column.name in _OF_TURNS:  # while a socket is open, the sum of its turns; then what its last record says
        last = f'arg_max("{column.name}", seq) FILTER ("{column.name}" IS NOT NULL AND kind <> \'turn\')'
        return f'coalesce({last}, sum("{column.name}") FILTER (kind = \'turn\')::BIGINT) AS "{column.name}"'
    return f'arg_max("{column.name}", seq) FILTER ("{column.name}" IS NOT NULL) AS "{column.name}"'


DISCOVERED = "(kind = 'discovered' OR coalesce(extra->>'$.discovered', '') = 'true')"

VIEWS = (
    View(
        "exchanges",
        "One row per exchange: its request and reply records joined; reply columns are NULL while none has come.",
        exchanges_sql(),
    ),
    View(
        "secret_leaks",
        "Credentials found in traffic; held says whether weir kept the value from leaving.",
        """
        SELECT f.ts, e."user", e.team, e.app, e.service, e.host, e.request_model AS model, f.detector, f.severity,
            f.direction, f.action, coalesce(f.action IN ('redact', 'pseudonymise', 'coach', 'block'), false)
                OR coalesce(e.action IN ('coach', 'block'), false) AS held,
            f.match_hmac, f.exchange_id, f.event_id
        FROM findings f LEFT JOIN events e USING (event_id) WHERE f.category = 'secret'""",
    ),
    View(
        "blocked_by_rule",
        "How often each rule stopped an exchange (blocked) or would have in enforce mode (would_block).",
        """
        SELECT rule_id, count(*) FILTER (action IN ('coach', 'block')) AS blocked,
            count(*) FILTER (verdict IN ('coach', 'block') AND coalesce(action, '') NOT IN ('coach', 'block'))
                AS would_block,
            count(DISTINCT "user") AS users, count(*) FILTER ("user" IS NULL) AS unidentified,
            count(DISTINCT service) AS services, min(started) AS first_seen, max(started) AS last_seen
        FROM exchanges WHERE verdict IN ('coach', 'block') OR action IN ('coach', 'block') GROUP BY rule_id""",
    ),
    View(
        "shadow_ai_hosts",
        "AI services in use that are not sanctioned, metered and discovered ones too; other metered hosts are not.",
        f"""
        SELECT host, service, coalesce(service_status, 'unknown') AS status, bool_or({DISCOVERED}) AS discovered,
            list(DISTINCT inspection ORDER BY inspection) AS inspection,
            count(*) AS exchanges, count(DISTINCT "user") AS users, count(*) FILTER ("user" IS NULL) AS unidentified,
            sum(req_bytes) AS bytes_up, sum(resp_bytes) AS bytes_down,
            min(started) AS first_seen, max(started) AS last_seen
        FROM exchanges
        WHERE host IS NOT NULL AND coalesce(service_status, '') <> 'sanctioned'
            AND (service IS NOT NULL OR service_status IS NOT NULL OR {DISCOVERED})
        GROUP BY host, service, status""",
    ),
    View(
        "cost_by_team_day",
        "Tokens and money per team and day (UTC); unpriced exchanges are counted, not guessed. NULL: none has a price.",
        """
        SELECT started::DATE AS day, coalesce(team, '') AS team, count(*) AS exchanges,
            sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
            round(sum(cost_nano) / 1e9, 6) AS cost_usd,
            count(*) FILTER (cost_nano IS NULL) AS unpriced
        FROM exchanges WHERE usage_source IN ('reported', 'estimated') GROUP BY day, coalesce(team, '')""",
    ),
    View(
        "cost_by_model",
        "Tokens and money per service and model that answered; cost_usd is NULL where no exchange has a price.",
        """
        SELECT service, coalesce(response_model, request_model) AS model, count(*) AS exchanges,
            sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
            sum(cache_read_tokens)::BIGINT AS cache_read_tokens, sum(cache_write_tokens)::BIGINT AS cache_write_tokens,
            round(sum(cost_nano) / 1e9, 6) AS cost_usd,
            count(*) FILTER (cost_nano IS NULL) AS unpriced,
            count(*) FILTER (usage_source = 'estimated') AS estimated
        FROM exchanges WHERE usage_source IN ('reported', 'estimated') GROUP BY service, model""",
    ),
    View(
        "credentials_seen",
        "Each credential that was no virtual key, each time it was shown: whose it is, who showed it, what was done.",
        """
        WITH listed AS (
            SELECT *, (CASE WHEN credential IN ('raw', 'session') AND api_key_fp IS NOT NULL
                THEN [{'kind': credential_kind, 'fingerprint': api_key_fp, 'owner': extra->>'$.credential_of'}]
                ELSE [] END)
                || coalesce(list_transform(string_split(extra->>'$.credentials', ' '), lambda one:
                    {'kind': split_part(one, ':', 1), 'fingerprint': split_part(one, ':', 2),
                     'owner': nullif(split_part(one, ':', 3), '')}), []) AS credentials
            FROM exchanges  -- once: putting it together out of its records is what takes time
        )
        SELECT coalesce(s.owner, e.provider, e.service, e.host) AS provider, s.kind, s.fingerprint,
            e.started, e."user", e.team, e.app, e.device, e.auth_method, e.src_ip, e.service, e.host, e.operation,
            CASE WHEN e.action = 'block' THEN 'block'
                WHEN e.extra->>'$.credential_replaced' LIKE '%' || s.fingerprint || '%' THEN 'replace'
                WHEN e.action IS NULL OR e.action = '' THEN 'allow' ELSE e.action END AS done,
            e.rule_id, e.exchange_id
        FROM (SELECT *, unnest(credentials) AS s FROM listed) e""",
    ),
    View(
        "credentials",
        "The inventory of credentials that are no virtual keys: whose, what kind, who with, from where, how often.",
        """
        SELECT provider, kind, fingerprint, count(*) AS exchanges,
            count(*) FILTER (done = 'replace') AS replaced, count(*) FILTER (done = 'block') AS blocked,
            coalesce(list(DISTINCT "user" ORDER BY "user") FILTER ("user" IS NOT NULL), []) AS users,
            coalesce(list(DISTINCT team ORDER BY team) FILTER (team IS NOT NULL), []) AS teams,
            coalesce(list(DISTINCT app ORDER BY app) FILTER (app IS NOT NULL), []) AS apps,
            count(*) FILTER ("user" IS NULL AND team IS NULL AND app IS NULL) AS unidentified,
            count(DISTINCT src_ip) AS addresses, list(DISTINCT host ORDER BY host) AS hosts,
            min(started) AS first_seen, max(started) AS last_seen
        FROM credentials_seen GROUP BY provider, kind, fingerprint""",
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
        """
        SELECT started, "user", team, app, src_ip, host, service, service_status, kind, inspection,
            coalesce(inspection_reason, reason) AS reason, action, req_bytes, resp_bytes, exchange_id
        FROM exchanges WHERE inspection IS DISTINCT FROM 'inspected'""",
    ),
)
