"""The reckoning: what the clients' ledgers say against what the audit has, request by request, each exactly once."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from soak.site import SMALL_TOKENS
from soak.world import METERED, UNHEARD

__all__ = ["ENDS", "reckon", "rows_of"]

# A client that resets its connection takes with it what weir has not read: the kernel throws it away.
UNREAD = "no request was made"
ENDS = ("response", "block", "error", "meter", "coach")
Row = dict[str, Any]
_SHOWN = 5


def rows_of(ledgers: Iterable[Path]) -> list[Row]:
    """What all clients wrote down. A last line that was not finished is none."""
    lines = (line for path in ledgers if path.exists() for line in path.read_text().split("\n")[:-1])
    return [json.loads(line) for line in lines]


def _wanted(call: Row) -> set[tuple[str, int | None]] | None:
    """The kinds of end record, with their status, that fit what the client saw; None: any end."""
    status = call["status"]
    if call["phase"]:
        # In its body: an error. Later weir may have had an answer or not, and may have been told of the end late.
        ends: set[tuple[str, int | None]] | None = (
            {("error", None), ("error", 400)} if call["phase"] == "body" else None
        )
        return ends
    if call["kind"] == "blocked":
        return {("block", status)}
    if call["kind"] == "small budget" and status == 429:
        return {("block", 429)}
    return {("response", status)}


def _seen_wrong(call: Row) -> str:
    """What the client itself found wrong with what it got."""
    status, kind = call["status"], call["kind"]
    if "error" in call:
        return f"{kind}: {call['error']}"
    right = {"blocked": (400,), "small budget": (200, 429), "websocket": (101,)}.get(kind, (200,))
    if not call["phase"] and status not in right:
        return f"{kind}: answered with {status}"
    if call.get("whole") is False:
        return f"{kind}: the stream was not whole"
    return f"{kind}: the address was not put back" if call.get("restored") is False else ""


class _Audit:
    """The records of exchanges, by how their clients can be told."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.by_exchange: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row["kind"] not in ("config", "first_seen", "budget"):
                self.by_exchange[row["exchange_id"]].append(row)
        self.agents: dict[str, list[str]] = defaultdict(list)
        self.metered: list[str] = []
        self.unheard: dict[str, list[str]] = defaultdict(list)
        self.strangers: list[str] = []
        self.unread: list[str] = []
        for exchange, found in self.by_exchange.items():
            host = next((row["host"] for row in found if row.get("host")), "")
            agent = next((row["user_agent"] for row in found if row.get("user_agent")), "")
            if agent.startswith("soak/"):
                self.agents[agent].append(exchange)
            elif host == METERED:
                self.metered.append(exchange)
            elif host.endswith(f".{UNHEARD}"):
                self.unheard[host].append(exchange)
            elif all(row.get("inspection_reason") == UNREAD for row in found):
                self.unread.append(exchange)
            else:
                self.strangers.append(exchange)

    def ends(self, exchange: str) -> list[Row]:
        return [row for row in self.by_exchange[exchange] if row["kind"] in ENDS]


def reckon(calls: Sequence[Row], records: Iterable[Row]) -> tuple[list[str], Counter[str]]:
    """What is wrong (empty: nothing), and how many requests ended how: ``kind -> end`` by name."""
    audit, wrong, outcomes = _Audit(records), [], Counter[str]()
    problems: dict[str, list[str]] = defaultdict(list)
    for call in calls:
        if call["kind"] == "visit":
            problems[f"a client could not go on ({call['problem']})"].append(call["id"])
            continue
        if seen := _seen_wrong(call):
            problems[f"seen by a client: {seen}"].append(call["id"])
        if call["kind"] == "metered" or "name" in call:
            continue
        exchanges = audit.agents.pop(call["id"], [])
        if not exchanges and audit.unread and call["phase"] in ("body", "waiting"):
            audit.unread.pop()
            outcomes[f"{_name(call)} → error, unread"] += 1
            continue
        ends = [end for exchange in exchanges for end in audit.ends(exchange)]
        told = ", ".join(sorted(f"{end['kind']} {end.get('http_status') or ''}".strip() for end in ends))
        outcomes[f"{_name(call)} → {told or 'nothing'}"] += 1
        if len(exchanges) != 1 or len(ends) != 1:
            problems[f"{_name(call)}: {len(exchanges)} exchanges, {len(ends)} ends in the audit"].append(call["id"])
            continue
        wanted = _wanted(call)
        if wanted is not None and (ends[0]["kind"], ends[0].get("http_status")) not in wanted and "error" not in call:
            problems[f"{_name(call)}: recorded as {told}, seen as {call['status']}"].append(call["id"])
        kinds = Counter(row["kind"] for row in audit.by_exchange[exchanges[0]])
        if kinds["request"] > 1 or (ends[0]["kind"] == "response" and kinds["request"] != 1):
            problems[f"{_name(call)}: {kinds['request']} request records"].append(call["id"])
        if "turns" in call and "error" not in call and kinds["turn"] != call["turns"]:
            problems[f"websocket: {kinds['turn']} turns recorded of {call['turns']}"].append(call["id"])
    for what, left in (("a user agent", audit.agents), ("no client", audit.strangers + audit.unread)):
        if left:
            problems[f"records of {what} that no ledger has: {len(left)}"] += list(left)[:_SHOWN]
    wrong += _metered(calls, audit, outcomes) + _unheard(calls, audit, outcomes) + _spent(calls)
    wrong += [f"{len(ids)} × {what}, e.g. {', '.join(ids[:_SHOWN])}" for what, ids in sorted(problems.items())]
    return wrong, outcomes


def _name(call: Row) -> str:
    return f"{call['kind']}, left: {call['phase']}" if call["phase"] else str(call["kind"])


def _metered(calls: Sequence[Row], audit: _Audit, outcomes: Counter[str]) -> list[str]:
    """Bytes are the names of undecrypted connections: the same ones, as often as the clients counted them."""
    seen = Counter((call["up"], call["down"]) for call in calls if call["kind"] == "metered" and "up" in call)
    lost = sum(1 for call in calls if call["kind"] == "metered" and "up" not in call)
    ends = [audit.ends(exchange) for exchange in audit.metered]
    there = Counter((rows[0].get("req_bytes"), rows[0].get("resp_bytes")) for rows in ends if len(rows) == 1)
    outcomes["metered → meter"] = sum((seen & there).values())
    wrong = [f"{len(rows)} ends of a metered connection" for rows in ends if len(rows) != 1]
    if seen - there:
        wrong.append(f"metered, in no record: {sum((seen - there).values())}, e.g. {list(seen - there)[:_SHOWN]}")
    if (more := sum((there - seen).values())) > lost:
        wrong.append(f"metered, on record only: {more}, e.g. {list(there - seen)[:_SHOWN]}")
    return wrong


def _unheard(calls: Sequence[Row], audit: _Audit, outcomes: Counter[str]) -> list[str]:
    """Connections that never got as far as a request are told by the name they asked for."""
    wrong = []
    for call in calls:
        if "name" in call:
            ends = [end["kind"] for exchange in audit.unheard.pop(call["name"], []) for end in audit.ends(exchange)]
            outcomes[f"{_name(call)} → {', '.join(ends) or 'nothing'}"] += 1
            if len(ends) != 1:
                wrong.append(f"left in {call['phase']}: {len(ends)} ends on record ({call['id']})")
    return wrong + [f"records of {name}, for which nobody asked" for name in audit.unheard]


def _spent(calls: Sequence[Row]) -> list[str]:
    used = sum(call.get("tokens", 0) for call in calls)
    return [f"the small budget was overspent: {used} of {SMALL_TOKENS}"] if used > SMALL_TOKENS else []
