from __future__ import annotations

import ssl
from typing import Any

import pytest

from harness.receivers import Request, Web
from unit.audit.exports.rows import TS, VERSION, full
from weir.audit.exports.senders.http import Http
from weir.audit.exports.senders.otlp import SIGNALS, Receiver
from weir.audit.exports.senders.target import Unavailable


def receiver(web: Web, signal: str) -> Receiver:
    return Receiver(Http(f"http://127.0.0.1:{web.port}", ssl.create_default_context()), signal, VERSION)


def spans(request: Request) -> list[dict[str, Any]]:
    return [
        span
        for resource in request.json()["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def test_each_signal_to_its_path() -> None:
    with Web() as web:
        for signal in SIGNALS:
            made = receiver(web, signal)
            assert made.deliver([full(), full(kind="request")]) == []
            made.settle()
            assert made.deliver([full(kind="request"), full(kind="config")]) == []  # nothing to tell of these
            made.close()
    assert [request.path for request in web.requests] == ["/v1/traces", "/v1/metrics"]
    assert len(spans(web.requests[0])) == 1


def test_what_is_rejected_in_part_is_told_and_not_sent_again() -> None:
    said = b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too\\nlong"}}'
    with Web(answer=lambda request: (200, said, {})) as web:
        made = receiver(web, "traces")
        assert made.deliver([full(), full(), full()]) == [(None, "it rejected 2 of 3 without saying which: too long")]
        assert made.deliver([full()]) == [(0, "it rejected 2 of 1 without saying which: too long")]
        assert len(web.requests) == 2
    for odd in (b"", b"[]", b'{"partialSuccess":null}', b'{"partialSuccess":{"rejectedSpans":"x"}}', b"{}"):
        with Web(answer=lambda request, odd=odd: (200, odd, {})) as web:
            assert receiver(web, "traces").deliver([full()]) == []


def test_a_wrong_row_is_found_and_the_receiver_s_own_trouble_waits() -> None:
    def answer(request: Request) -> tuple[int, bytes, dict[str, str]] | None:
        return (400, b"bad", {}) if b"poison" in request.body else None

    with Web(answer=answer) as web:
        made = receiver(web, "traces")
        sent = [full(user=name) for name in ("a", "b", "poison", "c")]
        assert made.deliver(sent) == [(2, "it answered 400 (bad)")]
        assert sum(len(spans(request)) for request in web.requests if b"poison" not in request.body) == 3
    with Web(answer=lambda request: (503, b"", {"Retry-After": "9"})) as web, pytest.raises(Unavailable) as trouble:
        receiver(web, "traces").deliver([full()])
    assert trouble.value.again_s == 9


def test_stretches_of_metrics_follow_one_another_and_a_lost_answer_moves_none() -> None:
    lost = [False, True, False]

    def answer(request: Request) -> tuple[int, bytes, dict[str, str]] | None:
        return (503, b"", {}) if lost.pop(0) else None

    with Web(answer=answer) as web:
        made = receiver(web, "metrics")
        made.deliver([full(ts_end=TS + 5), full(ts_end=TS + 9)])
        with pytest.raises(Unavailable):
            made.deliver([full(ts_end=TS + 20)])
        made.deliver([full(ts_end=TS + 20)])
    points = [
        request.json()["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["histogram"]["dataPoints"][0]
        for request in web.requests
    ]
    stretches = [(int(point["startTimeUnixNano"]), int(point["timeUnixNano"])) for point in points]
    assert stretches == [((TS + 5) * 1000, (TS + 9) * 1000), *[((TS + 9) * 1000, (TS + 20) * 1000)] * 2]


def test_a_row_that_cannot_be_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    from weir.audit.exports.senders import otlp

    whole = otlp.traces

    def picky(rows: Any, version: str) -> dict[str, Any]:
        assert all(row["user"] != "x" for row in rows)
        return whole(rows, version)

    monkeypatch.setattr(otlp, "traces", picky)
    with Web() as web:
        sent = [full(user=name) for name in "abxc"]
        assert receiver(web, "traces").deliver(sent) == [(2, "it cannot be formatted (AssertionError)")]
        assert sum(len(spans(request)) for request in web.requests) == 3
