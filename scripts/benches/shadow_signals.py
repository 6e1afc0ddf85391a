"""Signals: what it costs to look at one exchange on a host that nobody lists; shadow.py runs this too.

The peer is the plain way to do the same: both bodies by the standard library's JSON, and every pattern tried.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "addons"))

from weir.shadow import clients, signals  # noqa: E402
from weir.shadow.downloads import download_of  # noqa: E402
from weir.shadow.hints import Rhythm  # noqa: E402

TARGET_US = 50.0
ROUNDS = 2000
BROWSER = [
    ("Host", "app.example.com"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"),
    *(("Accept", "application/json"), ("Accept-Language", "en"), ("Accept-Encoding", "gzip, br")),
    *(("Origin", "https://app.example.com"), ("Referer", "https://app.example.com/x"), ("Cookie", "a=b; c=d")),
    *(("Sec-Fetch-Mode", "cors"), ("X-Request-Id", "0b9e3a52"), ("Content-Type", "application/json")),
]
LIBRARY = [
    ("User-Agent", "OpenAI/Python 2.1.0"),
    *(("X-Stainless-" + name, "x") for name in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Async")),
    *(("Authorization", "Bearer made-up"), ("Content-Type", "application/json"), ("Accept", "application/json")),
]
REPLIED = [("Content-Type", "application/json"), ("Server", "nginx"), ("Date", "x"), ("Content-Length", "3000")]
Exchange = tuple[str, str, str, list[tuple[str, str]], bytes | None, list[tuple[str, str]], bytes]


def exchanges() -> dict[str, Exchange]:
    """Some of the usual kinds, bodies of a few KB."""
    items = json.dumps({"items": [{"sku": "abc", "n": i, "note": "some text " * 5} for i in range(40)]}).encode()
    turns = [{"role": ("user", "assistant")[i % 2], "content": "some text " * 20} for i in range(15)]
    chat = json.dumps({"model": "house", "messages": turns, "stream": True}).encode()
    event = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"delta":{"content":"some"}}]}\n\n'
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":"b"}}}'
    page = b"<!doctype html><html><head><title>Shop</title></head>" + b"<p>some text</p>" * 200
    host = "app.example.com"
    return {
        "JSON API, browser": ("POST", host, "/v3/orders/77/items", BROWSER, items, REPLIED, items),
        "page, browser": ("GET", host, "/products/77?ref=home", BROWSER, None, REPLIED, page),
        "chat, library": ("POST", host, "/v1/chat/completions", LIBRARY, chat, REPLIED, event * 40),
        "MCP call": ("POST", host, "/mcp", [*LIBRARY[-1:], ("Mcp-Session-Id", "s")], call, REPLIED, call),
        "upload of 1 MB": ("POST", host, "/upload", BROWSER, b'{"file":"' + b"x" * 10**6 + b'"}', REPLIED, b'{"id":7}'),
    }


def best_us(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Microseconds of processor time, in the best of some tries."""
    best = float("inf")
    for _ in range(5):
        began = time.thread_time()
        for _ in range(rounds):
            work()
        best = min(best, time.thread_time() - began)
    return best / rounds * 1e6


def plain_way() -> Callable[[Exchange], int]:
    """Bodies by the standard library, every pattern tried; returns how many fit."""
    doc: dict[str, Any] = yaml.safe_load(signals._TABLE.read_text("utf-8"))
    heads = [(re.compile(row["name"].replace("*", ".*")), re.compile(row.get("match", ""), re.I))
             for row in doc["request_headers"] + doc["response_headers"]]  # fmt: skip
    paths = [re.compile(row["match"], re.I) for row in doc["paths"]]
    names = re.compile(
        "|".join(re.escape(name) for name in yaml.safe_load(clients._TABLE.read_text("utf-8"))["products"])
    )

    def look(one: Exchange) -> int:
        _, _, path, headers, body, replied, start = one
        found = sum(bool(pattern.search(path)) for pattern in paths)
        for name, value in [*headers, *replied]:
            found += sum(bool(key.fullmatch(name.lower()) and match.search(value)) for key, match in heads)
            found += name == "User-Agent" and names.search(value.lower()) is not None
        for data in (body, start):
            if data and data[:1] == b"{":
                found += "model" in json.loads(data)
        return found

    return look


def by_signals() -> None:
    """Exchanges by signals, and the smaller things: clients, downloads, rhythms."""
    plain = plain_way()
    print(f"exchanges by signals; microseconds each (promised: {TARGET_US:g} with a few KB), beside the plain way:")
    for name, one in exchanges().items():
        ours, theirs = best_us(lambda one=one: signals.score(*one)), best_us(lambda one=one: plain(one), ROUNDS // 10)
        print(f"  {name:<32}{ours:10.2f}  {theirs / ours:9.1f}× sooner")
    path = "/org/m/resolve/main/m.safetensors"
    rhythm, clock = Rhythm(), iter(range(10**9))
    for name, work in (
        ("client's name, browser", lambda: clients.client_of(BROWSER)),
        ("client's name, library", lambda: clients.client_of(LIBRARY)),
        ("download of weights", lambda: download_of("GET", "huggingface.co", path, REPLIED)),
        ("no download of weights", lambda: download_of("GET", "example.com", "/a/b.js", REPLIED)),
        ("a piece of a rhythm", lambda: rhythm.feed("down", 200, next(clock) * 0.01)),
    ):
        print(f"  {name:<32}{best_us(work):10.2f}")


if __name__ == "__main__":
    by_signals()
