"""The peers of weir's own WireGuard: whose public key comes in at which port, and whom it stands for.

mitmproxy's WireGuard server tells of a connection neither the key it came with nor anything that follows from it: with
two peers behind one port, one is the other by writing its address into a packet. So each peer has a server and a port
of its own, where nobody else's key gets an answer. What is kept is public; a peer's private key never is.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from weir.datadir import DataDirError, locked, read_private, write_private
from weir.identity.peers import STRENGTH, key_problem
from weir.model import Principal

__all__ = [
    "DNS", "FIRST_PORT", "NoPeer", "PeersError", "TunnelPeer", "add", "addresses_of", "as_bytes", "check_host",
    "client_config", "load", "make_key", "peers_file", "public_of", "remove",
]  # fmt: skip

FIRST_PORT = 51820
PEERS_MAX = 4096
DNS = "10.77.0.53"  # any address does: weir answers whatever goes to port 53
_FILE_MAX = 4 * 1024 * 1024
_V4, _V6 = ipaddress.IPv4Address("10.77.1.0"), ipaddress.IPv6Address("fd77:6569:7200::1:0")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_TEXT_MAX = 200


class PeersError(ValueError):
    """The peers can't be read or changed so; one sentence that says what to do."""


class NoPeer(PeersError):
    """There is no peer of that name."""


@dataclass(frozen=True, slots=True)
class TunnelPeer:
    """One peer: its public key, its port, its number (its addresses follow from it), and whom it stands for."""

    name: str
    key: str
    port: int
    number: int
    user: str = ""
    team: str = ""
    app: str = ""
    device: str = ""
    added: str = ""  # day, UTC

    @property
    def addresses(self) -> tuple[str, str]:
        """What it is called inside of the tunnel, IPv4 and IPv6, whatever it calls itself."""
        return addresses_of(self.number)

    @property
    def principal(self) -> Principal:
        """Whom its key stands for."""
        return Principal(
            user=self.user, team=self.team, app=self.app, device=self.device, method="peer", strength=STRENGTH
        )


def addresses_of(number: int) -> tuple[str, str]:
    """The addresses of the peer with this number; 0 is nobody's."""
    return str(_V4 + number), str(_V6 + number)


def peers_file(data: Path) -> Path:
    """Where the peers of a data directory stand."""
    return data / "wireguard-peers.json"


def make_key() -> str:
    """A new private key, as ``wg genkey`` prints it."""
    return base64.b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode()


def as_bytes(key: str) -> bytes:
    """The 32 bytes of a key that ``make_key`` made."""
    return base64.b64decode(key)


def public_of(private: bytes) -> str:
    """The public key of 32 secret bytes, as ``wg pubkey`` prints it."""
    return base64.b64encode(X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()).decode()


def load(path: Path) -> tuple[TunnelPeer, ...]:
    """The peers of the file, none when there is no file. Raises PeersError."""
    try:
        if not path.exists():
            return ()
        told = json.loads(read_private(path, _FILE_MAX))
        peers = tuple(TunnelPeer(**row) for row in told["peers"])
        for peer in peers:
            _check(peer)
    except (DataDirError, OSError) as error:
        raise PeersError(str(error)) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise PeersError(f"{path}: is not a list of WireGuard peers; restore it from a backup") from None
    for what, values in (("name", [p.name for p in peers]), ("key", [p.key for p in peers])):
        if len(set(values)) < len(values):
            raise PeersError(f"{path}: two peers have one {what}; remove one of them")
    if len({p.port for p in peers}) < len(peers) or len({p.number for p in peers}) < len(peers):
        raise PeersError(f"{path}: two peers have one port or one number; remove one of them")
    return peers


def add(path: Path, wanted: TunnelPeer) -> TunnelPeer:
    """Put a peer into the file; port 0 and number 0 take the lowest that is free. Raises PeersError."""
    try:
        with locked(path):
            peers = load(path)
            if any(peer.name == wanted.name for peer in peers):
                raise PeersError(f"there is a peer {wanted.name} already; remove it first, or take another name")
            if any(peer.key == wanted.key for peer in peers):
                raise PeersError("another peer has this key already; each needs its own")
            if len(peers) >= PEERS_MAX:
                raise PeersError(f"there are {PEERS_MAX} peers already")
            if any(peer.port == wanted.port for peer in peers):
                raise PeersError(f"another peer has port {wanted.port}; leave --port out to get a free one")
            peer = replace(
                wanted,
                port=wanted.port or _free(FIRST_PORT, {peer.port for peer in peers}),
                number=_free(1, {peer.number for peer in peers}),
                added=f"{datetime.now(UTC):%Y-%m-%d}",
            )
            _check(peer)
            _write(path, [*peers, peer])
    except DataDirError as error:
        raise PeersError(str(error)) from None
    return peer


def remove(path: Path, name: str) -> TunnelPeer:
    """Take a peer out of the file. Raises NoPeer, or PeersError."""
    try:
        with locked(path):
            peers = load(path)
            gone = next((peer for peer in peers if peer.name == name), None)
            if gone is None:
                raise NoPeer(f"there is no peer {name!r}; see weir wireguard peer list")
            _write(path, [peer for peer in peers if peer is not gone])
    except DataDirError as error:
        raise PeersError(str(error)) from None
    return gone


def client_config(peer: TunnelPeer, private: str, server_public: str, host: str, allowed: Sequence[str]) -> str:
    """What the peer's WireGuard is to be given (``wg-quick``, apps). Raises PeersError for a host that is none."""
    place, (v4, v6) = check_host(host), peer.addresses
    return "\n".join(
        (
            "[Interface]",
            f"PrivateKey = {private}",
            f"Address = {v4}/32, {v6}/128",
            f"DNS = {DNS}",
            "",
            "[Peer]",
            f"PublicKey = {server_public}",
            f"AllowedIPs = {', '.join(allowed)}",
            f"Endpoint = {place}:{peer.port}",
            "PersistentKeepalive = 25",
            "",
        )
    )


def check_host(host: str) -> str:
    """A host's name or address as it stands before a port. Raises PeersError."""
    bare = host.strip("[]")
    try:
        return f"[{bare}]" if ipaddress.ip_address(bare).version == 6 else bare
    except ValueError:
        if not _HOST.fullmatch(bare):
            raise PeersError(f"{host!r} is no name or address of a host; write it without a port") from None
        return bare


def _check(peer: TunnelPeer) -> None:
    if not _NAME.fullmatch(peer.name):
        raise PeersError("a peer's name is 1 to 63 letters, digits, dots, dashes and underscores")
    problem = key_problem(peer.key)
    if problem:
        raise PeersError(problem)
    if not 0 < peer.port < 65536 or not 0 < peer.number < 65536:
        raise PeersError("a port is a number from 1 to 65535")
    for text in (peer.user, peer.team, peer.app, peer.device, peer.added):
        if not isinstance(text, str) or len(text) > _TEXT_MAX or not text.isprintable():
            raise PeersError(f"user, team, app and device are at most {_TEXT_MAX} characters on one line")


def _free(first: int, taken: set[int]) -> int:
    return next(number for number in range(first, first + PEERS_MAX + 1) if number not in taken)


def _write(path: Path, peers: Iterable[TunnelPeer]) -> None:
    rows: list[dict[str, Any]] = [asdict(peer) for peer in peers]
    write_private(path, json.dumps({"version": 1, "peers": rows}, indent=1).encode() + b"\n")
