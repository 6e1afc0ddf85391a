"""Upstreams that break off, lie or send garbage, at every phase: an error in time, one record, and weir goes on."""

from __future__ import annotations

import gzip
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.rigs import EVENTS, HEAD, HOST, QUOTED, REPLY, URL, Rig, event, sized
from e2e.support import House, chat_body
from harness.badupstream import BadUpstream, Chains, drop
from harness.bombs import gzip_bomb

pytestmark = pytest.mark.xdist_group("faults-upstream")  # one worker: its proxy is shared

REPLY_BYTES = int(os.environ.get("WEIR_REPLY_MB", "192")) << 20  # 1024 is a gigabyte, and some ten seconds more


@pytest.fixture(scope="module")
def shared_rig(start_module_house: Callable[..., House], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    chains = Chains(tmp_path_factory.mktemp("chains"), HOST)
    limits = {"reply_bytes_max": "1 MiB", "head_bytes_max": "16 KiB"}
    house = start_module_house(options=["--upstream-ca", str(chains.ca)], limits=limits)
    upstream = BadUpstream(house.flaky)
    yield Rig(house, upstream, chains)
    upstream.close()


@pytest.fixture
def rig(shared_rig: Rig) -> Iterator[Rig]:
    shared_rig.house.doubles.reset()
    shared_rig.house.begin()
    yield shared_rig
    shared_rig.goes_on()


Serve = Callable[[Rig], Callable[[socket.socket], None]]
NOT_MADE, CLOSED, TLS, GARBAGE = (
    "upstream certificate not trusted",
    "upstream closed the connection",
    "TLS failed",
    "protocol error",
)


def says(data: bytes, **how: bool) -> Serve:
    return lambda rig: rig.says(data, **how)


def in_hello(reset: bool) -> Serve:
    def serve(link: socket.socket) -> None:
        link.recv(100)
        drop(link, reset=reset)

    return lambda _: serve


def half_closed(rig: Rig) -> Callable[[socket.socket], None]:
    """It will say nothing more, and goes on listening."""

    def serve(link: socket.socket) -> None:
        inner = rig.asked(link)
        socket.socket.shutdown(inner, socket.SHUT_WR)
        link.recv(1)

    return serve


def clear(rig: Rig) -> Callable[[socket.socket], None]:
    """No TLS at all."""

    def serve(link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + QUOTED)
        link.recv(1)

    return serve


# Where no head of a reply came whole: what the upstream does, and the cause in the record. The client gets a 502.
NO_REPLY: dict[str, tuple[Serve, str]] = {
    "FIN in TLS": (in_hello(False), GARBAGE),
    "RST in TLS": (in_hello(True), GARBAGE),
    "FIN before the head": (says(b""), CLOSED),
    "RST before the head": (says(b"", reset=True), CLOSED),
    "half-closed": (half_closed, CLOSED),
    "FIN in the head": (says(b"HTTP/1.1 200 OK\r\nContent-Ty"), GARBAGE),
    "RST in the head": (says(b"HTTP/1.1 200 OK\r\nContent-Ty", reset=True), GARBAGE),
    "no TLS": (clear, TLS),
    "garbage for a head": (says(b"\x00\xff" + QUOTED + b"\r\n\r\n", stay=True), GARBAGE),
    "a head without end": (says(HEAD + b"x-a: " + QUOTED * 10_000, stay=True), "head over the limit"),
    "two lengths": (says(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", stay=True), GARBAGE),
    "a negative length": (says(HEAD + b"Content-Length: -5\r\n\r\nabcdef", stay=True), GARBAGE),
    "interim heads without end": (says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, stay=True), GARBAGE),
    "an interim head of HTTP/1.0": (says(b"HTTP/1.0 100 Continue\r\n\r\n", stay=True), "malformed reply"),
    "another protocol": (
        says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + QUOTED, stay=True),
        "upstream changed the protocol unasked",
    ),
}
# A reply that begins and breaks off: the client has a 200 and sees that it is not whole.
BROKEN: dict[str, tuple[Serve, str]] = {
    "FIN in the body": (says(sized(REPLY)[:-20]), CLOSED),
    "RST in the body": (says(sized(REPLY)[:-20], reset=True), CLOSED),
    "FIN between events": (says(EVENTS + event("Good")), CLOSED),
    "RST between events": (says(EVENTS + event("Good"), reset=True), CLOSED),
    "no number for a chunk": (says(EVENTS + event("Good") + b"zz" + QUOTED + b"\r\n", stay=True), GARBAGE),
    "a negative chunk": (says(EVENTS + event("Good") + b"-1\r\n", stay=True), GARBAGE),
    "a chunk of any size": (says(EVENTS + event("Good") + b"f" * 40 + b"\r\n", stay=True), GARBAGE),
}
GZIP = b"Content-Encoding: gzip\r\n"
# A whole reply that nobody can read: it passes as it is, and the record says why nobody read it.
UNREAD: dict[str, tuple[bytes, str, str]] = {
    "no gzip": (sized(QUOTED, GZIP), "failed", "body is not valid gzip"),
    "gzip cut off": (sized(gzip.compress(REPLY)[:-30], GZIP), "unparsed", "not JSON"),
    "an unknown coding": (sized(QUOTED, b"Content-Encoding: snappy\r\n"), "failed", "is not supported"),
    "a gzip bomb": (sized(gzip_bomb(50), GZIP), "failed", "over the limit"),
    "no JSON": (sized(QUOTED), "unparsed", "neither JSON nor an event stream"),
}
UNTRUSTED = ["expired", "not-yet", "other-name", "no-name", "self-signed", "other-root", "for-clients"]
UNTRUSTED += ["no-middle", "old-middle"]


@pytest.mark.parametrize("name", NO_REPLY)
def test_without_a_reply_the_client_gets_an_error(rig: Rig, name: str) -> None:
    serve, cause = NO_REPLY[name]
    rig.upstream.serve = serve(rig)
    status, said, broken = rig.ask()
    assert (status, broken) == (502, "") and json.loads(said)["error"]["code"] == "upstream"
    row = rig.last()
    assert (row["kind"], row["http_status"], row["inspection"], row["reason"]) == ("response", 502, "inspected", cause)
    assert row["usage_source"] == "none"


@pytest.mark.parametrize("name", BROKEN)
def test_a_reply_that_breaks_off_never_looks_whole(rig: Rig, name: str) -> None:
    serve, cause = BROKEN[name]
    rig.upstream.serve = serve(rig)
    status, said, broken = rig.ask(stream="body" not in name)
    assert status == 200 and said and broken
    row = rig.last()
    assert (row["kind"], row["http_status"], row["reason"], row["usage_source"]) == (
        "response",
        200,
        cause,
        "estimated",
    )
    assert row["inspection"] == ("unparsed" if "body" in name else "inspected")


@pytest.mark.parametrize("name", UNREAD)
def test_a_reply_that_nobody_can_read(rig: Rig, name: str) -> None:
    sent, inspection, why = UNREAD[name]
    rig.upstream.serve = rig.says(sent, stay=True)
    status, said, broken = rig.ask()
    assert (status, said, broken) == (200, sent.partition(b"\r\n\r\n")[2], "")
    row = rig.last()
    assert (row["http_status"], row["inspection"], row["usage_source"]) == (200, inspection, "estimated")
    assert why in row["inspection_reason"]


@pytest.mark.parametrize("kind", UNTRUSTED)
def test_a_certificate_that_nobody_trusts(rig: Rig, kind: str) -> None:
    sent: list[bytes] = []
    rig.upstream.serve = lambda link: sent.append(rig.tls(link, kind).recv(1))
    status, said, broken = rig.ask()
    assert (status, broken) == (502, "") and b"certificate not trusted" in said
    row = rig.last()
    assert (row["http_status"], row["inspection"], row["reason"]) == (502, "inspected", NOT_MADE)
    assert sent in ([], [b""]), "not a byte of the request leaves"


def test_lists_of_revoked_certificates_are_not_asked_for(rig: Rig) -> None:
    """As with browsers and SDKs: that would be a look-up, unbound in time, at every connection."""

    def serve(link: socket.socket) -> None:
        inner = rig.asked(link, "revoked")
        inner.sendall(sized(REPLY))
        inner.recv(1)

    rig.upstream.serve = serve
    assert rig.ask()[0] == 200 and rig.last()["inspection"] == "inspected"


def test_interim_heads_are_no_reply(rig: Rig) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n"
    rig.upstream.serve = rig.says(early + sized(REPLY), stay=True)
    assert rig.ask() == (200, REPLY, "")
    assert (rig.last()["http_status"], rig.last()["usage_source"]) == (200, "reported")


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_line_breaks_in_a_head_become_spaces(rig: Rig, http2: bool) -> None:
    """HTTP/2 clients would end their connection with all its streams."""
    rig.upstream.serve = rig.says(sized(REPLY, b"X-A: a\r\n b\r\nX-B: c\rX-C: d\r\nX-D: \0\r\n"), stay=True)
    assert rig.ask(http2=http2) == (200, REPLY, "")
    assert rig.last()["usage_source"] == "reported"


def test_a_reply_that_ends_with_its_connection(rig: Rig) -> None:
    rig.upstream.serve = rig.says(HEAD + b"\r\n" + REPLY)
    assert rig.ask() == (200, REPLY, "") and rig.last()["usage_source"] == "reported"


def test_what_follows_a_reply_is_none(rig: Rig) -> None:
    rig.upstream.serve = rig.says(sized(REPLY) * 2, stay=True)
    assert rig.ask() == (200, REPLY, "") and rig.last()["usage_source"] == "reported"


def test_two_ways_to_say_how_long_it_is(rig: Rig) -> None:
    both = HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    rig.upstream.serve = rig.says(both, stay=True)
    status, said, _ = rig.ask()
    record = rig.last()
    assert status == record["http_status"] == 502 and record["reason"] == "malformed reply"
    assert b"weir got no answer from the upstream: malformed reply." in said and b"mitmproxy" not in said


SETTINGS = b"\0\0\0\4\0\0\0\0\0"
HTTP2 = {
    "FIN": b"",
    "no frames": QUOTED * 10,
    "no headers": SETTINGS + b"\0\0\4\1\4\0\0\0\1\xff\xff\xff\xff",
    "a frame of any size": SETTINGS + b"\xff\xff\xff\0\0\0\0\0\1",
    "it goes away": SETTINGS + b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\x0b",
    "it resets the stream": SETTINGS + b"\0\0\4\3\0\0\0\0\1\0\0\0\7",
}


@pytest.mark.parametrize("name", HTTP2)
def test_http2_that_is_none(rig: Rig, name: str) -> None:
    def serve(link: socket.socket) -> None:
        inner = rig.tls(link, alpn="h2")
        got = b""
        while b"chat/completions" not in got and len(got) < 200:  # until the request is there; its head is packed
            got += inner.recv(65536)
        inner.sendall(HTTP2[name])
        if HTTP2[name]:
            while inner.recv(65536):
                continue

    rig.upstream.serve = serve
    status, said, broken = rig.ask(http2=True)
    assert (status, broken) == (502, "") and json.loads(said)["error"]["code"] == "upstream"
    row = rig.last()
    assert (row["kind"], row["http_status"], row["inspection"]) == ("response", 502, "inspected") and row["reason"]


def peak(pid: int) -> int:
    """The most memory a process has held since its peak was forgotten, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def test_a_reply_of_a_gigabyte_passes_in_pieces(rig: Rig) -> None:
    """What is over `reply_bytes_max` is not read, nor kept: it passes, and the record says so."""
    piece, pid = b"Good day. " * 6553, rig.house.weir.process.pid
    count = -(-REPLY_BYTES // len(piece))

    def serve(link: socket.socket) -> None:
        inner = rig.asked(link)
        inner.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (count * len(piece) + 2) + b'"')
        for _ in range(count):
            inner.sendall(piece)
        inner.sendall(b'"')
        inner.recv(1)

    rig.upstream.serve = serve
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # forgets the peak
    before, came = peak(pid), 0
    headers = {"authorization": f"Bearer {rig.house.key}", "content-type": "application/json"}
    with rig.house.client() as http, http.stream("POST", URL, content=chat_body("Hi."), headers=headers) as reply:
        for part in reply.iter_raw():
            came += len(part)
    assert came == count * len(piece) + 2
    assert peak(pid) - before < 48 << 20
    row = rig.last()
    assert (row["http_status"], row["inspection"], row["resp_bytes"]) == (200, "failed", came)
    assert "over the limit" in row["inspection_reason"]


def test_nothing_of_it_is_quoted(shared_rig: Rig) -> None:
    output = shared_rig.house.weir.process.output()
    assert QUOTED.decode() not in output and "crashed" not in output and "Traceback" not in output
