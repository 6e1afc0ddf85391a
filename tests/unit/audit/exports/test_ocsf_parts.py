from __future__ import annotations

import pytest

from unit.audit.exports.rows import VERSION, full
from weir.audit.exports.ocsf_parts import base, endpoint, severity_id, small, user


@pytest.mark.parametrize(
    ("address", "key", "shown"),
    [
        ("10.0.0.1", "ip", "10.0.0.1"),
        ("fe80::1%eth0", "ip", "fe80::1"),
        ("a.example", "hostname", "a.example"),
        ("", "name", "unknown"),
        ("a b", "name", "a b"),
        ("x" * 300, "name", "x" * 300),
    ],
)
def test_an_end_of_the_connection(address: str, key: str, shown: str) -> None:
    found = endpoint(address, 70_000)
    assert found[key] == shown and found["port"] is None


def test_somebody_unknown_has_that_name() -> None:
    assert user({})["name"] == "unknown"
    assert user(full())["groups"] == [{"name": "finance"}, {"name": "staff"}, {"name": "cfo"}]


def test_grades() -> None:
    assert [severity_id(grade) for grade in range(11)] == [1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_the_head_of_an_event() -> None:
    found = base(full(), VERSION, (6, 6003, "API Activity"), (99, "chat"))
    assert found["type_uid"] == 600399 and found["metadata"]["sequence"] == 7 and found["end_time"] == 1780000002623


def test_numbers_that_do_not_fit_are_left_out() -> None:
    assert small({"a": 2**31 - 1}, "a") == 2**31 - 1 and small({"a": 2**31}, "a") is None and small({}, "a") is None
