"""Zscaler's three feeds: the same transaction in each, and what Zscaler writes for nothing."""

from __future__ import annotations

import json

import pytest
from tests.harness.logs.reading import lines

EVENT = {"time": "Mon Nov 16 10:00:00 2026", "login": "ada@corp.example", "eurl": "claude.ai/chat", "action": "Allowed"}
EVENT |= {
    "reqsize": "10",
    "respsize": "20",
    "location": "HQ",
    "dept": "R & D",
    "cip": "10.0.0.1",
    "devicehostname": "LAP-1",
}
CSV = '"{time}","{login}","HTTPS","{eurl}","{action}","A, b","AI","{reqsize}","{respsize}",' + '"0",' * 10
CSV += '"{location}","{dept}","{cip}","9.9.9.9","POST","200","curl/8","None","None","None","Other","None","admin"'
PAIRS = "2026-11-16 10:00:00\treason=x\taction={action}\tresponsesize={respsize}\trequestsize={reqsize}\tproduct=NSS"
PAIRS += "\tlocation={location}\tClientIP={cip}\tuser={login}\turl={eurl}\tvendor=Zscaler\tdepartment={dept}"


def _all(**changed: str) -> list[str]:
    event = EVENT | changed
    nested = {"sourcetype": "zscalernss-web", "event": event}
    named = ',"{devicehostname}"'
    pairs = PAIRS + "\tdevicehostname={devicehostname}"
    return [json.dumps(nested), json.dumps(event), (CSV + named).format(**event), pairs.format(**event)]


@pytest.mark.parametrize("number", range(4))
def test_the_same_in_every_feed(number: int) -> None:
    (use,) = lines("zscaler", _all()[number]).uses
    assert (use.host, use.user, use.department, use.device) == ("claude.ai", "ada@corp.example", "R & D", "LAP-1")
    assert (use.source, use.bytes_up, use.bytes_down) == ("10.0.0.1", 10, 20)
    assert (use.action, use.first) == ("allowed", 1_794_823_200_000_000)


@pytest.mark.parametrize("number", range(4))
def test_nothing_known_and_blocked(number: int) -> None:
    changed = {"login": "HQ", "dept": "Default Department", "devicehostname": "NA", "action": "Blocked", "reqsize": ""}
    (use,) = lines("zscaler", _all(**changed)[number]).uses
    assert (use.user, use.department, use.device, use.bytes_up, use.action) == ("", "", "", None, "blocked")


def test_an_epoch_goes_before_the_words_and_junk_is_bad() -> None:
    texts = [json.dumps(EVENT | {"epochtime": "1794823201", "eurl": "claude.ai:443"}), "[]", json.dumps({"event": 5})]
    got = lines("zscaler", *texts)
    assert [(use.host, use.first) for use in got.uses] == [("claude.ai", 1_794_823_201_000_000)]
    assert sum(got.bad.values()) == 2


@pytest.mark.parametrize(
    ("zone", "hours"), [("GMT", 0), ("Asia/Kolkata", -5.5), ("PST", 8), ("IST", 0), ("x'", 0), ("", 0)]
)
def test_the_zone_that_the_feed_names(zone: str, hours: float) -> None:
    (use,) = lines("zscaler", json.dumps(EVENT | {"tz": zone})).uses
    assert use.first == 1_794_823_200_000_000 + hours * 3_600_000_000
