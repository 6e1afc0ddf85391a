"""WebSockets to AI hosts: nobody reads them yet, so they are refused or passed as policy says, and always recorded."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from e2e.raw import open_line
from e2e.support import House
from weir.demo.tlsfiles import Authority

pytestmark = pytest.mark.xdist_group("websocket")

SAID = "How high is the river?"


def echo(link: ServerConnection) -> None:
    """Say everything twice."""
    with contextlib.suppress(ConnectionError):
        for message in link:
            link.send(message)
            link.send(message)


def talk(house: House) -> list[str]:
    """One WebSocket to the provider: what comes back."""
    line = open_line(house.weir.url, "api.openai.com:7443", house.weir.ca)
    with connect("ws://api.openai.com:7443/v1/realtime?model=gpt-realtime", sock=line.connection, proxy=None) as link:
        link.send(SAID)
        return [str(link.recv(10)), str(link.recv(10))]


def test_it_passes_where_nothing_is_refused_and_is_recorded(start_house: Callable[..., House], tmp_path: Path) -> None:
    import threading

    authority = Authority(tmp_path)
    house = start_house("observe", key=False, options=["--upstream-ca", str(authority.ca_path)])
    listener = socket.create_server(("127.0.0.1", house.flaky))
    with serve(echo, sock=listener, ssl=authority.listener(("http/1.1",))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert talk(house) == [SAID, SAID]
        server.shutdown()
    record = house.only("response")
    assert (record["inspection"], record["inspection_reason"], record["operation"]) == (
        "unparsed", "websocket", "realtime"
    )  # fmt: skip
    assert (record["http_status"], record["req_bytes"], record["resp_bytes"]) == (101, len(SAID), 2 * len(SAID))
