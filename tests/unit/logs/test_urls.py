"""Hosts, paths and programs out of what logs write."""

from __future__ import annotations

import duckdb
import pytest

from weir.logs.urls import agent_product, host_of, is_host, named, path_of


def ask(sql: str, value: str) -> object:
    row = duckdb.connect().execute(f"SELECT {sql} FROM (SELECT ?::VARCHAR AS v)", [value]).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("chatgpt.com", "chatgpt.com", ""),
        ("ChatGPT.com.", "chatgpt.com", ""),
        ("chatgpt.com:443", "chatgpt.com", ""),
        ("https://ann:pw@chatgpt.com:8443/c/1?q=https://other.example/x#y", "chatgpt.com", "/c/1"),
        ("chatgpt.com/c/1", "chatgpt.com", "/c/1"),
        ("chatgpt.com?q=a@b.example", "chatgpt.com", ""),
        ("[2001:DB8::1]:443", "2001:db8::1", ""),
        ("https://[2001:db8::1]/x", "2001:db8::1", "/x"),
        ("2001:db8::1", "2001:db8::1", ""),
        ("::1", "::1", ""),
        ("10.0.0.1:80", "10.0.0.1", ""),
        ("bücher.example", "bücher.example", ""),
        ("wss://a.example/ws", "a.example", "/ws"),
        ("/only/a/path", "", "/only/a/path"),
        ("", "", ""),
    ],
)
def test_host_and_path(url: str, host: str, path: str) -> None:
    assert ask(host_of("v"), url) == host
    assert ask(path_of("v"), url) == path


@pytest.mark.parametrize(
    ("host", "good"),
    [("a.example", True), ("bücher.example", True), ("_x.a", True), ("::1", True), ("a b", False), ("=cmd", False),
     ("a" * 253, True), ("a" * 254, False), ("<b>", False)],
)  # fmt: skip
def test_is_host(host: str, good: bool) -> None:
    assert ask(is_host("v"), host) is good


@pytest.mark.parametrize(
    ("text", "name"), [(" ann ", "ann"), ("-", None), ("N/A", None), ("", None), ("x" * 300, "x" * 256)]
)
def test_named(text: str, name: str | None) -> None:
    assert ask(named("v"), text) == name


@pytest.mark.parametrize(
    ("agent", "product"),
    [
        ("OpenAI/Python 1.99.0", "OpenAI/Python"),
        ("claude-cli/2.0 (external, cli)", "claude-cli"),
        ("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36", "Chrome"),
        ("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0", "Edg"),
        ("Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox"),
        ("Mozilla/5.0 AppleWebKit/537.36 Cursor/1.7 Chrome/138.0 Electron/37.0 Safari/537.36", "Cursor"),
        ("Mozilla/5.0", "Mozilla"),
        ("", ""),
        ("=cmd|' /C calc'", ""),
    ],
)
def test_agent_product(agent: str, product: str) -> None:
    assert ask(agent_product("v"), agent) == product
