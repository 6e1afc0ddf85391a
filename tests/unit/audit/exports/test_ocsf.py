from __future__ import annotations

import pytest

from unit.audit.exports.ocsf_schema import problems
from unit.audit.exports.rows import CONTENT, VERSION, every, full, hostile
from weir.audit.exports.ocsf import OCSF_VERSION, ocsf
from weir.audit.record import KINDS


@pytest.mark.parametrize("row", every())
def test_every_event_is_valid_in_the_version_it_names(row: dict[str, object]) -> None:
    events = ocsf(row, VERSION)
    for event in events:
        assert event["metadata"]["version"] == OCSF_VERSION == "1.7.0"
        assert problems(event) == []
    assert CONTENT not in str(events)


def test_the_check_itself_can_fail() -> None:
    (event, *_) = ocsf(full(), VERSION)
    for change in (
        {"prompt": "x"},
        {"activity_id": 55},
        {"severity_id": "4"},
        {"actor": {}},
        {"src_endpoint": {"ip": "10.0.0.1", "port": 99_999}},
        {"type_uid": 1},
        {"resources": {}},
        {"api": {"operation": 5}},
    ):
        assert problems({**event, **change}), change
    assert problems({key: value for key, value in event.items() if key != "time"})


def test_an_exchange() -> None:
    event, secret, injection = ocsf(full(), VERSION)
    assert (event["class_uid"], event["activity_id"], event["type_uid"]) == (6003, 99, 600399)
    assert event["api"]["operation"] == "chat" and event["time"] == 1780000000123
    assert event["actor"]["user"]["name"] == "anna" and event["src_endpoint"]["ip"] == "10.20.0.7"
    assert event["dst_endpoint"] == {"hostname": "api.openai.com", "port": 443, "svc_name": "openai"}
    assert event["severity_id"] == 5 and event["status_id"] == 1 and event["action"] == "redact"
    assert event["unmapped"]["input_tokens"] == 900 and event["resources"][0]["name"] == "gpt-5-2026-01-01"
    assert (secret["class_uid"], injection["class_uid"]) == (2006, 2004)


def test_what_was_held_is_denied() -> None:
    event = ocsf(full(kind="block", action="block"), VERSION)[0]
    assert (event["action_id"], event["disposition_id"], event["status_id"]) == (2, 2, 2)


def test_each_kind_has_its_class() -> None:
    found = {kind: ocsf(full(kind=kind), VERSION)[0]["class_uid"] for kind in KINDS}
    assert {kind for kind, uid in found.items() if uid == 4001} == {"meter", "discovered", "first_seen"}
    assert {kind for kind, uid in found.items() if uid == 6002} == {
        *("gap", "config", "erasure", "budget", "disclosure", "retention")
    }


def test_a_hostile_host_is_a_name_and_no_host_name() -> None:
    event = ocsf(hostile(), VERSION)[0]
    assert "hostname" not in event["dst_endpoint"] and "ip" not in event["src_endpoint"]
