"""Which interface leads back to a caller, asked of this machine's kernel, and which interfaces are WireGuard's."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from weir.identity import tunnels
from weir.identity.tunnels import interface_towards, through_wireguard


@pytest.mark.parametrize(
    ("caller", "ours"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.8.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("127.0.0.1", "198.51.100.7"),  # redirected: what it connected to is not an address of this machine
        ("127.0.0.1", "::1"),
    ],
)
def test_loopback_leads_back_over_loopback(caller: str, ours: str) -> None:
    assert interface_towards(caller, ours) == "lo"
    assert not through_wireguard(caller, ours)


@pytest.mark.parametrize("caller", ["", "no address", "127.0.0.1.5", "127.0.0.1\n"])
def test_what_is_no_address_leads_nowhere(caller: str) -> None:
    assert interface_towards(caller, "127.0.0.1") == ""
    assert not through_wireguard(caller, "127.0.0.1")


@pytest.mark.parametrize(
    ("uevent", "is_wireguard"),
    [
        ("DEVTYPE=wireguard\nINTERFACE=lo\nIFINDEX=1\n", True),
        ("INTERFACE=lo\nIFINDEX=1\n", False),
        ("DEVTYPE=wlan\nINTERFACE=DEVTYPE=wireguard\n", False),
        (None, False),
    ],
)
def test_an_interface_is_wireguards_when_the_kernel_says_so(
    uevent: str | None, is_wireguard: bool, tmp_path: Path
) -> None:
    if uevent is not None:
        (tmp_path / "lo").mkdir()
        (tmp_path / "lo" / "uevent").write_text(uevent)
    assert through_wireguard("127.0.0.1", "127.0.0.1", tmp_path) is is_wireguard


def test_no_name_for_an_interface_gets_out_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "interface_towards", lambda *_: "")
    (tmp_path / "uevent").write_text("DEVTYPE=wireguard\n")
    assert not through_wireguard("127.0.0.1", "127.0.0.1", tmp_path)


@pytest.mark.parametrize("error", [PermissionError("not here"), TimeoutError()])
def test_without_an_answer_nothing_is_believed(error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> socket.socket:
        raise error

    monkeypatch.setattr(tunnels.socket, "socket", refuses)
    assert interface_towards("127.0.0.1", "127.0.0.1") == ""
