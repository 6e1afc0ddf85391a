"""Sockets hide nothing; nonsense takes a bounded time; and usage that lies harms nobody who adds it up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from golden.eventwire import packed
from golden.test_providers_golden import AT, FILES, load, parsed, reply_of
from harness.effort import within
from property.test_providers_seen import BESIDE, NEW, REGISTRY, WORDS, Ear, leaves
from weir.model import Endpoint, Exchange, Inspection
from weir.providers.replies.frames import read_frame
from weir.providers.replies.frames_gemini import frames_of
from weir.usage.account import settle
from weir.usage.prices import Prices

DOCUMENTS: list[Any] = [*NEW, [WORDS], WORDS, {WORDS: 1}, {"a": json.dumps({"b": WORDS})}]
MEMBERS = ["setup", "session", "response", "item", "serverContent"]

SOCKETS = ["", "/c/api/chat", "/m365Copilot/Chathub/{user}", "/ws/x.BidiGenerateContent"]
MESSAGES: list[bytes] = [
    *(json.dumps(document).encode() for document in DOCUMENTS),
    *(json.dumps({name: {"zz": [WORDS]}}).encode() for name in MEMBERS),
    BESIDE, b"\x00\x01" + BESIDE, b'{"a":1}{"a":"' + BESIDE + b'"}', f'{{"a":"{WORDS}"}}'.encode("utf-16-le"),
]  # fmt: skip


@pytest.mark.parametrize("path", SOCKETS)
def test_whatever_a_message_of_a_socket_holds_is_handed_on(path: str) -> None:
    endpoint = Endpoint("s", "", "realtime", path)
    dialect = frames_of(endpoint)
    for message in (*MESSAGES, *(b"{}\x1e" + message + b"\x1e" for message in MESSAGES)):
        for is_text in (True, False):
            exchange = read_frame(dialect, message, endpoint, 1, is_text=is_text)
            seen = any(WORDS in segment.text for segment in exchange.segments)
            seen = seen or any(BESIDE in attachment.data for attachment in exchange.attachments)
            assert seen or exchange.inspection is not Inspection.INSPECTED, message
        for acts in (True, False):
            ear = Ear(acts=acts)
            reader = dialect.frame_reader(Exchange(endpoint, "", True), ear)
            reader.message(message)
            reader.rest()
            assert ear.heard(WORDS) or ear.missed or reader.reply().inspection is not Inspection.INSPECTED, message


HOSTILE: dict[str, bytes] = {
    "lines that are none": b":\n" * 500_000,
    "empty objects": b"{}\n" * 330_000,
    "empty events": b"data:\n" * 160_000 + b"\n",
    "an event of one line": b"data: " + b"x" * 1_000_000,
    "brackets": b"[" * 1_000_000,
    "names": b"{" + b",".join(b'"name number %d":1' % at for at in range(50_000)) + b"}",
    "spaces": b" " * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_of_nonsense_takes_a_bounded_time(name: str) -> None:
    """Of the processor's time, with much to spare for a busy machine: what was not bounded took ten times as long."""

    def read(kind: str) -> None:
        reader = REGISTRY.dialect("openai_chat").reader(
            Exchange(Endpoint("s", "", "chat"), "m", True), kind, Ear(acts=False)
        )
        for at in range(0, len(HOSTILE[name]), 1 << 16):
            reader.feed(HOSTILE[name][at : at + (1 << 16)])
        reader.close()

    for kind in ("application/x-ndjson", "text/event-stream"):
        within(2.5, partial(read, kind))


# ── usage

PRICES = Prices.load()
LIES: list[Any] = [-5, 1 << 63, 1 << 32, 1e308, 1.5, "12", True, None, [1], {"a": 1}, float("nan"), -float("inf")]


class Letters:
    """Counts a token for four letters."""

    def count(self, text: str, model: str) -> int:
        return len(text) // 4


def lies(case: dict[str, Any]) -> Iterator[bytes]:
    """The reply again and again, each time with a lie in the place of one of its numbers."""
    if "events" in case:
        parts: list[Any] = case["events"]
    else:
        parts = reply_of(case).decode().split("\n")
    for number, part in enumerate(parts):
        start = part.find("{") if isinstance(part, str) else 0
        try:
            document = part if isinstance(part, dict) else json.loads(part[start:])
        except ValueError:
            continue
        for path, kind in leaves(document):
            if kind != "number" or ("token" not in str(path).lower() and "usage" not in str(path).lower()):
                continue
            for lie in LIES:
                copy = json.loads(json.dumps(document))
                at = copy
                for step in path[:-1]:
                    at = at[step]
                at[path[-1]] = lie
                new = copy if isinstance(part, dict) else part[:start] + json.dumps(copy)
                told = [*parts[:number], new, *parts[number + 1 :]]
                yield packed(told) if "events" in case else "\n".join(told).encode()


@pytest.mark.parametrize(
    "path", [path for path in FILES if {"reply", "events"} & load(path).keys()], ids=lambda p: p.stem
)
def test_usage_that_lies_is_whole_not_negative_and_fits_a_ledger(path: Any) -> None:
    case = load(path)
    dialect, _, exchange = parsed(case)
    for data in lies(case):
        reader = dialect.reader(exchange, case["content_type"], None)
        reader.feed(data)
        reader.close()
        reply = reader.reply()
        used, cost = settle(exchange, reply, Letters(), PRICES, exchange.endpoint.service, AT)
        for usage in (reply.usage, used, *(one for _, one in reply.by_model)):
            if usage is None:
                continue
            counts = [usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, *(n for _, n in usage.parts)]
            counts += [usage.cache_read_tokens, usage.cache_write_tokens]
            assert all(type(count) is int and 0 <= count < 1 << 37 for count in counts), data
            assert usage.cache_read_tokens + usage.cache_write_tokens <= usage.input_tokens, data
            assert usage.reasoning_tokens <= usage.output_tokens, data
        assert cost.nano_usd is None or (type(cost.nano_usd) is int and 0 <= cost.nano_usd < 1 << 63), data
