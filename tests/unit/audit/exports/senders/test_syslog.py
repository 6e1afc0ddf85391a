from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.receivers import Papers, free_port, papers
from weir.audit.exports.senders import syslog
from weir.audit.exports.senders.syslog import SyslogSender, Unconfirmed


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@contextmanager
def peer(serve: Callable[[socket.socket], None], shown: Papers | None = None) -> Iterator[int]:
    """A receiver of one kind, for any number of connections."""
    listening = socket.create_server(("127.0.0.1", 0))

    def go() -> None:
        with suppress(OSError):
            while True:
                link, _ = listening.accept()
                with suppress(OSError), link:
                    serve(shown.server().wrap_socket(link, server_side=True) if shown else link)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(60)


def reading(got: list[bytes]) -> Callable[[socket.socket], None]:
    def serve(link: socket.socket) -> None:
        parts = []
        with suppress(ssl.SSLError):
            while data := link.recv(65_536):
                parts.append(data)
        got.append(b"".join(parts))

    return serve


def test_messages_are_counted_and_confirmed_by_the_end_of_the_connection(shown: Papers) -> None:
    for tls in (None, ssl.create_default_context(cafile=str(shown.ca))):
        got: list[bytes] = []
        with peer(reading(got), shown if tls else None) as port:
            sender = SyslogSender("localhost" if tls else "127.0.0.1", port, tls)
            assert sender.confirm()  # nothing sent, nothing open
            sender.send([b"<13>1 - a", b"b\xc3\xbc"])
            sender.send([b"c"])
            assert sender.confirm()
            sender.send([b"d"])
            assert sender.confirm()
        assert got == [b"9 <13>1 - a3 b\xc3\xbc1 c", b"1 d"]


def closes_at_once(link: socket.socket) -> None:
    return None


def reads_a_little(link: socket.socket) -> None:
    link.recv(5)


@pytest.mark.parametrize("serve", [closes_at_once, reads_a_little])
def test_who_leaves_before_the_end_has_not_confirmed(serve: Callable[[socket.socket], None]) -> None:
    with peer(serve) as port:
        for _ in range(50):  # whichever is first, its end or our message
            sender = SyslogSender("127.0.0.1", port)
            with pytest.raises(OSError):
                sender.send([b"x" * 1_000])
                sender.send([b"y" * 1_000])
                sender.confirm()
            sender.close()


def test_one_that_keeps_the_connection_open_confirms_by_its_kernel_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog, "CLOSE_S", 0.2)
    over = threading.Event()

    def stays(link: socket.socket) -> None:
        while link.recv(65_536):
            pass
        over.wait(10)

    with peer(stays) as port:
        sender = SyslogSender("127.0.0.1", port)
        sender.send([b"x"])
        assert sender.confirm() is False
        over.set()


def test_one_that_reads_nothing_does_not_confirm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog, "CLOSE_S", 0.2)
    over = threading.Event()
    with peer(lambda link: over.wait(10) and None) as port:
        sender = SyslogSender("127.0.0.1", port, timeout_s=0.3)
        with pytest.raises(OSError):
            sender.send([b"x" * 100_000] * 200)
        over.set()
        with pytest.raises(OSError):
            SyslogSender("127.0.0.1", free_port()).send([b"x"])


def test_only_the_right_name_and_authority_are_talked_to(shown: Papers, tmp_path: Path) -> None:
    got: list[bytes] = []
    with peer(reading(got), shown) as port:
        for host, ca in (("localhost", papers(tmp_path).ca), ("localhost", None), ("127.0.0.2", shown.ca)):
            sender = SyslogSender(host, port, ssl.create_default_context(cafile=str(ca) if ca else None))
            with pytest.raises(OSError):
                sender.send([b"told to nobody"])
    assert b"told to nobody" not in b"".join(got)
    assert issubclass(Unconfirmed, OSError)
