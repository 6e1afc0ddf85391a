"""The control port's calls."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from weir.demo.control import Control
from weir.demo.handler import Doubles
from weir.demo.wire import Connection, Headers, Request


class Wire:
    def __init__(self) -> None:
        self.status, self.body = 0, b""

    async def start(self, status: int, headers: Headers) -> None:
        self.status = status

    async def send(self, data: bytes) -> None:
        self.body += data

    async def end(self) -> None:
        assert self.body

    async def cut(self, *, reset: bool = False) -> None:
        raise AssertionError("the control port never cuts")


def call(doubles: Doubles, method: str, target: str, value: object = None) -> tuple[int, Any]:
    body = bytearray(json.dumps(value).encode() if value is not None else b"")
    wire = Wire()
    asyncio.run(Control(doubles).answer(Request(Connection(1), "1.1", method, target, "", [], body, True), wire))
    return wire.status, json.loads(wire.body)


def test_requests_and_connections() -> None:
    doubles = Doubles(keys={})
    connection = Connection(4, "a.example", "h2")
    doubles.log.connections.append(connection)
    doubles.opened(Request(connection, "2", "GET", "/", "www.news.example", [], bytearray(b"abc"), True))
    status, rows = call(doubles, "GET", "/requests")
    assert (status, rows[0]["kind"], rows[0]["body"]) == (200, "site", "YWJj")
    assert "body" not in call(doubles, "GET", "/requests?bodies=0")[1][0]
    assert call(doubles, "GET", "/connections")[1][0]["sni"] == "a.example"
    assert call(doubles, "POST", "/reset") == (200, {"ok": True})
    assert call(doubles, "GET", "/requests")[1] == []


def test_behave_adds_a_rule_and_reset_takes_it_away() -> None:
    doubles = Doubles(keys={})
    assert call(doubles, "POST", "/behave", {"behaviour": "cut=3", "host": "h", "times": 2})[0] == 200
    rule = doubles.rules[0]
    assert (rule.options, rule.host, rule.path, rule.times) == ({"cut": "3"}, "h", "", 2)
    call(doubles, "POST", "/reset")
    assert doubles.rules == []


def test_gates() -> None:
    doubles = Doubles(keys={})
    assert call(doubles, "POST", "/gate/g?n=2")[0] == 200
    asyncio.run(asyncio.wait_for(doubles.gates.enter("g"), 60))
    assert call(doubles, "GET", "/gates")[1] == {"g": 0}


@pytest.mark.parametrize(
    ("method", "target", "value"),
    [
        ("GET", "/nothing", None),
        ("POST", "/behave", {"behaviour": "fly"}),
        ("POST", "/behave", {}),
        ("POST", "/behave", []),
        ("POST", "/gate/g?n=x", None),
    ],
)
def test_a_mistake_is_a_400(method: str, target: str, value: object) -> None:
    status, answer = call(Doubles(keys={}), method, target, value)
    assert (status, list(answer)) == (400, ["error"])
