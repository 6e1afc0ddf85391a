"""``weir redirect``: lead traffic to weir in transparent mode by nftables, show what is in force, take it away."""

from __future__ import annotations

import ipaddress
import pwd
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from weir.cli.output import fail, note, write
from weir.redirect import NAME, Network, Plan, forwarding_off, quiet_ports, removal, rules, strangers

__all__ = ["app"]

app = typer.Typer(help="Lead traffic to weir in transparent mode, by nftables (Linux).", no_args_is_help=True)

_NFT_S = 30
_SWITCHES = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
_PROC = Path("/proc")
_NOT_THERE = "No such file or directory"
_FORBIDDEN = ("Operation not permitted", "must be root", "Permission denied")
_PORTS = re.compile(r"tcp dport != (?:\{ ([\d, ]+) \}|(\d+)) accept")
_SPARED = re.compile(r"meta skuid (\d+) return")


@app.command("up")
def up(
    ports: Annotated[str, typer.Option(help="Where the workers listen; they take turns. E.g. 8081,8082.")] = "8081",
    gateway: Annotated[bool, typer.Option("--gateway", help="What other machines send through this one.")] = False,
    host: Annotated[bool, typer.Option("--host", help="What this machine sends itself.")] = False,
    user: Annotated[str, typer.Option(help="With --host: whom weir runs as; its own traffic is left alone.")] = "weir",
    spared: Annotated[
        list[str] | None, typer.Option("--except", metavar="CIDR", help="Destinations left alone; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the rules and change nothing.")] = False,
) -> None:
    """Put the rules in place, in one step; those of an earlier `up` are replaced.

    TCP to ports 80 and 443 goes to the workers, and UDP 443 is rejected, so that QUIC falls back to TCP. Not this
    machine's own services, not what --except names. --gateway is the default; both forms go together. No kernel
    setting is changed.
    """
    try:
        numbers = tuple(int(word) for word in ports.split(","))
        plan = Plan(numbers, gateway or not host, _owner(user) if host else None, tuple(map(_network, spared or ())))
    except ValueError as error:
        why = str(error) if "invalid literal" not in str(error) else "ports are numbers, e.g. 8081,8082"
        raise fail("redirect", why, 2) from None
    text = rules(plan)
    if dry_run:
        write(text)
        return
    _nft(["-f", "-"], text)
    note(f"in force: table {NAME}")
    _warn(numbers, forwards=plan.gateway, owner=plan.owner)


@app.command("down")
def down(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done and change nothing.")] = False,
) -> None:
    """Take the rules away; nothing else is touched. Connections that were led to weir go on until they end."""
    if dry_run:
        write(removal())
        return
    if _nft(["list", "table", *NAME.split()], "", missing=True) is None:
        note(f"nothing to remove: there is no table {NAME}")
        return
    _nft(["-f", "-"], removal())
    note(f"gone: table {NAME}")


@app.command("show")
def show() -> None:
    """Print the rules in force. Exit code 1 when there are none."""
    found = _nft(["list", "table", *NAME.split()], "", missing=True)
    if found is None:
        raise fail("redirect", "nothing is redirected")
    write(found)
    named = _PORTS.search(found)
    if named:
        numbers = [int(word) for word in (named[1] or named[2]).split(",")]
        spared = _SPARED.search(found)
        _warn(numbers, forwards="hook forward" in found, owner=int(spared[1]) if spared else None)


def _owner(user: str) -> int:
    try:
        return int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
    except KeyError:
        raise ValueError(
            f"there is no user {user}; make it (useradd --system {user}), or say with --user whom weir runs as"
        ) from None


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"--except {text}: write a network, e.g. 10.0.0.0/8 or 2001:db8::/32") from None


def _nft(arguments: Sequence[str], text: str, *, missing: bool = False) -> str | None:
    """What nft prints; None when, with ``missing``, there is no such table. Ends the command when it fails."""
    try:
        done = subprocess.run(["nft", *arguments], input=text, capture_output=True, text=True, timeout=_NFT_S)
    except FileNotFoundError:
        raise fail("redirect", "nft is not installed; install the package nftables") from None
    except subprocess.TimeoutExpired:
        raise fail("redirect", f"nft did not answer in {_NFT_S} s; another nft may hold the lock") from None
    if done.returncode == 0:
        return done.stdout
    if any(word in done.stderr for word in _FORBIDDEN):
        raise fail("redirect", "only root may change or see the rules; run it with sudo")
    if missing and _NOT_THERE in done.stderr:
        return None
    said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
    raise fail("redirect", f"nft refused: {said}; nothing was changed")


def _warn(ports: Sequence[int], *, forwards: bool, owner: int | None) -> None:
    """Say what is not as it has to be for the rules to be of use."""
    tables = _read("net/tcp"), _read("net/tcp6")
    for port, uid in strangers(tables, ports, owner) if owner is not None else ():
        note(f"user {uid} listens on {port}, not {owner}: what it sends is led back to it in circles; --user names it")
    for port in quiet_ports(tables, ports, near=not forwards):
        whom, how = " for other machines" if forwards else "", f"weir run --mode transparent --listen :{port}"
        note(f"nobody listens on {port}{whom}: what is led there is refused ({how})")
    if forwards:
        names = {name: _read(f"sys/{name.replace('.', '/')}") for name in _SWITCHES}
        for line in forwarding_off(names):
            note(line)


def _read(name: str) -> str:
    try:
        return (_PROC / name).read_text()
    except OSError:
        return ""
