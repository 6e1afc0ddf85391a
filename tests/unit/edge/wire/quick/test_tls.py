"""TLS between the layer and a peer: every byte, both ways, its end, and what is no TLS."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mitmproxy import connection, options
from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.layers import tls
from OpenSSL import SSL


class Ear(layer.Layer):
    """Keeps what it is told."""

    def __init__(self, whole: context.Context) -> None:
        super().__init__(whole)
        self.heard: list[events.Event] = []

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        self.heard.append(event)
        yield from ()


def connections() -> tuple[SSL.Connection, SSL.Connection]:
    """A server and a client whose handshake is done."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    ends = []
    for serves in (True, False):
        how = SSL.Context(SSL.TLS_METHOD)
        if serves:
            how.use_certificate(made.sign(key, hashes.SHA256()))
            how.use_privatekey(key)
        ends.append(SSL.Connection(how, None))
    server, client = ends
    server.set_accept_state()
    client.set_connect_state()
    for _ in range(6):
        for one, other in ((client, server), (server, client)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
            move(one, other)
    return server, client


def move(one: SSL.Connection, other: SSL.Connection) -> bytes:
    """Carry over what one has written; returns it."""
    moved = b""
    while True:
        try:
            moved += one.bio_read(65535)
        except SSL.WantReadError:
            break
    if moved:
        other.bio_write(moved)
    return moved


def read(one: SSL.Connection) -> bytes:
    out = b""
    while True:
        try:
            out += one.recv(65535)
        except (SSL.WantReadError, SSL.ZeroReturnError):
            return out


@pytest.fixture
def stand() -> tuple[tls.TLSLayer, Ear, SSL.Connection]:
    """A layer at the server's end, what listens within, and the peer."""
    client = connection.Client(peername=("192.0.2.1", 1), sockname=("192.0.2.2", 2), timestamp_start=0.0)
    client.state = connection.ConnectionState.OPEN
    whole = context.Context(client, options.Options())
    made = tls.TLSLayer(whole, client)
    made.tls, peer = connections()
    made.tunnel_state = tls.tunnel.TunnelState.OPEN
    made.child_layer = ear = Ear(whole)
    return made, ear, peer


def plain(ear: Ear) -> bytes:
    return b"".join(e.data for e in ear.heard if isinstance(e, events.DataReceived))


@pytest.mark.parametrize("size", [1, 1000, 16_384, 65_535, 65_536, 300_000])
def test_what_the_peer_says_arrives_whole_in_one_event(size: int, stand: Any) -> None:
    made, ear, peer = stand
    said = bytes(i % 251 for i in range(size))
    peer.sendall(said)
    sent = b""
    while True:
        try:
            sent += peer.bio_read(65535)
        except SSL.WantReadError:
            break
    assert not list(made.receive_data(sent))
    assert [type(e) for e in ear.heard] == [events.DataReceived] and plain(ear) == said


def test_a_record_that_comes_in_pieces_is_read_when_it_is_whole(stand: Any) -> None:
    made, ear, peer = stand
    peer.sendall(b"some words")
    record = peer.bio_read(65535)
    for at in range(len(record)):
        assert not ear.heard
        assert not list(made.receive_data(record[at : at + 1]))
    assert plain(ear) == b"some words"
    assert not list(made.receive_data(b"")) and len(ear.heard) == 1


@pytest.mark.parametrize("said", [b"", b"x", b"y" * 100_000, bytearray(b"changing"), b"z" * 1_000_000])
def test_what_is_sent_reaches_the_peer(said: bytes | bytearray, stand: Any) -> None:
    made, _, peer = stand
    out = list(made.send_data(said))
    assert all(type(c) is commands.SendData and c.connection is made.conn and len(c.data) <= 65_535 for c in out)
    if said:
        peer.bio_write(b"".join(c.data for c in out))
    assert read(peer) == bytes(said)


def test_the_peers_end_is_an_end(stand: Any) -> None:
    made, ear, peer = stand
    peer.sendall(b"bye")
    peer.shutdown()
    list(made.receive_data(peer.bio_read(65535)))
    assert [type(e) for e in ear.heard] == [events.DataReceived, events.ConnectionClosed] and plain(ear) == b"bye"
    assert made.conn.state is connection.ConnectionState.CAN_WRITE
    assert all(type(c) is commands.SendData for c in made.send_data(b"half closed"))


def test_what_is_no_tls_is_told_and_ends_the_connection(stand: Any) -> None:
    made, ear, _ = stand
    out = list(made.receive_data(b"\x17\x03\x03\x00\x20" + b"\0" * 32))
    said = [c for c in out if isinstance(c, commands.Log)]
    assert len(said) == 1 and said[0].message.startswith("TLS Error: ") and said[0].level == tls.WARNING
    assert [type(e) for e in ear.heard] == [events.ConnectionClosed]  # whoever waits need wait no longer
    assert made.conn.state is connection.ConnectionState.CAN_WRITE
    assert [type(c) for c in out if c not in said] == [commands.SendData]  # the alert
