"""What `scripts/bench peers` prints: tables in Markdown, and how the figures stand to weir's targets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from peers_upstream import EVENTS, PAUSE_S

__all__ = ["document"]

Row = dict[str, float]
Results = dict[str, dict[str, Row]]
ENOUGH = 100  # answers below which a p99 is not told

# One column a contender, not one a process: weir-2 does what weir does.
DOES = (
    ("for each request it", "weir, weir-strict", "stock, minimal", "litellm", "portkey"),
    ("is spoken to by", "CONNECT + TLS", "CONNECT + TLS", "base_url, HTTP", "base_url, HTTP"),
    ("decrypts what was meant for the provider", "yes", "yes", "no: it is the server", "no: it is the server"),
    ("knows who calls", "virtual key", "no", "one master key for all", "no"),
    ("puts the company's key in", "yes", "no", "yes", "no: the client sends it"),
    ("reads the prompt for secrets and personal data", "yes", "no", "no", "no"),
    ("reads the reply for them", "yes", "no", "no", "no"),
    ("holds and settles a budget", "yes", "no", "no: that needs PostgreSQL", "no"),
    ("counts tokens and cost", "yes", "no", "in memory", "no"),
    ("records it in a chained audit", "yes; strict: on disk before it forwards", "no", "no", "no"),
    ("writes the message anew", "no", "no", "yes: parsed into its own model", "where dialects differ"),
)


def document(cases: list[dict[str, Any]], names: list[str], results: Results, machine: str) -> str:
    """All tables. `cases` have name, size, stream, connections; what failed has no figures and is shown as such."""
    parts = [f"{machine}.\n"]
    for (size, stream), group in groupby(cases, key=lambda case: (case["size"], case["stream"])):
        parts.append(_figures(size, stream, list(group), names, results))
    parts += [_memory(names, results), _room(cases, names, results)]
    parts += [_targets(results), "What each does for it:\n\n" + _markdown(DOES)]
    return "\n".join(parts)


def _markdown(rows: Iterable[Iterable[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" * (lines[0].count("|") - 1) + "|")
    return "\n".join(lines) + "\n"


def _figures(size: str, stream: bool, cases: list[dict[str, Any]], names: list[str], results: Results) -> str:
    what = "ms more until the first chunk" if stream else "ms more"
    paced = f"{EVENTS} events, {PAUSE_S * 1e3:.0f} ms apart" if stream else "plain"
    head = [f"{size}, {paced}"]
    for case in cases:
        n = case["connections"]
        head += [f"{n} conn.: req/s", f"{n}: {what}, p50 / p99", f"{n}: CPU ms"]
    rows = [head]
    for name in names:
        row = [name]
        for case in cases:
            seen = results.get(case["name"], {})
            row += _cells(seen.get(name), seen.get("nginx"), stream, name == "nginx")
        rows.append(row)
    return _markdown(rows)


def _cells(row: Row | None, direct: Row | None, stream: bool, itself: bool) -> list[str]:
    if row is None:
        return ["failed", "", ""]
    p50, p99 = ("first_p50_ms", "first_p99_ms") if stream else ("p50_ms", "p99_ms")
    last = f"{row[p99]:.2f}" if row["requests"] >= ENOUGH else "–"
    if itself or direct is None:
        return [f"{row['rate']:,.0f}", f"({row[p50]:.2f} / {last})", ""]
    if row["requests"] >= ENOUGH:
        last = f"{row[p99] - direct[p99]:+.1f}"
    return [f"{row['rate']:,.0f}", f"{row[p50] - direct[p50]:+.2f} / {last}", f"{row['cpu_ms']:.2f}"]


def _memory(names: list[str], results: Results) -> str:
    rows = [["resident under load, the most that was seen", "processes", "all MB", "the largest MB"]]
    for name in names:
        seen = [row[name] for row in results.values() if name in row]
        if name != "nginx" and seen:
            most = [f"{max(row[key] for row in seen):,.0f}" for key in ("processes", "rss_mb", "largest_mb")]
            rows.append([name, *most])
    return _markdown(rows)


def _room(cases: list[dict[str, Any]], names: list[str], results: Results) -> str:
    """Who used the cores, where requests come as fast as they are answered: is the load generator the limit?"""
    cores = os.cpu_count() or 1
    head = ["cores in use", "contender", "load", "upstream", "req/s", f"{cores} cores would give at most"]
    rows = [head]
    for case in cases:
        for name in names:
            row = results.get(case["name"], {}).get(name)
            if row is None or case["stream"] or case["connections"] == 1:
                continue
            used = [f"{row[key]:.2f}" if key != "cores" or name != "nginx" else "" for key in _CORES]
            most = cores * 1e3 / (row["cpu_ms"] + row["around_ms"])
            rows.append([f"{case['name']}, {name}", *used, f"{row['rate']:,.0f}", f"{most:,.0f}"])
    return _markdown(rows) if len(rows) > 1 else ""


_CORES = ("cores", "load_cores", "upstream_cores")


def _targets(results: Results) -> str:
    """Ratios, each of one case of this run."""
    rows = [["target", "reached in this run"]]
    for title, figures in (
        ("requests/s ≥ 10 × LiteLLM's", _ratio(results, "weir", "litellm", "rate")),
        ("requests/s ≥ 1.2 × stock mitmdump's", _ratio(results, "weir", "stock", "rate")),
        ("added p99 at 16 connections ≤ 1.3 × stock mitmdump's", _added_ratio(results)),
        ("added time to the first chunk ≤ 2 ms at p50 (1 connection; 16)", _first(results)),
        ("memory ≤ 350 MB a worker under load", _largest(results)),
        ("2 workers ≥ 1.7 × one (at most, by the cores that are left)", _workers(results)),
        ("the floor: weir / minimal, requests/s", _ratio(results, "weir", "minimal", "rate")),
    ):
        rows.append([title, "; ".join(figures) or "not measured"])
    return _markdown(rows)


def _ratio(results: Results, one: str, other: str, key: str) -> Iterator[str]:
    for case, row in results.items():
        if one in row and other in row and "stream" not in case:
            yield f"{case} {row[one][key] / row[other][key]:.2f}"


def _added_ratio(results: Results) -> Iterator[str]:
    for case, row in results.items():
        if case.endswith("plain-16") and {"weir", "stock", "nginx"} <= row.keys():
            direct = row["nginx"]["p99_ms"]
            yield f"{case} {(row['weir']['p99_ms'] - direct) / max(0.01, row['stock']['p99_ms'] - direct):.2f}"


def _first(results: Results) -> Iterator[str]:
    for case, row in results.items():
        if "stream" in case and not case.endswith("128") and {"weir", "nginx"} <= row.keys():
            yield f"{case} {row['weir']['first_p50_ms'] - row['nginx']['first_p50_ms']:.2f} ms"


def _largest(results: Results) -> Iterator[str]:
    for name in ("weir", "weir-strict", "weir-2"):
        seen = [row[name]["largest_mb"] for row in results.values() if name in row]
        if seen:
            yield f"{name} {max(seen):.0f} MB"


def _workers(results: Results) -> Iterator[str]:
    cores = os.cpu_count() or 1
    for case, row in results.items():
        if {"weir", "weir-2"} <= row.keys() and "plain" in case and not case.endswith("-1"):
            two, one = row["weir-2"], row["weir"]
            most = cores * 1e3 / (two["cpu_ms"] + two["around_ms"]) / one["rate"]
            yield f"{case} {two['rate'] / one['rate']:.2f} ({most:.2f})"
