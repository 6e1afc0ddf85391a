"""A worker's seat in its fleet: which of how many it is, its listening sockets, and the line to the parent.

The line carries JSON, one object a line. The parent's end closes with the parent, however that ended.
"""

from __future__ import annotations

import json
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weir.edge.process.fleet.listening import Bound, Place

__all__ = ["LINE_MAX", "Lines", "Seat", "describe"]

LINE_MAX = 256 * 1024  # bytes; nobody sends such a line on purpose


class Lines:
    """Objects out of a stream of bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The objects that are whole now. Raises ValueError for what is none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_MAX:
            raise ValueError("a line without an end")
        found = [json.loads(line) for line in lines]
        if not all(isinstance(one, dict) for one in found):
            raise ValueError("a line that is no object")
        return found


@dataclass(slots=True)
class Seat:
    """Given to one worker by its parent. ``sockets``: by place, then by slot."""

    number: int
    count: int
    control: socket.socket
    sockets: Mapping[Place, Mapping[int, Sequence[socket.socket]]]
    lock: int = -1  # the data directory's: held as long as any process of the fleet lives
    _sending: threading.Lock = field(default_factory=threading.Lock)
    _unsent: bytearray = field(default_factory=bytearray)
    _lines: Lines = field(default_factory=Lines)

    @property
    def file(self) -> str:
        """What this worker says of itself stands in ``run/`` under this name."""
        return f"worker-{self.number}.json"

    @classmethod
    def take(cls, text: str) -> Seat:
        """The seat that the parent describes on the command line. Raises ValueError, OSError."""
        try:
            said = json.loads(text)
            sockets: dict[Place, dict[int, list[socket.socket]]] = {}
            for host, port, slot, fd in said["sockets"]:
                sockets.setdefault((str(host), int(port)), {}).setdefault(int(slot), []).append(_own(int(fd)))
            seat = cls(int(said["number"]), int(said["count"]), _own(int(said["control"])), sockets, int(said["lock"]))
        except (KeyError, TypeError, OverflowError):
            raise ValueError("no seat") from None
        if seat.lock >= 0:
            os.set_inheritable(seat.lock, False)
        seat.control.setblocking(False)
        return seat

    def tell(self, what: Mapping[str, Any]) -> None:
        """Send to the parent, from any thread; what finds no room goes with the next. One that is gone is not told."""
        line = json.dumps(what).encode() + b"\n"
        if len(line) > LINE_MAX:
            return  # the parent would take it for a mistake, and this worker for one that has to end
        with self._sending:
            if len(self._unsent) <= LINE_MAX:  # else the parent is stuck: news that nobody reads is no reason to grow
                self._unsent += line
            self._send()

    def flush(self, seconds: float) -> None:
        """Wait until the parent has been sent all of it, so long at most; blocks, so in a thread."""
        deadline, poll = time.monotonic() + seconds, select.poll()
        poll.register(self.control, select.POLLOUT)
        while (left := deadline - time.monotonic()) > 0:
            with self._sending:
                self._send()
                if not self._unsent:
                    return
            poll.poll(left * 1000)

    def _send(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self.control.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()

    def heard(self, on: Callable[[dict[str, Any]], None]) -> bool:
        """Pass on what the parent has said; False when it is gone."""
        try:
            data = self.control.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        for one in self._lines.feed(data):
            on(one)
        return bool(data)


def describe(number: int, count: int, control: int, lock: int, bound: Sequence[Bound]) -> str:
    """What ``Seat.take`` understands, about descriptors that the worker inherits."""
    sockets = [[*one.place, one.slot, one.socket.fileno()] for one in bound]
    return json.dumps({"number": number, "count": count, "control": control, "lock": lock, "sockets": sockets})


def _own(fd: int) -> socket.socket:
    found = socket.socket(fileno=fd)
    found.set_inheritable(False)  # no child of the worker's is to have it
    return found
