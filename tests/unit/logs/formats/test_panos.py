"""PAN-OS: what its lines come to, one trap at a time."""

from __future__ import annotations

import pytest
from tests.harness.logs.reading import lines

HEAD = (
    "1,2026/11/16 10:00:01,0128,{kind},2817,2026/11/16 10:00:00,10.1.1.1,203.0.113.9,198.51.100.1,,{rule},{user},"
    ",{app},vsys1,trust,untrust,ae1,ae2,default,,3721,1,53211,443,40001,443,0x400053,tcp,{action},"
)


def _traffic(app: str = "ssl", action: str = "allow", user: str = "", rule: str = "out", tail: str = "") -> str:
    head = HEAD.format(kind="TRAFFIC,end", rule=rule, user=user, app=app, action=action)
    return head + "300,100,200,9,2026/11/16 09:59:00,1,any" + tail


def _url(url: str, action: str = "alert") -> str:
    return HEAD.format(kind="THREAT,url", rule="out", user="", app="ssl", action=action) + f'"{url}",(9999),ai'


@pytest.mark.parametrize(
    ("app", "host"),
    [
        ("openai-chatgpt", "chatgpt.com"),
        ("openai-base", "chatgpt.com"),
        ("openai-api", "api.openai.com"),
        ("claude-upload", "claude.ai"),
        ("claudette", "203.0.113.9"),
        ("ssl", "203.0.113.9"),
        ("", "203.0.113.9"),
    ],
)
def test_an_app_id_stands_for_its_host_and_others_for_their_address(app: str, host: str) -> None:
    (use,) = lines("panos", _traffic(app)).uses
    assert (use.host, use.bytes_up, use.bytes_down) == (host, 100, 200)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("claude.ai/chat?a=b,c", "claude.ai"),
        ("claude.ai:8443/", "claude.ai"),
        ("claude.ai", "claude.ai"),
        ("[2001:db8::7]:443/x", "2001:db8::7"),
    ],
)
def test_urls_have_no_scheme(url: str, host: str) -> None:
    assert [use.host for use in lines("panos", _url(url)).uses] == [host]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("allow", "allowed"),
        ("continue", "allowed"),
        ("override", "allowed"),
        ("deny", "blocked"),
        ("reset-both", "blocked"),
        ("drop-ICMP", "blocked"),
        ("block-url", "blocked"),
        ("block-continue", "blocked"),
    ],
)
def test_what_was_done(action: str, said: str) -> None:
    assert [use.action for use in lines("panos", _url("claude.ai/", action)).uses] == [said]


def test_quoted_commas_and_a_list_in_braces_move_nothing() -> None:
    tail = "," * 32 + "{eth1,1,2}" + "," * 13 + "LAP-1" + "," * 20 + "2026-11-16T12:00:00.500+02:00"
    (use,) = lines("panos", "<14>Nov 16 10:00:00 fw " + _traffic(rule='"a, b"', user=r"corp\ada", tail=tail)).uses
    assert (use.user, use.device, use.bytes_up) == (r"corp\ada", "LAP-1", 100)
    assert use.first == 1_794_823_200_500_000


def test_other_kinds_of_log_are_no_lines_of_ours_and_junk_is_bad() -> None:
    system = "1,2026/11/16 09:00:00,0128,SYSTEM,general,0,2026/11/16 09:00:00,,general,,0,0,general,informational,x"
    got = lines("panos", system, "something else", _traffic()[:150], _url("claude.ai"))
    assert dict(got.bad) == {"no line of PAN-OS": 1, "fewer than 32 fields": 1}
    assert got.requests == 1
