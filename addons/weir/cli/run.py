"""`weir run`: the proxy itself."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weir.cli.output import fail
from weir.cli.running import running

if TYPE_CHECKING:
    from weir.datadir import DataDir
    from weir.edge.process.fleet.seat import Seat

__all__ = ["known", "run", "split_listen", "taken"]

LISTEN = "127.0.0.1:8080"
_OWN_SOCKETS = ("wireguard", "local", "dns", "tun")  # modes that take no TCP address, or are told one of their own
_TO_A_URL = ("upstream", "reverse")  # modes that are told where to
_MODES = ("regular", "socks5", "transparent", *_TO_A_URL, *_OWN_SOCKETS)


def default_policy() -> Path:
    """The policy shipped with weir: `policies/observe.yaml` of the checkout, or its copy inside the package."""
    from weir.places import policy_path

    return policy_path("observe")


def split_listen(listen: str) -> tuple[str, int]:
    """HOST:PORT as two. Raises typer.BadParameter."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise typer.BadParameter(f"{listen!r} is no address; write HOST:PORT, e.g. {LISTEN}")
    return host.strip("[]"), int(port)


def known(modes: Sequence[str]) -> list[str]:
    """The modes as they were given; told here, as mitmproxy would tell of one it doesn't know long after the start.

    Raises typer.BadParameter.
    """
    for mode in modes:
        word, _, rest = mode.partition("@")[0].partition(":")
        if word.lower() not in _MODES:
            from weir.fields import nearest

            guess = nearest(word, _MODES)
            raise typer.BadParameter(f"{mode!r} is no mode; write {guess or 'one of ' + ', '.join(_MODES)}")
        if word.lower() in _TO_A_URL and not rest:
            raise typer.BadParameter(f"{mode!r} needs to know where to; write {word}:URL")
    return list(modes)


def taken(modes: Sequence[str], host: str, port: int) -> str:
    """Why nobody can listen there, in a few words; empty when it can be done."""
    if all("@" in mode or mode.startswith(_OWN_SOCKETS) for mode in modes):
        return ""
    try:
        places = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, _, _, address in places:
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
    except OSError as error:
        if not host and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return ""  # one of the two families is not there; the other will do
        return error.strerror or type(error).__name__
    return ""


def _refuse_taken(modes: Sequence[str], host: str, port: int, data: Path) -> None:
    """End the command when nobody can listen there; says so when it is the weir of ``data`` that does."""
    problem = taken(modes, host, port)
    if problem:
        other = running(data)
        who = f"weir, process {other.pid}, does" if other and other.answers_at(host, port) else problem
        raise fail("run", f"cannot listen on {host}:{port} ({who}); choose another address with --listen")


def _bound(health: str, data: DataDir, seat: Seat | None) -> socket.socket:
    """The socket of the listener for weir's health: who starts weir learns at once that it can't be had."""
    from weir.edge.health.place import tcp, unix

    try:
        if seat is not None:
            return unix(data.run / f"health-{seat.number}.sock")  # the parent asks there
        return tcp(*split_listen(health))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise fail("run", f"cannot listen on {health} ({why}); choose another address with --health", 2) from None


def _look_first(policy: Path, data: Path, upstream_cas: Sequence[Path]) -> None:
    """Everything that can be refused before anything is made. Raises what ``chain.UNUSABLE`` names."""
    from weir import settings
    from weir.cli.beside import refused
    from weir.tls.trust import merged_bundle

    mistakes = refused(settings.load(policy))
    if mistakes:
        raise settings.PolicyError(mistakes)
    if upstream_cas and not data.exists():
        with tempfile.TemporaryDirectory() as folder:
            merged_bundle(Path(folder) / "roots.pem", upstream_cas)


def run(
    context: typer.Context,
    policy: Annotated[Path | None, typer.Option(help="Policy file; default: policies/observe.yaml.")] = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 takes a free one.")] = LISTEN,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            help="regular (the default), socks5, upstream:URL, transparent, wireguard, reverse:URL; may be repeated."
        ),
    ] = None,
    data: Annotated[Path, typer.Option(help="Directory for CA, keys, spool and audit.")] = Path("data"),
    resolve: Annotated[
        list[str] | None, typer.Option(help="HOST:PORT:ADDR[:PORT], connect there instead, as curl does.")
    ] = None,
    upstream_ca: Annotated[
        list[Path] | None, typer.Option(help="PEM file with CAs to trust upstream besides the public ones.")
    ] = None,
    drain_s: Annotated[
        float | None,
        typer.Option(help="Seconds that running exchanges get at shutdown; default: limits.drain_s of the policy."),
    ] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Write a JSON file here once weir listens.")] = None,
    health: Annotated[
        str | None, typer.Option(help="HOST:PORT for /healthz, /readyz and /metrics; nowhere by default.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Proxy processes behind the one address.")] = 1,
    seat: Annotated[str | None, typer.Option(hidden=True, help="What weir tells the workers that it starts.")] = None,
) -> None:
    """Run the proxy until SIGTERM; SIGHUP or a changed file reloads the policy.

    With several workers a process that dies is replaced, and `weir restart` restarts them one after the other.
    """
    host, port = split_listen(listen)
    modes = known(mode or ["regular"])
    if os.environ.pop("SSLKEYLOGFILE", None) or os.environ.pop("MITMPROXY_SSLKEYLOGFILE", None):
        typer.echo("weir: SSLKEYLOGFILE is ignored: it would hold the keys of every decrypted connection", err=True)
    if workers > 1 and seat is None:
        from weir.cli.fleet import lead

        raise typer.Exit(lead(context, data, policy or default_policy(), modes, (host, port), workers))
    from weir.edge.process.allocator import frugal

    frugal()  # before there are threads
    arguments = (data, resolve or [], upstream_ca or [], drain_s, ready_file, health, seat)
    raise typer.Exit(_work(policy or default_policy(), modes, host, port, *arguments))


def _work(
    policy: Path,
    modes: list[str],
    host: str,
    port: int,
    data: Path,
    resolve: list[str],
    upstream_ca: list[Path],
    drain_s: float | None,
    ready_file: Path | None,
    health: str | None,
    seat: str | None,
) -> int:
    """Be the proxy, the only one or one of several; the exit code."""
    from weir.lean import lean, uncollected

    lean("mitmproxy.addons")
    with uncollected():
        from weir import chain, settings
        from weir.datadir import DataDir
        from weir.edge.process.dumps import forbid_dumps
        from weir.edge.process.fleet.seat import Seat
        from weir.edge.process.fleet.seated import Seated
        from weir.edge.process.ingester import Ingester
        from weir.edge.process.proxy import quiet_logging
        from weir.edge.process.ready import Ready
        from weir.edge.process.reload import Reload
        from weir.edge.process.run import serve
        from weir.edge.process.stops import to_the_end
        from weir.edge.wire.resolve import parse_resolve
        from weir.edge.wire.tlsconfig import WeirTlsConfig
        from weir.edge.wire.tunnels import Tunnels

    quiet_logging()
    forbid_dumps()
    try:
        table = parse_resolve(resolve)
        _look_first(policy, data, upstream_ca)
        own = Seat.take(seat) if seat is not None else None
        if own is None:
            _refuse_taken(modes, host, port, data)
        directory = DataDir(data)
        directory.worker = 0 if own is None else own.number
        asked_at = _bound(health, directory, own) if health else None
        with uncollected():
            state = chain.build_state(settings.load(policy), directory, upstream_ca)
        modes = (tunnels := Tunnels(state, modes, host)).modes()
    except chain.UNUSABLE as error:
        lines = str(error).splitlines()
        for line in lines[:-1]:
            fail("run", line, 2)
        raise fail("run", lines[-1], 2) from None
    state.seat = own
    if drain_s is not None:
        state.drain_s = drain_s

    async def main() -> int:
        first, rest = chain.chain(state, table)
        rest.append(tunnels)
        ingester = Ingester(directory.path, policy) if own is None else None
        rest += [Ready(state, ready_file), ingester] if ingester else [Seated(state, own)] if own else []
        reload = Reload(state, policy, lambda: chain.rebuild(state, settings.load(policy)))
        if asked_at is not None:
            from weir.edge.health.listener import Health

            rest.append(Health(state, asked_at, reload=reload, ingester=ingester))
        return await serve(state, (first, rest), WeirTlsConfig(state), reload, modes=modes, host=host, port=port)

    return to_the_end(main())
