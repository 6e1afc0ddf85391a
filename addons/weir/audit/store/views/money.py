"""What finance asks of the store: who spends what, on which model, what caches save, what is out of line."""

from __future__ import annotations

from weir.audit.store.views.focus import focus_sql
from weir.audit.store.views.people import WHO
from weir.audit.store.views.shape import View

__all__ = ["VIEWS"]

_COUNTED = "usage_source IN ('reported', 'estimated')"
_SUMS = """sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
            round(sum(cost_nano) / 1e9, 6) AS cost_usd, count(*) - count(cost_nano) AS unpriced"""

VIEWS: tuple[View, ...] = (
    View(
        "cost_by_team_day",
        "Tokens and money per team and day (UTC); unpriced exchanges are counted, not guessed. NULL: none has a price.",
        """
        SELECT started::DATE AS day, coalesce(team, '') AS team, count(*) AS exchanges,
            sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
            round(sum(cost_nano) / 1e9, 6) AS cost_usd,
            count(*) - count(cost_nano) AS unpriced
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
            count(*) - count(cost_nano) AS unpriced,
            count(*) FILTER (usage_source = 'estimated') AS estimated
        FROM exchanges WHERE usage_source IN ('reported', 'estimated') GROUP BY service, model""",
    ),
    View(
        "top_spenders",
        "Who spends most: people, else apps, else addresses; share_pct is their part of all the money.",
        f"""
        SELECT {WHO} AS who, "user", team, app, count(*) AS exchanges, {_SUMS},
            round(100 * sum(cost_nano) / sum(sum(cost_nano)) OVER (), 1) AS share_pct,
            round(sum(cost_nano) FILTER (started >= make_timestamp(epoch_us(now())) - INTERVAL 30 DAY) / 1e9, 6)
                AS last_30_days_usd,
            min(started) AS first_seen, max(started) AS last_seen
        FROM exchanges WHERE {_COUNTED} GROUP BY ALL ORDER BY cost_usd DESC NULLS LAST, exchanges DESC, who""",
    ),
    View(
        "cache_savings",
        "What providers' prompt caches saved per service and model, against paying every token as new; below 0: cost.",
        """
        SELECT service, coalesce(response_model, request_model) AS model, count(*) AS exchanges,
            sum(input_tokens)::BIGINT AS input_tokens, sum(cache_read_tokens)::BIGINT AS cache_read_tokens,
            sum(cache_write_tokens)::BIGINT AS cache_write_tokens,
            round(100.0 * sum(cache_read_tokens) / nullif(sum(input_tokens), 0), 1) AS read_pct,
            round(sum(cost_nano) / 1e9, 6) AS cost_usd, round(sum(cache_saved_nano) / 1e9, 6) AS saved_usd,
            count(*) FILTER (cache_saved_nano IS NULL AND coalesce(cache_read_tokens, 0)
                + coalesce(cache_write_tokens, 0) > 0) AS not_known
        FROM exchanges WHERE usage_source = 'reported' AND input_tokens > 0
        GROUP BY ALL ORDER BY saved_usd DESC NULLS LAST, service, model""",
    ),
    View(
        "cost_spikes",
        "Days on which somebody spent over twice the median of their 7 days before, or 10 dollars with no such day.",
        f"""
        WITH days AS (
            SELECT started::DATE AS day, {WHO} AS who, any_value(team) AS team, count(*) AS exchanges,
                sum(cost_nano) AS nano
            FROM exchanges WHERE cost_nano > 0 GROUP BY ALL
        ),
        usual AS (
            SELECT *, median(nano) OVER (PARTITION BY who ORDER BY day
                RANGE BETWEEN INTERVAL 7 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING) AS before,
            FROM days
        )
        SELECT day, who, team, exchanges, round(nano / 1e9, 6) AS cost_usd, round(before / 1e9, 6) AS median_usd,
            round(nano / before, 1) AS times
        FROM usual
        WHERE nano >= CASE WHEN before IS NULL THEN 10_000_000_000 ELSE greatest(2 * before, 1_000_000_000) END
        ORDER BY day DESC, nano - coalesce(before, 0) DESC, who""",
    ),
    View(
        "focus",
        "Spend by day, model, price, team, app and user in the columns of FOCUS 1.4; costs are EffectiveCost.",
        focus_sql(("team", "app", "user")),
        "SELECT SubAccountId, sum(EffectiveCost) AS usd FROM focus GROUP BY ALL ORDER BY usd DESC",
    ),
)
