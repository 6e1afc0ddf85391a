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
