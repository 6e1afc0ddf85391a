"""The control port as the demo sees it, against real doubles."""

from __future__ import annotations

import http.client

import pytest

from harness.doubles import Doubles
from weir.demo.upstream import Arrived, Upstream


def order(doubles: Doubles, body: bytes = b"{}") -> None:
    connection = http.client.HTTPConnection("127.0.0.1", doubles.plain, timeout=60)
    headers = {"Host": "api.orders.example", "X-Api-Key": "not-a-key"}
    connection.request("POST", "/v1/orders?q=high", body=body, headers=headers)
    assert connection.getresponse().read()
    connection.close()


def test_arrived(doubles: Doubles) -> None:
    upstream = Upstream(doubles.control)
    links = upstream.connections()
    order(doubles)
    mark = upstream.mark()
    order(doubles, b"how high")
    assert upstream.connections() == links + 2
    assert len(upstream.arrived()) == 2
    (came,) = upstream.arrived(mark)
    assert (came.host, came.status, came.body, came.ended) == ("api.orders.example", 200, b"how high", True)
    assert came.sent.startswith(b'{"id":"ord_')
    for text in ("q=high", "not-a-key", "how high", "X-Api-Key: not"):
        assert came.holds(text)
    assert not came.holds("how low")
    assert "not-a-key" not in repr(came) and "how high" not in repr(came) and "q=high" not in repr(came)


def test_nothing_arrived(doubles: Doubles) -> None:
    upstream = Upstream(doubles.control)
    assert upstream.mark() >= 0
    assert upstream.arrived(upstream.mark()) == []


def test_gates(doubles: Doubles) -> None:
    upstream = Upstream(doubles.control)
    upstream.hold("chatgpt.com", "demo-gate")
    connection = http.client.HTTPConnection("127.0.0.1", doubles.plain, timeout=60)
    connection.request("POST", "/", body=b'{"prompt": "hello"}', headers={"Host": "chatgpt.com"})
    reply = connection.getresponse()
    assert reply.readline().startswith(b"data: ")
    held: list[Arrived] = upstream.arrived()
    assert (held[-1].events, held[-1].ended) == (1, False)
    upstream.release("demo-gate")
    assert reply.read().endswith(b"[DONE]\n\n")
    assert upstream.arrived()[-1].ended
    connection.close()


def test_a_port_that_says_no(doubles: Doubles) -> None:
    with pytest.raises(OSError, match="answered 400"):
        Upstream(doubles.control)._call("GET", "/nothing")
