"""Three machines: a client, a gateway with two weirs on it, and an upstream with the doubles behind its addresses.

The gateway's traffic is redirected by the real command. The upstream's addresses answer for whatever they are asked
for, but for one: who listens there has a certificate that weir trusts, and it is for another name.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from e2e.support import issue
from harness.doubles import Doubles
from harness.netspaces import Space, link, python
from harness.processes import ROOT, until
from harness.weir import Weir, share_compiled, write_policy
from weir.datadir import DataDir
from weir.tls.ca import ensure_ca

__all__ = [
    "CLIENT", "CLIENT6", "CROOK", "GATEWAY", "HONEST", "HONEST6", "NOBODY", "PORTS", "Site", "in_pieces", "named",
    "names", "taking", "up", "weirs", "wire",
]  # fmt: skip

PORTS = (8081, 8082)
CLIENT, CLIENT6, GATEWAY = "10.77.1.2", "fd77:1::2", "10.77.1.1"
HONEST, HONEST6, CROOK = "203.0.113.10", "2001:db8:a::10", "203.0.113.66"
NOBODY = "65534"
SPARED = ["203.0.113.0/24", "2001:db8:a::/64"]  # for documentation: not addresses of the Internet


@dataclass
class Site:
    """The machines, the proxies, and what happened since the test began."""

    client: Space
    gateway: Space
    upstream: Space
    doubles: Doubles
    weirs: list[Weir]
    key: str = field(repr=False)
    public: Path
    """A folder that everybody may read: ``weir.pem`` is weir's CA, ``world.pem`` the upstream's."""
    crook: list[bytes]
    """What whoever listens at ``CROOK`` was sent, after TLS on port 443 and in the clear on port 80."""
    before: frozenset[str] = frozenset()
    links: frozenset[int] = frozenset()

    def begin(self) -> None:
        """Forget what was recorded and received so far."""
        self.doubles.reset()
        self.links = frozenset(link["number"] for link in self.doubles.connections())
        self.crook.clear()
        self.before = frozenset(row["exchange_id"] for weir in self.weirs for row in weir.records())

    def connections(self) -> list[dict[str, Any]]:
        """Those to the upstream since: some that an earlier test had may still be there, about to end."""
        return [link for link in self.doubles.connections() if link["number"] not in self.links]

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        """The records of these kinds since, of both proxies."""
        rows = [row for weir in self.weirs for row in weir.records() if row["exchange_id"] not in self.before]
        return [row for row in rows if row["kind"] in kinds]

    def only(self, *kinds: str) -> dict[str, Any]:
        """The one record of these kinds."""
        rows = until(lambda: self.records(*kinds), f"a record of {kinds}")
        assert len(rows) == 1, rows
        return rows[0]

    def redirect(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``weir redirect WORDS`` on the gateway."""
        done = self.gateway.run(
            sys.executable, "-m", "weir.cli", "redirect", *words, environment={"PYTHONPATH": str(ROOT / "addons")}
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def curl(
        self, url: str, *options: str, to: str = HONEST, ca: str = "weir", on: Space | None = None, port: int = 443
    ) -> subprocess.CompletedProcess[str]:
        """curl as nobody, on the client unless said otherwise; the host of ``url`` is where ``to`` says. Its exit code
        is the test's to look at."""
        host = url.partition("://")[2].partition("/")[0]
        where = f"[{to}]" if ":" in to else to
        return (on or self.client).run(
            *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env", "-i", "curl", "-sS", "-i"),
            *("--max-time", "25", "--resolve", f"{host}:{port}:{where}", "--cacert", str(self.public / f"{ca}.pem")),
            *options,
            url,
        )


@contextlib.contextmanager
def named(**hosts: str) -> Iterator[None]:
    """Names that this process finds where they are said to be; dots are written as underscores."""
    places = {name.replace("_", "."): address for name, address in hosts.items()}
    real = socket.getaddrinfo

    def found(host: Any, *rest: Any, **more: Any) -> Any:
        return real(places.get(host, host), *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", found)
        yield


def in_pieces(line: socket.socket, context: ssl.SSLContext, host: str, said: Sequence[bytes]) -> bytes:
    """What is answered over TLS to a client whose ClientHello comes in two pieces, and then those of ``said``."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    into, out, first = ssl.MemoryBIO(), ssl.MemoryBIO(), True
    end = context.wrap_bio(into, out, server_hostname=host)

    def send() -> None:
        nonlocal first
        data = out.read()
        for piece in (data[:2], data[2:]) if first else (data,):
            line.sendall(piece)
            time.sleep(0.05)  # or both are read at once
        first = False

    def turn[T](act: Callable[[], T]) -> T:
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                send()
                data = line.recv(65536)
                if not data:
                    raise ConnectionResetError from None
                into.write(data)

    turn(end.do_handshake)
    for piece in said:
        end.write(piece)
        send()
    return turn(lambda: end.read(65536))


def wire(client: Space, gateway: Space, upstream: Space) -> None:
    near = {"c0": (f"{CLIENT}/24", f"{CLIENT6}/64"), "g0": (f"{GATEWAY}/24", "fd77:1::1/64")}
    far = {"g1": ("10.77.2.1/24", "fd77:2::1/64"), "u0": ("10.77.2.2/24", "fd77:2::2/64")}
    link(client, "c0", gateway, "g0", near)
    link(gateway, "g1", upstream, "u0", far)
    for address in (f"{HONEST}/32", f"{CROOK}/32", f"{HONEST6}/128"):
        upstream.ip("address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))
    gateway.set(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    client.ip("route", "add", "default", "via", GATEWAY)
    client.ip("-6", "route", "add", "default", "via", "fd77:1::1")
    gateway.ip("route", "add", "203.0.113.0/24", "via", "10.77.2.2")
    gateway.ip("-6", "route", "add", "2001:db8:a::/64", "via", "fd77:2::2")
    upstream.ip("route", "add", "default", "via", "10.77.2.1")
    upstream.ip("-6", "route", "add", "default", "via", "fd77:2::1")


@contextlib.contextmanager
def taking(listener: socket.socket, context: ssl.SSLContext | None, got: list[bytes]) -> Iterator[None]:
    """Note what every connection sends first, and answer that all is well."""

    def one(link: socket.socket) -> None:
        with contextlib.suppress(OSError), link:
            link.settimeout(10)
            line = context.wrap_socket(link, server_side=True) if context else link
            got.append(line.recv(65536))
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            line.close()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextlib.contextmanager
def weirs(folder: Path, gateway: Space, doubles: Doubles, trusted: Path) -> Iterator[tuple[list[Weir], str]]:
    """Two proxies that are one to their clients: the same CA, the same virtual keys. The first is a fleet."""
    first = folder / "one" / "data"
    share_compiled(first)
    key = issue(first)
    ensure_ca(DataDir(first).ca)
    shutil.copytree(first, folder / "two" / "data", symlinks=True)
    started: list[Weir] = []

    def start(name: str, port: int, *more: str) -> None:
        home = folder / name
        policy = write_policy(home / "policy.yaml", "enforce", dlp__processes=0, destinations={"except": SPARED})
        weir = Weir(
            home,
            policy,
            doubles,
            hosts=(),
            environment={f"{kind.upper()}_API_KEY": value for kind, value in doubles.keys.items()},
            options=["--mode", "transparent", "--upstream-ca", str(trusted), *more],
            listen=f":{port}",
            program=python(gateway),
        )
        started.append(weir)

    try:
        with ThreadPoolExecutor() as pool:
            fleet = pool.submit(start, "one", PORTS[0], "--workers", "2")
            start("two", PORTS[1])
            fleet.result()
        yield started, key
    finally:
        for weir in started:
            weir.stop()


def up(site: Site) -> str:
    """Lead the network's traffic and the gateway's own to the two proxies, which run as root here; what was said."""
    return site.redirect("up", "--ports", ",".join(map(str, PORTS)), "--gateway", "--host", "--user", "root").stderr


def names(row: dict[str, Any]) -> dict[str, str]:
    """What a record says beside its columns."""
    found: dict[str, str] = json.loads(row.get("extra") or "{}")
    return found
