from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from weir.audit.record import TABLES, AuditRecord, FindingRow, ToolCallRow
from weir.audit.spool.lines import GENESIS, BadLine, encode, read_line, rows_of, seal, unseal

Make = Callable[..., AuditRecord]


def test_a_line_holds_what_is_known_and_nothing_else(record: Make) -> None:
    doc = orjson.loads(encode(record(user="", cost_nano=0, stream=False, user_groups=("a",)), "p1", "b1", 7))
    assert (doc["proxy_id"], doc["boot_id"], doc["seq"]) == ("p1", "b1", 7)
    assert doc["cost_nano"] == 0 and doc["stream"] is False and doc["user_groups"] == ["a"]
    assert not {"user", "device", "input_tokens", "findings", "row_hash"} & set(doc)


def test_children_are_part_of_the_hashed_body(record: Make) -> None:
    plain = record(findings=(FindingRow(ord=0, detector="pii/X"),), tool_calls=(ToolCallRow(ord=0, name="ls"),))
    doc = orjson.loads(encode(plain, "p", "b", 1))
    assert doc["findings"] == [{"ord": 0, "detector": "pii/X"}]
    assert doc["tool_calls"] == [{"ord": 0, "name": "ls"}]


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\x1bb", "a\x7fb", "a\r\nb"])
def test_control_characters_are_replaced(record: Make, text: str) -> None:
    body = encode(record(user=text), "p", "b", 1)
    assert orjson.loads(body)["user"].strip("ab\ufffd") == ""
    assert b"\n" not in body and b"\x7f" not in body


def test_quotes_and_backslashes_stay(record: Make) -> None:
    assert orjson.loads(encode(record(extra='{"a":"b\\\\n"}'), "p", "b", 1))["extra"] == '{"a":"b\\\\n"}'


def test_lone_surrogates_and_huge_integers_do_not_stop_a_record(record: Make) -> None:
    doc = orjson.loads(encode(record(user="a\ud800b", req_bytes=2**70), "p", "b", 1))
    assert doc["user"] == "a?b" and doc["req_bytes"] == 2**63 - 1


def test_a_value_of_another_type_is_a_type_error_that_does_not_quote_it(record: Make) -> None:
    class Strange:
        def __repr__(self) -> str:
            return "planted"

    with pytest.raises(TypeError) as caught:
        encode(record(user=Strange()), "p", "b", 1)
    assert "planted" not in str(caught.value)


def test_the_hash_is_of_the_previous_hash_and_the_body(record: Make) -> None:
    body = encode(record(), "p", "b", 1)
    line, row_hash = seal(body, GENESIS)
    assert row_hash == hashlib.sha256(GENESIS.encode() + body).hexdigest()
    assert unseal(line) == (body, GENESIS, row_hash)
    doc = read_line(line)
    assert list(doc)[-2:] == ["prev_hash", "row_hash"] and line.endswith(b"}\n")


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]\n", b'{"a":1', b'"x"'])
def test_broken_lines_are_named_without_being_quoted(line: bytes) -> None:
    with pytest.raises(BadLine):
        unseal(line)
    with pytest.raises(BadLine):
        rows_of(read_line(line))


def test_only_known_columns_leave_a_line(record: Make) -> None:
    line, _ = seal(encode(record(findings=(FindingRow(ord=0, detector="d"),)), "p", "b", 1), GENESIS)
    doc: dict[str, Any] = {**read_line(line), "prompt": "planted", "headers": {"authorization": "planted"}}
    doc["findings"][0]["match"] = "planted"
    made = rows_of(doc)
    assert b"planted" not in orjson.dumps(made)
    for table, rows in made.items():
        assert all(set(row) <= {c.name for c in TABLES[table]} for row in rows)


def test_children_take_identity_from_their_event_and_not_from_themselves(record: Make) -> None:
    doc = read_line(encode(record(findings=(FindingRow(ord=0),)), "p", "b", 4))
    doc["findings"][0]["seq"] = 99
    row = rows_of(doc)["findings"][0]
    assert row["seq"] == 4 and row["event_id"] == doc["event_id"]


@pytest.mark.parametrize(
    "change",
    [{"seq": None}, {"proxy_id": ""}, {"user": 5}, {"cost_nano": "1"}, {"cost_nano": 2**64}, {"findings": {}},
     {"findings": [1]}, {"findings": [{"ord": "x"}]}, {"user_groups": "a"}, {"stream": 1}],
)  # fmt: skip
def test_wrong_types_are_a_bad_line(record: Make, change: dict[str, Any]) -> None:
    with pytest.raises(BadLine):
        rows_of({**read_line(encode(record(), "p", "b", 1)), **change})
