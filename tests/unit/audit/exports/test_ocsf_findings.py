from __future__ import annotations

from unit.audit.exports.ocsf_schema import problems
from unit.audit.exports.rows import VERSION, full
from weir.audit.exports.ocsf_findings import finding
from weir.audit.exports.row import kept


def test_data_that_must_not_leave() -> None:
    row = full()
    found = kept(finding(row, row["findings"][0], VERSION))
    assert problems(found) == [] and found["class_uid"] == 2006 and found["type_uid"] == 200601
    assert found["data_security"]["category"] == "Security" and found["confidence_score"] == 99
    assert found["finding_info"]["uid"] == f"{row['event_id']}:0" != row["event_id"]
    assert found["unmapped"]["match_hmac"] == "f00d" and found["disposition"] == "redact"
    assert "pattern_match" not in found["data_security"]


def test_behaviour_is_a_detection() -> None:
    row = full(action="block")
    found = kept(finding(row, row["findings"][1], VERSION))
    assert problems(found) == [] and found["class_uid"] == 2004 and found["severity_id"] == 4
    assert found["evidences"][0]["actor"]["user"]["name"] == "anna" and found["disposition"] == "Blocked"
    assert found["message"] == "injection/hidden in a reply"


def test_categories() -> None:
    for category, uid in (("pii", 2006), ("exact", 2006), ("marking", 2006), ("tools", 2004), ("", 2004)):
        assert finding(full(), {"category": category, "ord": 3}, VERSION)["class_uid"] == uid
