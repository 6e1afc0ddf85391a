"""Where a row of ``exchanges`` is from: an exchange that weir saw (``live``), or a day's use that a log showed.

A log's row stands for many requests and has no reply, no model, no inspection: views that count exchanges leave it out,
views of hosts and services count the requests that it stands for. The same use seen by weir and by a log is told twice:
``source`` or ``sources`` stands beside every sum that both go into.
"""

from __future__ import annotations

__all__ = ["BY_SIGNS", "LIVE", "REQUESTS", "SOURCE", "SOURCES"]

LIVE = "kind <> 'discovered'"  # an exchange through weir
SOURCE = f"CASE WHEN {LIVE} THEN 'live' ELSE coalesce(extra->>'$.source', 'log') END"
REQUESTS = f"CASE WHEN {LIVE} THEN 1 ELSE coalesce(try_cast(extra->>'$.requests' AS BIGINT), 1) END"
SOURCES = f"list(DISTINCT {SOURCE} ORDER BY {SOURCE})"
# A host that no catalogue lists and that talked like AI. JSON is read in the few rows that have the member.
BY_SIGNS = "(contains(extra::VARCHAR, '\"discovered\"') AND extra->>'$.discovered' = 'true') IS TRUE"
