from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.audit.evidence.publish.place import Entry, Unreachable
from weir.audit.evidence.publish.syslog import Syslog
from weir.audit.evidence.signed import notes_in


class Receiver:
    """Reads what comes on each connection to its end."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got: list[bytes] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                data = b""
                while block := connection.recv(65536):
                    data += block
                self.got.append(data)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.listener.close()


def test_each_entry_is_one_message_that_can_be_read_back(receiver: Receiver, some: list[Entry], tmp_path: Path) -> None:
    place = Syslog(f"tcp://127.0.0.1:{receiver.port}", version="1")
    place.send(some[:3])
    place.send(some[3:])
    place.close()
    assert len(receiver.got) == 2
    messages, rest = [], b"".join(receiver.got)
    while rest:
        length, _, rest = rest.partition(b" ")
        messages.append(rest[: int(length)])
        rest = rest[int(length) :]
    assert len(messages) == len(some) and all(message.isascii() and len(message) < 2048 for message in messages)
    assert b" weir p checkpoint " in messages[0] and b'sequenceId="1"' in messages[0]
    (tmp_path / "messages").write_bytes(b"\n".join(messages) + b"\n")
    assert [note for _, note in notes_in(tmp_path / "messages")] == [entry.note for entry in some]


def test_a_receiver_that_is_down_or_speaks_no_tls(receiver: Receiver, some: list[Entry]) -> None:
    with pytest.raises(Unreachable):
        Syslog("tcp://127.0.0.1:1").send(some)
    plain = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: plain.accept()[0].sendall(b"220 hello\r\n" * 9), daemon=True).start()
    with pytest.raises(Unreachable):
        Syslog(f"tls://127.0.0.1:{plain.getsockname()[1]}").send(some)
    plain.close()
