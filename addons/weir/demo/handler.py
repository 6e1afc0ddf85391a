"""Answers requests as the double of their host would, under whatever behaviour a test has asked for."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote, urlsplit

from .behave import Gates, Rule, encoder, model_behaviour, parse
from .hosts import DOUBLES, failure, kind_of
from .record import Entry, Log
from .shapes import Answer, Ask
from .talks import talk_of
from .wire import Gone, Request, Responder, Talk

__all__ = ["Doubles"]

_SILENCE_S = 600.0


@dataclass
class Doubles:
    """All doubles at once. ``keys`` maps a kind of double to the key it accepts, ``hosts`` adds hosts to the table."""

    keys: Mapping[str, str] = field(repr=False)
    hosts: Mapping[str, str] = field(default_factory=dict)
    log: Log = field(default_factory=Log)
    gates: Gates = field(default_factory=Gates)
    rules: list[Rule] = field(default_factory=list)

    def opened(self, request: Request) -> None:
        """Note the request at its head: a test may ask whether even that got here."""
        self.log.open(request, kind_of(request.authority, self.hosts))

    def lost(self, request: Request) -> None:
        """Note that the client did not wait for the end."""
        self.log.of(request).lost = True

    def talk(self, request: Request) -> Talk | None:
        """The conversation that a WebSocket opens, noted as it goes: what comes in is the request's body."""
        entry = self.log.of(request)
        ask, problem = self._ask(request)
        if problem or {"no_socket", "status"} & ask.options.keys():
            return None
        key = self.keys.get(entry.kind, "")
        talk = talk_of(ask, entry.kind, frozenset({key}) if key else frozenset())
        if talk is None:
            return None
        entry.status = 101
        return _Noted(talk, entry, self.log)

    async def answer(self, request: Request, responder: Responder) -> None:
        """Make up the reply and send it as told."""
        entry = self.log.of(request)
        try:
            ask, problem = self._ask(request)
            answer = failure(entry.kind, 400, problem) if problem else self._reply(ask, entry.kind)
            await _Performance(ask, answer, entry, self, responder).run()
        except Gone:
            raise
        except TimeoutError:
            await responder.cut()  # a gate that nobody released
        except Exception as fault:  # noqa: BLE001
            # A double that breaks must be seen at once: the client gets a reset, stderr the place. Not the message:
            # it may quote what was sent.
            traceback.print_tb(fault.__traceback__, file=sys.stderr)
            print(type(fault).__name__, file=sys.stderr)  # noqa: T201
            await responder.cut(reset=True)

    def _ask(self, request: Request) -> tuple[Ask, str]:
        """The request as doubles read it, and what is wrong with the behaviour it asks for, if anything."""
        parts = urlsplit(request.target)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers}
        headers.setdefault("host", request.authority)  # what HTTP/2 has instead, and what a signature covers
        body = bytes(request.body)
        host = request.authority.rpartition(":")[0] or request.authority
        options: dict[str, str] = {}
        problem = ""
        try:
            options |= parse(model_behaviour(parts.path, body))
            for rule in self.rules:
                if rule.take(host, parts.path):
                    options |= rule.options
                    break
            options |= parse(headers.get("x-double", ""))
        except ValueError as error:
            problem = str(error)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Ask(request.method, unquote(parts.path), query, headers, body, options), problem

    def _reply(self, ask: Ask, kind: str) -> Answer:
        options = ask.options
        if "echo" in options:
            answer = Answer(200, ask.headers.get("content-type", "application/octet-stream"), body=ask.body)
        elif options.get("status", "").isdigit():
            answer = failure(kind, int(options["status"]), "The double was told to fail.")
        else:
            key = self.keys.get(kind, "")
            answer = DOUBLES[kind](ask, frozenset({key}) if key else frozenset())
        if "body" in options:
            answer = replace(answer, body=options["body"].encode(), events=None)
        if "type" in options:
            answer = replace(answer, content_type=options["type"])
        if ":" in options.get("header", ""):
            name, _, value = options["header"].partition(":")
            answer = replace(answer, headers=(*answer.headers, (name, value.strip())))
        return answer


class _Noted:
    """A conversation of which every message is noted, a line each."""

    def __init__(self, talk: Talk, entry: Entry, log: Log) -> None:
        self._talk, self._entry, self._log = talk, entry, log

    def opened(self) -> list[str]:
        return self._note(self._talk.opened())

    def heard(self, text: str) -> list[str]:
        self._entry.request.body += text.encode() + b"\n"
        return self._note(self._talk.heard(text))

    def _note(self, texts: list[str]) -> list[str]:
        for text in texts:
            self._log.sent(self._entry, text.encode() + b"\n")
            self._entry.events += 1
        return texts


class _Performance:
    """One reply on its way out."""

    def __init__(self, ask: Ask, answer: Answer, entry: Entry, doubles: Doubles, responder: Responder) -> None:
        self._ask, self._answer, self._entry = ask, answer, entry
        self._doubles, self._responder = doubles, responder
        self._streamed = answer.events is not None
        accepts = ask.headers.get("accept-encoding", "")
        self._encoder = encoder(accepts, ask.options.get("encoding", ""), stream=self._streamed)

    async def run(self) -> None:
        options = self._ask.options
        if "reset" in options and "cut" not in options:
            await self._responder.cut(reset=True)
        if "silent" in options:
            await asyncio.sleep(_SILENCE_S)
            await self._responder.cut()
        if "hold" in options:
            await self._doubles.gates.enter(options["hold"])
        if self._streamed:
            await self._start(None)
            await self._stream()
        else:
            await self._plain()
        self._entry.ended = True  # before the client can see the end, so that a test never asks too early
        await self._responder.end()

    async def _start(self, length: int | None) -> None:
        answer = self._answer
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        headers.append((b"content-type", answer.content_type.encode()))
        if self._encoder:
            headers.append((b"content-encoding", self._encoder.name.encode()))
        if length is not None and "chunked" not in self._ask.options:
            headers.append((b"content-length", b"%d" % length))
        if "close" in self._ask.options:
            headers.append((b"connection", b"close"))
        self._entry.status, self._entry.reply_headers = answer.status, headers
        await self._responder.start(answer.status, headers)

    async def _plain(self) -> None:
        body = self._answer.body
        if self._encoder:
            body = self._encoder.feed(body) + self._encoder.finish()
        await self._start(len(body))
        cut = self._ask.number("cut", len(body) + 1)
        await self._write(body[:cut])
        self._entry.events = 1
        if cut <= len(body):
            await self._responder.cut(reset="reset" in self._ask.options)

    async def _stream(self) -> None:
        options = self._ask.options
        cut = self._ask.number("cut", len(self._answer.parts) + 1)
        for number, part in enumerate(self._answer.parts):
            if number >= cut:
                break
            if number and "gate" in options:
                await self._doubles.gates.enter(options["gate"])
            if number and "delay" in options:
                await asyncio.sleep(self._ask.number("delay", 0) / 1000)
            self._entry.events = number + 1
            await self._write(self._encoder.feed(part) if self._encoder else part)
        if cut <= len(self._answer.parts):
            await self._responder.cut(reset="reset" in options)
        if self._encoder:
            await self._write(self._encoder.finish())

    async def _write(self, data: bytes) -> None:
        run = self._ask.number("split", 0) or len(data) or 1
        for start in range(0, len(data), run):
            piece = data[start : start + run]
            self._doubles.log.sent(self._entry, piece)
            await self._responder.send(piece)
