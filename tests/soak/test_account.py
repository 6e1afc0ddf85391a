"""The reckoning finds what is missing, what is there twice, and what was recorded otherwise than seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from soak.account import reckon
from soak.world import METERED, UNHEARD

Row = dict[str, Any]


def call(number: int, kind: str = "plain", status: int = 200, phase: str = "", **seen: Any) -> Row:
    return {"id": f"soak/0.{number}", "kind": kind, "status": status, "phase": phase, "ms": 1.0, **seen}


def record(exchange: str, kind: str, status: int | None = None, agent: str = "", **more: Any) -> Row:
    return {"exchange_id": exchange, "kind": kind, "http_status": status, "user_agent": agent, **more}


def pair(exchange: str, number: int, status: int = 200, **more: Any) -> list[Row]:
    agent = f"soak/0.{number}"
    return [record(exchange, "request", agent=agent), record(exchange, "response", status, agent, **more)]


def whole() -> tuple[list[Row], list[Row]]:
    """A few requests of many kinds, and an audit that has them all."""
    calls = [
        call(1),
        call(2, "blocked", 400),
        call(3, "abort", 0, "body"),
        call(4, "metered", 200, up=700, down=900),
        call(5, "abort", 0, "tunnel", name=f"soak-0-5.{UNHEARD}"),
        call(6, "websocket", 101, turns=1),
        call(7, "small budget", 429),
    ]
    records = [
        *pair("a", 1),
        record("b", "block", 400, "soak/0.2"),
        record("c", "error", None, "soak/0.3"),
        record("d", "request", host=METERED),
        record("d", "meter", host=METERED, req_bytes=700, resp_bytes=900),
        record("e", "error", host=f"soak-0-5.{UNHEARD}"),
        *pair("f", 6, 101),
        record("f", "turn", agent="soak/0.6"),
        record("g", "block", 429, "soak/0.7"),
        record("h", "config"),
    ]
    return calls, records


def test_what_is_whole_is_found_so() -> None:
    wrong, outcomes = reckon(*whole())
    assert wrong == [] and sum(outcomes.values()) == 7
    assert outcomes["metered → meter"] == 1 and outcomes["abort, left: tunnel → error"] == 1


def _without(exchange: str, kind: str = "") -> Callable[[list[Row], list[Row]], object]:
    def change(_: list[Row], records: list[Row]) -> None:
        records[:] = [row for row in records if row["exchange_id"] != exchange or (kind and row["kind"] != kind)]

    return change


def _twice(calls: list[Row], records: list[Row]) -> None:
    records += pair("z", 1)


SPOILT: dict[str, tuple[Callable[[list[Row], list[Row]], object], str]] = {
    "a request without a record": (_without("a"), "plain: 0 exchanges, 0 ends"),
    "a request without an end": (_without("a", "response"), "plain: 1 exchanges, 0 ends"),
    "an end without a request": (_without("a", "request"), "plain: 0 request records"),
    "a request twice": (_twice, "plain: 2 exchanges, 2 ends"),
    "an end twice": (lambda _, records: records.append(records[1]), "plain: 1 exchanges, 2 ends"),
    "another status": (lambda _, records: records[1].update(http_status=502), "recorded as response 502, seen as 200"),
    "another kind of end": (lambda _, records: records[2].update(kind="response"), "recorded as response 400"),
    "an abort without a record": (_without("c"), "abort, left: body: 0 exchanges"),
    "an early end without a record": (_without("e"), "left in tunnel: 0 ends"),
    "a turn without a record": (_without("f", "turn"), "0 turns recorded of 1"),
    "other bytes": (lambda calls, _: calls[3].update(up=701), "metered, in no record: 1"),
    "a metered connection without a record": (_without("d"), "metered, in no record: 1"),
    "a record of nobody": (lambda _, records: records.append(record("z", "error")), "records of no client"),
    "a record of a request that nobody made": (lambda calls, _: calls.pop(0), "records of a user agent"),
    "an answer that was none": (lambda calls, _: calls[0].update(status=502), "plain: answered with 502"),
    "an error at the client": (lambda calls, _: calls[0].update(error="EOFError"), "plain: EOFError"),
    "half a stream": (lambda calls, _: calls[0].update(whole=False), "the stream was not whole"),
    "a stand-in that stayed": (lambda calls, _: calls[0].update(restored=False), "was not put back"),
    "a budget overspent": (lambda calls, _: calls[0].update(tokens=10**9), "was overspent"),
    "a visit that failed": (
        lambda calls, _: calls.append(call(8, "visit", 0, problem="stream: OSError")),
        "could not go on (stream: OSError)",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_spoilt_is_found(name: str) -> None:
    spoil, said = SPOILT[name]
    calls, records = whole()
    spoil(calls, records)
    wrong, _ = reckon(calls, records)
    assert any(said in one for one in wrong), wrong


def test_who_reset_before_weir_could_read_is_told_by_the_connection_alone() -> None:
    calls, records = whole()
    calls.append(call(8, "abort", 0, "waiting"))
    assert any("abort, left: waiting: 0 exchanges" in one for one in reckon(calls, records)[0])
    unread = record("i", "error", host="api.openai.com", inspection_reason="no request was made")
    assert reckon(calls, [*records, unread])[0] == []
    assert any("records of no client" in one for one in reckon(whole()[0], [*whole()[1], unread])[0])
    calls[-1] = call(8)
    assert any("plain: 0 exchanges" in one for one in reckon(calls, [*records, unread])[0])
