"""FortiGate: what its lines come to, one trap at a time."""

from __future__ import annotations

import pytest
from tests.harness.logs.reading import lines

LINE = 'date=2026-11-16 time=12:00:00 {when} type="utm" subtype="webfilter" srcip=10.0.0.1 dstip=9.9.9.9 '


def _line(rest: str, when: str = 'tz="+0200"') -> str:
    return LINE.format(when=when) + rest


@pytest.mark.parametrize(
    ("when", "first"),
    [
        ('tz="+0200"', 1_794_823_200_000_000),
        ("", 1_794_830_400_000_000),
        ("eventtime=1794823201", 1_794_823_201_000_000),
        ("eventtime=1794823201000", 1_794_823_201_000_000),
        ("eventtime=1794823201000007", 1_794_823_201_000_007),
        ("eventtime=1794823201000007999", 1_794_823_201_000_007),
        ('eventtime=7 tz="+0200"', 1_794_823_200_000_000),
    ],
)
def test_the_time_in_any_unit(when: str, first: int) -> None:
    (use,) = lines("fortigate", _line('hostname="claude.ai"', when)).uses
    assert use.first == first


@pytest.mark.parametrize(
    ("rest", "host"),
    [
        ('hostname="claude.ai" app="HTTPS"', "claude.ai"),
        ("hostname=claude.ai", "claude.ai"),
        ('url="https://claude.ai/chat"', "claude.ai"),
        ('url="/chat"', "9.9.9.9"),
        ('app="ChatGPT_File.Upload"', "chatgpt.com"),
        ('app="ChatGPTs"', "9.9.9.9"),
        ('agent="x hostname=claude.ai" msg="a=\\"b hostname=claude.ai\\""', "9.9.9.9"),
        ('msg="x hostname=evil.example " hostname="claude.ai"', "claude.ai"),
    ],
)
def test_where_the_host_is_told(rest: str, host: str) -> None:
    assert [use.host for use in lines("fortigate", _line(rest)).uses] == [host]


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ('action="blocked"', "blocked"),
        ('action="passthrough"', "allowed"),
        ('action="close" utmaction="block"', "blocked"),
        ('action="deny"', "blocked"),
        ('action="client-rst"', "allowed"),
        ("", "allowed"),
    ],
)
def test_what_was_done(rest: str, said: str) -> None:
    assert [use.action for use in lines("fortigate", _line('hostname="claude.ai" ' + rest)).uses] == [said]


def test_who_it_was() -> None:
    rest = 'hostname="claude.ai" user="N/A" unauthuser="ada" group="R & D" srcname="LAP 1" sentbyte=5 rcvdbyte=x'
    (use,) = lines("fortigate", _line(rest)).uses
    assert (use.user, use.department, use.device, use.source) == ("ada", "R & D", "LAP 1", "10.0.0.1")
    assert (use.bytes_up, use.bytes_down) == (5, None)


def test_events_of_the_firewall_itself_are_left_out_and_junk_is_bad() -> None:
    event = 'date=2026-11-16 time=12:00:00 logid="0100032001" type="event" subtype="user" user="admin"'
    got = lines("fortigate", event, "junk", _line('hostname="claude.ai"'))
    assert (got.requests, dict(got.bad)) == (1, {"no key=value line of FortiGate": 1})


def test_what_a_session_is_told_twice_counts_once() -> None:
    session = 'tz="+0000" type="{}" subtype="{}" sessionid={} srcip=10.0.0.1 hostname="{}" sentbyte={} rcvdbyte=5'
    start = "date=2026-11-16 time=12:00:00 "
    made = lines(
        "fortigate",
        start + session.format("utm", "webfilter", 7, "claude.ai", 10),
        start + session.format("utm", "app-ctrl", 7, "Claude.ai", 10),
        start + session.format("traffic", "forward", 7, "claude.ai", 100) + ' utmaction="block"',
        start + session.format("utm", "webfilter", 8, "claude.ai", 1_000),  # a session that has no line of its own
        start + session.format("utm", "webfilter", 7, "chatgpt.com", 3),  # another host by the same proxied session
    )
    assert [(use.host, use.action, use.requests, use.bytes_up) for use in made.uses] == [
        ("chatgpt.com", "allowed", 1, 3), ("claude.ai", "allowed", 1, 1_000), ("claude.ai", "blocked", 1, 100),
    ]  # fmt: skip
    assert not made.bad
