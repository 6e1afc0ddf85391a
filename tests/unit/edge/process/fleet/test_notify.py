"""What systemd is told."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from weir.edge.process.fleet.notify import notify


def test_it_is_sent_to_who_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1"), "nobody asked"
    monkeypatch.chdir(tmp_path)
    for address in (str(tmp_path / "n"), "@weir-notify-test"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.bind("\0" + address[1:] if address.startswith("@") else address)
            monkeypatch.setenv("NOTIFY_SOCKET", address)
            assert notify("READY=1") and line.recv(100) == b"READY=1"
    assert not notify("READY=1"), "it is gone"
    monkeypatch.setenv("NOTIFY_SOCKET", "vsock:2:1")
    assert not notify("READY=1")
