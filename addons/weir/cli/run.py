"""`weir run`: the proxy itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["run"]

LISTEN = "127.0.0.1:8080"


def default_policy() -> Path:
    """The policy shipped with weir: `policies/observe.yaml` of the checkout, or its copy inside the package."""
    from weir.places import policy_path

    return policy_path("observe")


def _split_listen(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise typer.BadParameter(f"{listen!r} is no address; write HOST:PORT, e.g. {LISTEN}")
    return host.strip("[]"), int(port)


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
    from weir import chain, settings
    from weir.datadir import DataDir
    from weir.edge.ingester import Ingester
    from weir.edge.proxy import quiet_logging
    from weir.edge.reload import Reload
    from weir.edge.resolve import parse_resolve
    from weir.edge.run import Ready, serve
    from weir.edge.tlsconfig import WeirTlsConfig

    quiet_logging()
    policy = policy or default_policy()
    try:
        table = parse_resolve(resolve or [])
        loaded = settings.load(policy)
        directory = DataDir(data)
        state = chain.build_state(loaded, directory, upstream_ca or [])
    except chain.UNUSABLE as error:
        typer.echo(f"weir: {error}", err=True)
        raise typer.Exit(2) from None
    if drain_s is not None:
        state.drain_s = drain_s

    async def main() -> int:
        first, rest = chain.chain(state, table)
        rest += [Ready(state, ready_file), Ingester(directory.path)]
        reload = Reload(state, policy, lambda: chain.build_snapshot(settings.load(policy), directory))
        return await serve(
            state, (first, rest), WeirTlsConfig(state), reload, modes=mode or ["regular"], host=host, port=port
        )

    raise typer.Exit(asyncio.run(main()))
