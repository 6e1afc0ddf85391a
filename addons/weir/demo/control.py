"""The doubles' control port: plain HTTP on loopback, for tests and the demo.

| call | effect |
|---|---|
| ``GET /requests[?bodies=0]`` | every request received, oldest first |
| ``GET /connections`` | every connection accepted |
| ``GET /gates`` | how many wait at each gate |
| ``POST /gate/NAME[?n=COUNT\\|all]`` | let one event through, or COUNT, or all from now on |
| ``POST /behave`` ``{"behaviour": "cut=3", "host": "", "path": "", "times": 1}`` | behave so for the next requests |
| ``POST /reset`` | forget requests, rules and gates |
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

from .behave import Rule, parse
from .handler import Doubles
from .shapes import dumps
from .wire import Request, Responder, Talk

__all__ = ["Control"]


class Control:
    """Answers the control port for a set of doubles."""

    def __init__(self, doubles: Doubles) -> None:
        self._doubles = doubles

    def talk(self, request: Request) -> Talk | None:
        """None: there are no WebSockets here."""
        return None

    def opened(self, request: Request) -> None:
        """Nothing to note: these are the test's own calls."""

    def lost(self, request: Request) -> None:
        """Nothing to note."""

    async def answer(self, request: Request, responder: Responder) -> None:
        """Do what is asked; a mistake is a 400 that says which."""
        try:
            status, value = 200, await self._do(request)
        except (ValueError, KeyError, TypeError) as problem:
            status, value = 400, {"error": str(problem)}
        body = dumps(value)
        await responder.start(status, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))])
        await responder.send(body)
        await responder.end()

    async def _do(self, request: Request) -> object:
        parts = urlsplit(request.target)
        query = dict(parse_qsl(parts.query))
        doubles = self._doubles
        match request.method, parts.path.strip("/").split("/"):
            case "GET", ["requests"]:
                return doubles.log.requests(bodies=query.get("bodies") != "0")
            case "GET", ["connections"]:
                return doubles.log.links()
            case "GET", ["gates"]:
                return doubles.gates.waiting
            case "POST", ["gate", name]:
                wanted = query.get("n", "1")
                await doubles.gates.release(name, None if wanted == "all" else int(wanted))
            case "POST", ["behave"]:
                doubles.rules.append(_rule(request.body))
            case "POST", ["reset"]:
                doubles.rules.clear()
                doubles.log.clear()
                await doubles.gates.clear()
            case _:
                raise ValueError("no such call")
        return {"ok": True}


def _rule(body: bytes | bytearray) -> Rule:
    given = json.loads(body)
    options = parse(str(given["behaviour"]))
    return Rule(options, str(given.get("host", "")), str(given.get("path", "")), int(given.get("times", 1)))
