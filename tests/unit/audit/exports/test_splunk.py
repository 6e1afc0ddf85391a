from __future__ import annotations

import orjson
import pytest

from unit.audit.exports.rows import CONTENT, VERSION, every, full
from weir.audit.exports.cef import cef
from weir.audit.exports.splunk import batch, envelope

KEYS = {"time", "host", "source", "sourcetype", "index", "event", "fields"}


def test_a_row_in_its_envelope() -> None:
    found = envelope(full(), host="gate-1", index="ai")
    assert found["time"] == 1780000000.123456 and found["source"] == "weir:p1" and found["sourcetype"] == "weir:audit"
    assert found["fields"] == {"kind": "response", "action": "redact", "service": "openai", "team": "finance"}
    assert found["event"]["request_model"] == "gpt-5" and found["index"] == "ai" and found["host"] == "gate-1"
    assert envelope(full(), event=cef(full(), VERSION))["event"].startswith("CEF:0|")


@pytest.mark.parametrize("row", every())
def test_no_envelope_has_more_than_a_collector_knows(row: dict[str, object]) -> None:
    found = envelope(row)
    assert set(found) <= KEYS and CONTENT not in str(found)
    assert all(isinstance(value, str) for value in found.get("fields", {}).values())


def test_a_batch_is_objects_one_after_the_other() -> None:
    lines = batch(envelope(row) for row in (full(), full())).split(b"\n")
    assert [orjson.loads(line)["time"] for line in lines] == [1780000000.123456] * 2 and batch([]) == b""
