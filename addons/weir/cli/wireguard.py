"""``weir wireguard``: peers that come in through WireGuard, each with a key and a port of its own."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from weir.cli.options import DATA, DataOption, FormatOption, need_data
from weir.cli.output import clean, fail, note, table, write, write_json

if TYPE_CHECKING:
    from weir.identity.tunnelpeers import TunnelPeer

__all__ = ["app"]

app = typer.Typer(help="Clients that come in through WireGuard.", no_args_is_help=True)
peer_app = typer.Typer(help="Who comes in: add, list, remove peers.", no_args_is_help=True)
app.add_typer(peer_app, name="peer")

_COLUMNS = ("name", "port", "user", "team", "app", "device", "added")
_ALL = ("0.0.0.0/0", "::/0")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The peer's name, e.g. ada-laptop.")]


@peer_app.command()
def add(
    name: NameArgument,
    data: DataOption = DATA,
    user: Annotated[str, typer.Option(help="Whom the peer stands for.")] = "",
    team: Annotated[str, typer.Option(help="The team it belongs to.")] = "",
    app: Annotated[str, typer.Option(help="The application, for a peer that no person uses.")] = "",
    device: Annotated[str, typer.Option(help="The device; NAME where nothing else is said.")] = "",
    endpoint: Annotated[
        str, typer.Option(metavar="HOST", help="Where the peer reaches weir; default: this machine's own address.")
    ] = "",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="UDP port of this peer; default: the next free.")
    ] = None,
    allowed: Annotated[
        list[str] | None,
        typer.Option("--allowed", metavar="CIDR", help="What the peer sends here; repeat it. Default: everything."),
    ] = None,
    public_key: Annotated[
        str, typer.Option(metavar="KEY", help="The peer's own public key: then no private one is made here.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it there, for its owner's eyes alone; default: print it."),
    ] = None,
    qr: Annotated[
        bool | None, typer.Option("--qr/--no-qr", help="A QR code for phones; default: on a terminal.")
    ] = None,
) -> None:
    """Make a peer and print its configuration. Its private key is in there, and is kept nowhere else.

    A weir that runs with --mode wireguard takes the peer in within seconds. Names are asked of weir inside of the
    tunnel; other datagrams are dropped there, so that HTTP/3 falls back to TCP.
    """
    from weir.addresses import network
    from weir.datadir import DataDir, DataDirError, write_private
    from weir.identity import tunnelpeers

    need_data("wireguard peer add", data)
    if out is not None and not (out.parent.is_dir() and os.access(out.parent, os.W_OK)):
        raise fail("wireguard peer add", f"--out {out}: there is no folder to write to", 2)
    device = device or ("" if user or team or app else name)
    private = "" if public_key else tunnelpeers.make_key()
    try:
        key = public_key or tunnelpeers.public_of(tunnelpeers.as_bytes(private))
        ranges = [str(network(one)) for one in allowed or _ALL]
        host = endpoint or _own_address()
        tunnelpeers.check_host(host)
        server = tunnelpeers.public_of(DataDir(data).secret("wireguard"))
        wanted = tunnelpeers.TunnelPeer(name, key, port or 0, 0, user, team, app, device)
        peer = tunnelpeers.add(tunnelpeers.peers_file(data), wanted)
        text = tunnelpeers.client_config(peer, private or "(the peer's own)", server, host, ranges)
    except tunnelpeers.PeersError as error:
        raise fail("wireguard peer add", str(error)) from None
    except ValueError as error:
        raise fail("wireguard peer add", f"--allowed: {error}", 2) from None
    except DataDirError as error:
        raise fail("wireguard peer add", str(error)) from None
    if out is None:
        write(text)
    else:
        write_private(out, text.encode())
    if private and (sys.stderr.isatty() if qr is None else qr):
        _show_code(text)
    note(f"{clean(name)}: {_stands_for(peer)}; comes in at UDP {host}:{peer.port}, to weir run --mode wireguard")
    if host.startswith("127.") and not endpoint:
        note("No other device reaches that address, and this machine has no other: make the peer anew with --endpoint.")
    if private:
        note("Its private key will not be shown again.")
        if out is None and _others_read(sys.stdout):
            note("The file that this went to may be read by others: chmod 600 it, or write it with --out FILE.")


@peer_app.command("list")
def list_peers(data: DataOption = DATA, format: FormatOption = "table") -> None:
    """The peers, their ports, and whom each stands for. Public keys only."""
    found = [_as_json(peer) for peer in _peers("wireguard peer list", data)]
    if format == "json":
        return write_json(found)
    return table(_COLUMNS, [[clean(row[column] or "-") for column in _COLUMNS] for row in found])


@peer_app.command()
def remove(name: NameArgument, data: DataOption = DATA) -> None:
    """Take a peer away: its key opens nothing any more, and what it has open ends within seconds."""
    from weir.identity import tunnelpeers

    need_data("wireguard peer remove", data)
    try:
        tunnelpeers.remove(tunnelpeers.peers_file(data), name)
    except tunnelpeers.PeersError as error:
        raise fail("wireguard peer remove", str(error)) from None
    note(f"{clean(name)} is removed")


def _peers(command: str, data: Path) -> tuple[TunnelPeer, ...]:
    from weir.identity import tunnelpeers

    need_data(command, data)
    try:
        return tunnelpeers.load(tunnelpeers.peers_file(data))
    except tunnelpeers.PeersError as error:
        raise fail(command, str(error)) from None


def _as_json(peer: TunnelPeer) -> dict[str, str | int | list[str]]:
    return {
        "name": peer.name,
        "port": peer.port,
        "addresses": list(peer.addresses),
        "user": peer.user,
        "team": peer.team,
        "app": peer.app,
        "device": peer.device,
        "added": peer.added,
        "key": peer.key,
    }


def _stands_for(peer: TunnelPeer) -> str:
    named = [f"{what} {clean(value)}" for what in ("user", "team", "app", "device") if (value := getattr(peer, what))]
    return ", ".join(named)


def _own_address() -> str:
    """The address that this machine sends from: nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _others_read(stream: TextIO) -> bool:
    """Whether what is printed goes to a file that others than its owner may read."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):  # no file at all
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o077)


def _show_code(text: str) -> None:
    import segno

    segno.make(text, error="l", micro=False).terminal(out=sys.stderr, border=2, compact=True)
