"""The log of what arrived and what was sent."""

from __future__ import annotations

import base64
import hashlib

from weir.demo.record import Log
from weir.demo.wire import Connection, Request


def request(body: bytes = b"abc", connection: Connection | None = None) -> Request:
    whose = connection or Connection(7, "a.example", "h2")
    return Request(whose, "2", "POST", "/x?y=1", "a.example", [(b"X-A", b"\xe9")], bytearray(body), True)


def test_a_request_is_on_record_from_its_head_on() -> None:
    log = Log()
    one = request(b"")
    one.complete = False
    entry = log.open(one, "openai")
    assert log.requests()[0]["complete"] is False
    one.body += b"late"
    one.complete = True
    log.sent(entry, b"reply")
    entry.status, entry.ended = 200, True
    row = log.requests()[0]
    assert (row["method"], row["host"], row["target"], row["version"]) == ("POST", "a.example", "/x?y=1", "2")
    assert row["headers"] == [["X-A", "é"]]
    assert base64.b64decode(row["body"]) == b"late"
    assert row["body_sha256"] == hashlib.sha256(b"late").hexdigest()
    assert base64.b64decode(row["reply"]["sent"]) == b"reply"
    assert row["reply"]["status"] == 200
    assert "body" not in log.requests(bodies=False)[0]


def test_clear_keeps_open_connections_only() -> None:
    log = Log()
    here, gone = Connection(1), Connection(2, open=False)
    log.connections.extend([here, gone])
    cleared = request(connection=here)
    log.open(cleared, "site")
    log.clear()
    assert log.requests() == []
    assert [row["number"] for row in log.links()] == [1]
    assert log.of(cleared).number == 0  # a request of the test before ends unnoticed


def test_bodies_are_not_in_the_repr() -> None:
    log = Log()
    assert "secret words" not in repr(log.open(request(b"secret words"), "site"))
