"""`weir run`: the proxy itself."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from weir.cli.output import fail
from weir.cli.running import running

__all__ = ["run"]

LISTEN = "127.0.0.1:8080"
_OWN_SOCKETS = ("wireguard", "local", "dns", "tun")  # modes that take no TCP address, or are told one of their own


def default_policy() -> Path:
    """The policy shipped with weir: `policies/observe.yaml` of the checkout, or its copy inside the package."""
    from weir.places import policy_path

    return policy_path("observe")


def _split_listen(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise typer.BadParameter(f"{listen!r} is no address; write HOST:PORT, e.g. {LISTEN}")
    return host.strip("[]"), int(port)


def _taken(modes: Sequence[str], host: str, port: int) -> str:
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
    policy: Annotated[Path | None, typer.Option(help="Policy file; default: policies/observe.yaml.")] = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 takes a free one.")] = LISTEN,
    mode: Annotated[
        list[str] | None,
        typer.Option(help="regular, socks5, upstream:URL, transparent, wireguard, reverse:URL; may be repeated."),
    ] = None,
    data: Annotated[Path, typer.Option(help="Directory for CA, keys, spool and audit.")] = Path("data"),
    resolve: Annotated[
        list[str] | None, typer.Option(help="HOST:PORT:ADDR[:PORT], connect there instead, as curl does.")
    ] = None,
    upstream_ca: Annotated[
        list[Path] | None, typer.Option(help="PEM file with CAs to trust upstream besides the public ones.")
    ] = None,
    drain_s: Annotated[float | None, typer.Option(help="Seconds that running exchanges get at shutdown.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Write a JSON file here once weir listens.")] = None,
) -> None:
    """Run the proxy until SIGTERM; SIGHUP or a changed file reloads the policy."""
    host, port = _split_listen(listen)
    if os.environ.pop("SSLKEYLOGFILE", None) or os.environ.pop("MITMPROXY_SSLKEYLOGFILE", None):
        typer.echo("weir: SSLKEYLOGFILE is ignored: it would hold the keys of every decrypted connection", err=True)
    import asyncio

    from weir.lean import lean, uncollected

    lean("mitmproxy.addons")
    with uncollected():
        from weir import chain, settings
        from weir.datadir import DataDir
        from weir.edge.process.dumps import forbid_dumps
        from weir.edge.process.ingester import Ingester
        from weir.edge.process.proxy import quiet_logging
        from weir.edge.process.reload import Reload
        from weir.edge.process.run import Ready, serve
        from weir.edge.wire.resolve import parse_resolve
        from weir.edge.wire.tlsconfig import WeirTlsConfig

    quiet_logging()
    forbid_dumps()
    policy, modes = policy or default_policy(), mode or ["regular"]
    try:
        table = parse_resolve(resolve or [])
        _look_first(policy, data, upstream_ca or [])
        problem = _taken(modes, host, port)
        if problem:
            other = running(data)
            who = f"weir, process {other.pid}, does" if other and other.answers_at(host, port) else problem
            raise fail("run", f"cannot listen on {listen} ({who}); choose another address with --listen")
        directory = DataDir(data)
        with uncollected():
            state = chain.build_state(settings.load(policy), directory, upstream_ca or [])
    except chain.UNUSABLE as error:
        lines = str(error).splitlines()
        for line in lines[:-1]:
            fail("run", line, 2)
        raise fail("run", lines[-1], 2) from None
    if drain_s is not None:
        state.drain_s = drain_s

    async def main() -> int:
        first, rest = chain.chain(state, table)
        rest += [Ready(state, ready_file), Ingester(directory.path, policy)]
        reload = Reload(state, policy, lambda: chain.rebuild(state, settings.load(policy)))
        return await serve(state, (first, rest), WeirTlsConfig(state), reload, modes=modes, host=host, port=port)

    raise typer.Exit(asyncio.run(main()))
