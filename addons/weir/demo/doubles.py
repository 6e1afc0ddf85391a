"""The doubles as one process: ``python -m weir.demo.doubles --dir DIR``.

It listens on loopback only, prints one JSON line when it is ready, and ends on SIGTERM or when its stdin ends:

    {"tls": 40001, "tls_h1": 40002, "plain": 40003, "control": 40004,
     "ca": "DIR/ca.pem", "keys": "DIR/keys.json", "pid": 1}     (on one line)

``tls`` offers HTTP/2 and HTTP/1.1, ``tls_h1`` HTTP/1.1 only. Keys come from the environment variable
``WEIR_DOUBLES_KEYS`` (a JSON object, kind to key) or are made new.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import h2.exceptions
import h11

from .control import Control
from .handler import Doubles
from .hosts import DOUBLES, keys_for
from .tlsfiles import Authority
from .wire import Connection, Handler
from .wire_h1 import Http1
from .wire_h2 import Http2

__all__ = ["main", "run"]

_LOOPBACK = "127.0.0.1"
_numbers = itertools.count(1)


async def _serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    handler: Handler,
    listed: deque[Connection] | None,
    authority: Authority,
) -> None:
    """Serve one accepted connection until it ends."""
    tls = writer.get_extra_info("ssl_object")
    sni = authority.name_of(tls.context) if tls else ""
    connection = Connection(next(_numbers), sni, (tls.selected_alpn_protocol() or "") if tls else "")
    if listed is not None:
        listed.append(connection)
    kind = Http2 if connection.alpn == "h2" else Http1
    try:
        await kind(reader, writer, connection).run(handler)
    except (ConnectionError, TimeoutError, h11.ProtocolError, h2.exceptions.ProtocolError):
        return  # the client's doing, and on record as a lost request
    finally:
        connection.open = False
        writer.close()


async def run(folder: Path, *, port: int = 0, hosts: dict[str, str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or the end of stdin; prints the ready line to stdout."""
    authority = Authority(folder)
    given = json.loads(os.environ.get("WEIR_DOUBLES_KEYS") or "{}")
    keys_path = keys_for(folder, given)
    doubles = Doubles(keys=json.loads(keys_path.read_bytes()), hosts=hosts or {})
    control = Control(doubles)
    stop = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(reader, writer, doubles, doubles.log.connections, authority)

    async def accept_control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(reader, writer, control, None, authority)

    both, only_h1 = authority.listener(("h2", "http/1.1")), authority.listener(("http/1.1",))
    servers = {
        "tls": await asyncio.start_server(accept, _LOOPBACK, port, ssl=both),
        "tls_h1": await asyncio.start_server(accept, _LOOPBACK, 0, ssl=only_h1),
        "plain": await asyncio.start_server(accept, _LOOPBACK, 0),
        "control": await asyncio.start_server(accept_control, _LOOPBACK, 0),
    }
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ready: dict[str, object] = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    ready |= {"ca": str(authority.ca_path), "keys": str(keys_path), "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    _watch_stdin(stop)
    await stop.wait()
    for server in servers.values():
        server.close()


def _watch_stdin(stop: asyncio.Event) -> None:
    """End with the parent: a killed test run must not leave doubles behind."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):  # not sys.stdin: its lock, held here, would abort the interpreter's exit
                continue
        with contextlib.suppress(RuntimeError):  # the loop has closed first
            loop.call_soon_threadsafe(stop.set)

    loop = asyncio.get_running_loop()
    threading.Thread(target=watch, daemon=True).start()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m weir.demo.doubles", description="Local doubles of AI providers.")
    parser.add_argument("--dir", type=Path, required=True, help="where ca.pem and keys.json are put")
    parser.add_argument("--port", type=int, default=0, help="TLS port, 0 for any")
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME=KIND", help=f"a host more; kinds: {', '.join(DOUBLES)}"
    )
    options = parser.parse_args(arguments)
    hosts = dict(item.partition("=")[::2] for item in options.host)
    if unknown := set(hosts.values()) - set(DOUBLES):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}; there are {', '.join(DOUBLES)}")
    asyncio.run(run(options.dir, port=options.port, hosts=hosts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
