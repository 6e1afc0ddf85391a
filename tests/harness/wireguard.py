"""A WireGuard peer with one TCP connection in it, in user space: enough to come through a tunnel as an own address.

The handshake is Noise_IKpsk2 as the WireGuard paper has it, without a shared secret. Above it stands a TCP that trusts
loopback to lose and reorder nothing. No privileges, no interfaces.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

__all__ = ["Stream", "Tunnel", "datagram"]

_TIMEOUT_S = 10.0
_TAI_OFFSET = 0x400000000000000A
_MSS = 1200


def _hash(*parts: bytes) -> bytes:
    return hashlib.blake2s(b"".join(parts)).digest()


def _kdf(count: int, key: bytes, given: bytes) -> list[bytes]:
    secret = hmac.digest(key, given, "blake2s")
    made = [b""]
    for number in range(1, count + 1):
        made.append(hmac.digest(secret, made[-1] + bytes([number]), "blake2s"))
    return made[1:]


def _nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(8, "little")


class Tunnel:
    """One session with a server: ``server`` is its UDP address, keys are base64 as ``wg`` prints them."""

    def __init__(self, server: tuple[str, int], own_key: str, server_public: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(_TIMEOUT_S)
        self._socket.connect(server)
        own = X25519PrivateKey.from_private_bytes(base64.b64decode(own_key))
        self._sent = 0
        self._handshake(own, base64.b64decode(server_public))

    def _handshake(self, own: X25519PrivateKey, theirs: bytes) -> None:
        server, ephemeral = X25519PublicKey.from_public_bytes(theirs), X25519PrivateKey.generate()
        mine = ephemeral.public_key().public_bytes_raw()
        chain = _hash(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
        mixed = _hash(_hash(chain, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), theirs)
        (chain,), mixed = _kdf(1, chain, mine), _hash(mixed, mine)
        chain, key = _kdf(2, chain, ephemeral.exchange(server))
        static = ChaCha20Poly1305(key).encrypt(_nonce(0), own.public_key().public_bytes_raw(), mixed)
        mixed = _hash(mixed, static)
        chain, key = _kdf(2, chain, own.exchange(server))
        now = time.time_ns()
        stamp = struct.pack(">QI", _TAI_OFFSET + now // 10**9, now % 10**9)
        sealed = ChaCha20Poly1305(key).encrypt(_nonce(0), stamp, mixed)
        mixed = _hash(mixed, sealed)
        message = struct.pack("<II", 1, 7) + mine + static + sealed
        mark = hashlib.blake2s(message, digest_size=16, key=_hash(b"mac1----", theirs)).digest()
        self._socket.send(message + mark + bytes(16))
        answer = self._socket.recv(2048)
        if answer[0] != 2:
            raise OSError("the server did not answer the handshake")
        self._index, other = struct.unpack_from("<I", answer, 4)[0], answer[12:44]
        (chain,), mixed = _kdf(1, chain, other), _hash(mixed, other)
        (chain,) = _kdf(1, chain, ephemeral.exchange(X25519PublicKey.from_public_bytes(other)))
        (chain,) = _kdf(1, chain, own.exchange(X25519PublicKey.from_public_bytes(other)))
        chain, tau, key = _kdf(3, chain, bytes(32))
        ChaCha20Poly1305(key).decrypt(_nonce(0), answer[44:60], _hash(mixed, tau))
        out, back = _kdf(2, chain, b"")
        self._out, self._back = ChaCha20Poly1305(out), ChaCha20Poly1305(back)

    def send(self, packet: bytes) -> None:
        """Send one IP packet."""
        padded = packet + bytes(-len(packet) % 16)
        sealed = self._out.encrypt(_nonce(self._sent), padded, b"")
        self._socket.send(struct.pack("<IIQ", 4, self._index, self._sent) + sealed)
        self._sent += 1

    def receive(self) -> bytes:
        """The next IP packet. TimeoutError when none comes."""
        while True:
            message = self._socket.recv(65536)
            if message[0] != 4:
                continue
            plain = self._back.decrypt(_nonce(struct.unpack_from("<Q", message, 8)[0]), message[16:], b"")
            if plain:  # else only a sign of life
                return plain

    def close(self) -> None:
        """Forget the session."""
        self._socket.close()


def _checksum(data: bytes) -> int:
    words = sum(struct.unpack(f">{len(data) // 2}H", data)) if len(data) % 2 == 0 else _sum_odd(data)
    while words >> 16:
        words = (words & 0xFFFF) + (words >> 16)
    return words ^ 0xFFFF


def _sum_odd(data: bytes) -> int:
    return sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0"))


def datagram(source: str, to: tuple[str, int], data: bytes, port: int = 20_000) -> bytes:
    """An IP packet with one UDP datagram in it."""
    ends = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(to[0]).packed
    head = struct.pack(">HHHH", port, to[1], 8 + len(data), 0)
    sealed = _checksum(ends + struct.pack(">BBH", 0, 17, 8 + len(data)) + head + data) or 0xFFFF
    outer = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(data), 0, 0x4000, 64, 17, 0) + ends
    return outer[:10] + struct.pack(">H", _checksum(outer)) + outer[12:] + head[:6] + struct.pack(">H", sealed) + data


class Stream:
    """One TCP connection through a tunnel, from an address of one's own choice, with TLS in it."""

    def __init__(self, tunnel: Tunnel, source: str, to: tuple[str, int]) -> None:
        self._tunnel = tunnel
        self._ends = ipaddress.IPv4Address(source).packed, ipaddress.IPv4Address(to[0]).packed
        self._ports = 20_000 + int.from_bytes(os.urandom(2)) % 20_000, to[1]
        self._next, self._seen = int.from_bytes(os.urandom(4)), 0
        self._ended = False
        self._segment(0x02)
        self._next = (self._next + 1) & 0xFFFFFFFF
        flags, number, _ = self._read()
        if flags & 0x12 != 0x12:
            raise ConnectionRefusedError("no connection through the tunnel")
        self._seen = (number + 1) & 0xFFFFFFFF
        self._segment(0x10)

    def _segment(self, flags: int, data: bytes = b"") -> None:
        source, to = self._ends
        head = struct.pack(">HHIIBBHHH", *self._ports, self._next, self._seen, 5 << 4, flags, 65535, 0, 0)
        pseudo = source + to + struct.pack(">BBH", 0, 6, len(head) + len(data))
        head = head[:16] + struct.pack(">H", _checksum(pseudo + head + data)) + head[18:]
        outer = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), 0, 0x4000, 64, 6, 0) + source + to
        self._tunnel.send(outer[:10] + struct.pack(">H", _checksum(outer)) + outer[12:] + head + data)

    def _read(self) -> tuple[int, int, bytes]:
        """(flags, sequence number, data) of the next segment for this connection."""
        while True:
            packet = self._tunnel.receive()
            size, start = struct.unpack_from(">H", packet, 2)[0], (packet[0] & 15) * 4
            if packet[9] != 6 or struct.unpack_from(">HH", packet, start) != self._ports[::-1]:
                continue
            number = struct.unpack_from(">I", packet, start + 4)[0]
            return packet[start + 13], number, packet[start + (packet[start + 12] >> 4) * 4 : size]

    def send(self, data: bytes) -> None:
        """Send all of it."""
        for at in range(0, len(data), _MSS):
            part = data[at : at + _MSS]
            self._segment(0x18, part)
            self._next = (self._next + len(part)) & 0xFFFFFFFF

    def receive(self) -> bytes:
        """Some data; b"" when the other side has ended."""
        while not self._ended:
            flags, number, data = self._read()
            if flags & 0x04:
                break
            if number != self._seen or not (data or flags & 0x01):
                continue  # a repetition, or nothing but an acknowledgement
            self._seen = (self._seen + len(data) + (flags & 0x01)) & 0xFFFFFFFF
            self._segment(0x10)
            self._ended = bool(flags & 0x01)
            return data
        return b""

    def exchange(self, context: ssl.SSLContext, sni: str, request: bytes) -> bytes:
        """Make TLS, send the request, and return what comes back until the other side ends."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        machine = context.wrap_bio(incoming, outgoing, server_hostname=sni)

        def wait_for[T](step: Callable[[], T]) -> T:
            while True:
                try:
                    done = step()
                    self.send(outgoing.read())
                    return done
                except ssl.SSLWantReadError:
                    self.send(outgoing.read())
                    data = self.receive()
                    if not data:
                        raise EOFError("the connection ended") from None
                    incoming.write(data)

        wait_for(machine.do_handshake)
        machine.write(request)
        self.send(outgoing.read())
        got = b""
        while True:
            try:
                part = wait_for(lambda: machine.read(65536))
            except (EOFError, ssl.SSLError):
                return got
            if not part:
                return got
            got += part
