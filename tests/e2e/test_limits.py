"""Limits on what a client may cost, with a real proxy: each is refused early, and the audit says so."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

from e2e.raw import dial, open_line, secure
from e2e.support import House, chat_body, only_http2
from harness.processes import until

pytestmark = pytest.mark.xdist_group("limits")  # one worker: its proxy is shared

OPENAI, ORDERS = "api.openai.com", "api.orders.example"
LINE = b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
LIMITS = {
    "head_s": 1,
    "opening_s": 2,
    "body_s": 1,
    "body_bytes_per_s": 1000,
    "reading_s": 1,
    "head_bytes_max": "16 KiB",
    "head_lines_max": 50,
    "unread_bytes_max": "256 KiB",
    "client_connections_max": 40,
    "streams_max": 8,
    "expansion_max": 50,
    "json_depth_max": 20,
}


@pytest.fixture(scope="module")
def tight(start_module_house: Callable[..., House]) -> House:
    return start_module_house(intercept__include=[ORDERS], limits=LIMITS)


@pytest.fixture
def house(tight: House) -> House:
    tight.doubles.reset()
    tight.begin()
    return tight


def ends(link: socket.socket) -> bytes:
    """What comes until the proxy ends the connection."""
    link.settimeout(60)
    came = b""
    with contextlib.suppress(ConnectionError):
        while data := link.recv(65536):
            came += data
    return came


def told(house: House, why: str) -> dict[str, Any]:
    """The record of the connection, or of the exchange, that a limit ended."""

    def find() -> dict[str, Any] | None:
        rows = house.records()
        return next((row for row in rows if why in (row.get("inspection_reason"), row.get("reason"))), None)

    return until(find, f"a record that says {why}")


def limited(house: House, why: str) -> dict[str, Any]:
    row = told(house, why)
    assert row["rule_id"] == "limit" and row["action"] == "block", row
    return row


def plain(house: House) -> socket.socket:
    return socket.create_connection((house.weir.host, house.weir.port), timeout=60)


def test_a_connection_that_says_nothing_is_closed(house: House) -> None:
    with plain(house) as link:
        assert ends(link) == b""
    limited(house, "no request in time")


def test_a_tunnel_without_traffic_is_closed(house: House) -> None:
    with dial(house.weir.url, f"{OPENAI}:443") as link:
        assert ends(link) == b""
    assert limited(house, "no request in time")["host"] == OPENAI


def test_a_head_that_comes_in_drips(house: House) -> None:
    with open_line(house.weir.url, f"{OPENAI}:443", house.weir.ca) as line:
        line.send(LINE + b"X-Slow: ")
        assert ends(line.connection) == b""
    limited(house, "request head takes too long")


def test_a_body_that_comes_in_drips(house: House) -> None:
    with open_line(house.weir.url, f"{OPENAI}:443", house.weir.ca) as line:
        line.send(LINE + b"Content-Length: 4000\r\n\r\n{")
        assert ends(line.connection) == b""
    limited(house, "request body comes too slowly")
    assert house.doubles.requests() == []


@pytest.mark.parametrize(
    ("more", "why", "status"),
    [
        (b"X-Long: " + b"a" * 20_000, "request head over the limit", b" 431 "),
        (b"".join(b"X-%d: a\r\n" % n for n in range(60)) + b"\r\n", "too many header lines", b" 400 "),
    ],
    ids=["bytes", "lines"],
)
def test_a_head_too_long(house: House, more: bytes, why: str, status: bytes) -> None:
    with open_line(house.weir.url, f"{OPENAI}:443", house.weir.ca) as line:
        line.send(LINE + b"Content-Length: 0\r\n" + more)
        assert status in line.connection.recv(65536)
    assert told(house, why)["rule_id"] in ("limit", "malformed-request")
    assert house.doubles.requests() == []


def test_a_chunk_whose_head_does_not_end(house: House) -> None:
    with open_line(house.weir.url, f"{OPENAI}:443", house.weir.ca) as line:
        line.send(LINE + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 40_000)
        ends(line.connection)
    limited(house, "chunk head over the limit")


def test_what_is_sent_ahead_is_not_kept_without_a_bound(house: House) -> None:
    house.doubles.behave("silent")
    body = chat_body("hello")
    with open_line(house.weir.url, f"{ORDERS}:443", house.weir.ca) as line, contextlib.suppress(ConnectionError):
        line.send(b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\n{}" % ORDERS.encode())
        until(lambda: house.doubles.requests(), "the request")
        for _ in range(20):
            line.send(body * 1000)
        ends(line.connection)
    limited(house, "requests ahead of their turn over the limit")


def test_connections_of_one_address(house: House) -> None:
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(plain(house)) for _ in range(60)]
        for link in links:
            link.settimeout(0.2)
        closed = [link for link in links[40:] if _closed(link)]
        assert len(closed) == 20
    row = limited(house, "connections of one client over the limit")
    assert row["src_ip"] == "127.0.0.1"
    until(lambda: _answers(house), "room for others")


def _closed(link: socket.socket) -> bool:
    try:
        return link.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def _answers(house: House) -> bool:
    try:
        with house.client() as client:
            return client.get(f"https://{ORDERS}/").status_code < 600
    except Exception:  # noqa: BLE001  whatever it is, the next try tells
        return False


@pytest.fixture
def line2(house: House) -> Iterator[Line2]:
    line = Line2(house)
    yield line
    line.link.close()


class Line2:
    """HTTP/2 that grants what a test wants granted."""

    def __init__(self, house: House) -> None:
        context = only_http2(house.weir.ca)
        context.set_alpn_protocols(["h2"])
        self.link = secure(dial(house.weir.url, f"{ORDERS}:443"), ORDERS, context)
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.state.local_settings.update({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 100})
        self.state.initiate_connection()
        self.flush()

    def flush(self) -> None:
        with contextlib.suppress(ConnectionError):
            self.link.sendall(self.state.data_to_send())

    def ask(self, body: bytes = b"", *, end: bool = True) -> int:
        number = self.state.get_next_available_stream_id()
        fields = [(":method", "POST"), (":scheme", "https"), (":authority", ORDERS), (":path", "/")]
        self.state.send_headers(number, fields, end_stream=end and not body)
        self.flush()
        sent = 0
        while sent < len(body):
            piece = min(self.state.local_flow_control_window(number), 16_384, len(body) - sent)
            if not piece:
                self.state.receive_data(self.link.recv(65536))
                continue
            self.state.send_data(number, body[sent : sent + piece], end_stream=end and sent + piece == len(body))
            sent += piece
            self.flush()
        return number

    def granted(self) -> int:
        """How many streams the proxy lets a client have."""
        self.link.settimeout(60)
        while True:
            for event in self.state.receive_data(self.link.recv(65536)):
                if isinstance(event, h2.events.RemoteSettingsChanged):
                    return int(self.state.remote_settings.max_concurrent_streams)


def test_a_client_that_grants_no_window_is_not_written_for(house: House, line2: Line2) -> None:
    house.doubles.behave("echo")
    began = time.monotonic()
    line2.ask(b"x" * 900_000)
    ends(line2.link)
    assert time.monotonic() - began < 45
    limited(house, "client reads too slowly")


def test_a_client_over_http1_that_does_not_read(house: House) -> None:
    house.doubles.behave("echo")
    with open_line(house.weir.url, f"{ORDERS}:443", house.weir.ca) as line:
        line.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        size = 12_000_000
        line.send(b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (ORDERS.encode(), size))
        for _ in range(size // 100_000):
            line.send(b"x" * 100_000)
        limited(house, "client reads too slowly")


def test_streams_of_one_connection(house: House, line2: Line2) -> None:
    assert line2.granted() == 8
    line2.state.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = 1000
    line2.state.remote_settings.acknowledge()
    with contextlib.suppress(ConnectionError):
        for _ in range(12):
            line2.ask(end=False)
    ends(line2.link)
    limited(house, "streams over the limit")


def test_streams_that_are_reset_at_once(house: House, line2: Line2) -> None:
    line2.granted()
    with contextlib.suppress(ConnectionError):
        for _ in range(150):
            line2.state.reset_stream(line2.ask(end=False), 8)
            line2.flush()
    ends(line2.link)
    limited(house, "streams reset over the limit")


def test_a_head_in_pieces_over_http2(house: House, line2: Line2) -> None:
    line2.granted()
    line2.link.sendall(b"\0\1\0\1\4\0\0\0\1")  # 256 bytes of a head, and none of them comes
    ends(line2.link)
    limited(house, "request head takes too long")


def test_a_body_that_expands_too_far(house: House) -> None:
    text = chat_body("the same again and again " * 100_000)
    body = gzip.compress(text, 1)
    assert 50 < len(text) / len(body) < 400  # more than this policy takes, and less than others do
    with house.client() as client:
        headers = {
            "content-encoding": "gzip",
            "content-type": "application/json",
            "authorization": f"Bearer {house.key}",
        }
        reply = client.post(f"https://{OPENAI}/v1/chat/completions", content=body, headers=headers)
    assert reply.status_code in (400, 403) and house.doubles.requests() == []
    assert "expands beyond reason" in house.until(1)[0]["inspection_reason"]


@pytest.mark.parametrize("levels", [16, 30])
def test_a_body_nested_too_deeply(house: House, levels: int) -> None:
    body = chat_body("hello", metadata={"deep": json.loads("[" * levels + "]" * levels)})
    headers = {"content-type": "application/json", "authorization": f"Bearer {house.key}"}
    with house.client() as client:
        reply = client.post(f"https://{OPENAI}/v1/chat/completions", content=body, headers=headers)
    assert (reply.status_code == 200) is (levels < 20) is bool(house.doubles.requests())
    assert (house.until(1)[0].get("inspection_reason") == "nested too deeply") is (levels > 20)


def test_nothing_broke(tight: House) -> None:
    output = tight.weir.process.output()
    assert "crashed" not in output and "Traceback" not in output and "hook failed" not in output
    assert "turned away" in output
