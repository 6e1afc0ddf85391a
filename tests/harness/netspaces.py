"""Network namespaces of a test: machines of its own, wired together, gone afterwards.

A thread can step into a namespace and open a socket there, and the socket stays there whoever uses it: so a test's own
process can be a client on one machine and a server on another. Commands are run with ``ip netns exec``.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pytest

__all__ = ["Space", "forward", "link", "needed", "python"]

_NETNS = Path("/run/netns")
_BUFFER = 65536


@functools.cache
def _why_not() -> str:
    """Why no namespace can be made here; "" when one can."""
    name = f"weir-try-{os.getpid()}"
    try:
        done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return "ip (iproute2) is not installed"
    if done.returncode:
        return f"no network namespace can be made here: {done.stderr.strip()[:120]}"
    subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=60, check=True)
    return ""


needed = pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "-")


class Space:
    """One machine: a namespace with loopback up. Use it with ``with``; ``name`` is only for its author's eyes."""

    def __init__(self, name: str) -> None:
        self.name = f"weir-{name}-{os.getpid()}"
        if (_NETNS / self.name).exists():  # of a killed run whose process had our number
            _ip("netns", "del", self.name)
        _ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def __enter__(self) -> Space:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _ip("netns", "del", self.name)

    def ip(self, *words: str) -> None:
        """``ip WORDS`` in it; AssertionError when that fails."""
        _ip("-n", self.name, *words)

    def run(
        self, *command: str, given: str = "", seconds: float = 30.0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *command],
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **(environment or {})},
        )

    def set(self, **switches: int) -> None:
        """Kernel settings below ``net.`` of it, two underscores for a dot: ``set(ipv4__ip_forward=1)``."""

        def act() -> None:
            for name, value in switches.items():
                Path("/proc/sys/net", *name.split("__")).write_text(str(value))

        self.within(act)

    def within[T](self, act: Callable[[], T]) -> T:
        """Call ``act`` in a thread that is on this machine; what it returns, or raises."""
        found: list[T] = []
        failed: list[BaseException] = []

        def step() -> None:
            try:
                with (_NETNS / self.name).open() as place:
                    os.setns(place.fileno(), os.CLONE_NEWNET)
                found.append(act())
            except BaseException as error:  # noqa: BLE001  raised again below, in the thread that asked
                failed.append(error)

        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return found[0]

    def listen(self, address: str, port: int) -> socket.socket:
        """A TCP socket that listens there."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET

        def act() -> socket.socket:
            return socket.create_server((address, port), family=family, backlog=64)

        return self.within(act)


def link(one: Space, ours: str, other: Space, theirs: str, addresses: Mapping[str, Sequence[str]]) -> None:
    """A cable between two machines: ``ours`` and ``theirs`` are its ends, ``addresses`` what each end is called."""
    _ip("link", "add", ours, "netns", one.name, "type", "veth", "peer", "name", theirs, "netns", other.name)
    for space, end in ((one, ours), (other, theirs)):
        for address in addresses[end]:
            space.ip("address", "add", address, "dev", end, *(["nodad"] if ":" in address else []))
        space.ip("link", "set", end, "up")


def python(space: Space) -> tuple[str, ...]:
    """What makes a child process of Python step into ``space`` before its own module: for ``program=`` of a proxy."""
    return (str(Path(__file__).with_name("inside.py")), str(_NETNS / space.name))


@contextlib.contextmanager
def forward(listener: socket.socket, port: int) -> Iterator[None]:
    """Pass every connection of ``listener`` on to 127.0.0.1:``port`` of the test's own machine, until the end."""
    open_ends: list[socket.socket] = []

    def pipe(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_BUFFER):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port), 10)
                far.settimeout(None)
                open_ends.extend((near, far))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pipe, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        listener.close()
        for end in open_ends:
            end.close()


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
