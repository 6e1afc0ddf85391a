"""A WebSocket on a restricted host: its opening has the header, its messages are nobody's to read."""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from e2e.raw import for_threads, open_line
from e2e.tenanthouse import OTHERS, Start, started
from harness.canary import CANARIES
from harness.doubles import Doubles
from weir.demo.tlsfiles import Authority

pytestmark = pytest.mark.xdist_group("tenants")

HOST = "mail.google.com:7443"
HEADER = "X-GoogApps-Allowed-Domains"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[int, Path, list[list[str]]]]:
    """A server that repeats what it hears: its port, its CA, and the header's values on each opening."""
    authority = Authority(tmp_path)
    seen: list[list[str]] = []

    def repeat(link: ServerConnection) -> None:
        assert link.request is not None
        seen.append(link.request.headers.get_all(HEADER))
        for message in link:
            link.send(message)

    listener = socket.create_server(("127.0.0.1", 0))
    port = int(listener.getsockname()[1])  # the server wraps it
    server = serve(repeat, sock=listener, ssl=for_threads(authority.listener(("http/1.1",))))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield port, authority.ca_path, seen
    server.shutdown()


def test_a_socket_gets_the_header_and_is_not_read(
    start_house: Start, doubles: Doubles, opened: tuple[int, Path, list[list[str]]]
) -> None:
    port, ca, seen = opened
    options = ["--resolve", f"{HOST}:127.0.0.1:{port}", "--upstream-ca", str(ca)]
    house = started(start_house, doubles, "enforce", {"google": ["example.com"]}, options)
    said = CANARIES.plant("Heron-" + secrets.token_hex(12), "a password in a socket to a sign-in provider")
    line = open_line(house.weir.url, HOST, house.weir.ca, threads=True)
    headers = [(HEADER, OTHERS), (HEADER.lower(), OTHERS)]
    with connect(f"ws://{HOST}/socket", sock=line.connection, proxy=None, additional_headers=headers) as link:
        link.send(said)
        assert link.recv(10) == said
    assert seen == [["example.com"]]
    row = house.only("response")
    assert row["inspection"] == "partial" and "bodies are not read" in row["inspection_reason"]
    assert row["req_bytes"] == len(said) and said not in json.dumps(house.weir.records())
