"""`--resolve` reads what curl reads and says what to write otherwise."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy import connection
from mitmproxy.proxy import server_hooks
from mitmproxy.test import tflow

from weir.edge.trace import link_of
from weir.edge.wire.resolve import Resolve, parse_resolve


@pytest.mark.parametrize(
    ("spec", "key", "target"),
    [
        ("api.openai.com:443:127.0.0.1:8443", ("api.openai.com", 443), ("127.0.0.1", 8443)),
        ("API.openai.com.:443:127.0.0.1", ("api.openai.com", 443), ("127.0.0.1", 443)),
        ("h:443:[::1]:8443", ("h", 443), ("::1", 8443)),
        ("h:443:[::1]", ("h", 443), ("::1", 443)),
        ("*:443:10.0.0.1:1", ("*", 443), ("10.0.0.1", 1)),
    ],
)
def test_reads(spec: str, key: tuple[str, int], target: tuple[str, int]) -> None:
    assert parse_resolve([spec]) == {key: target}


@pytest.mark.parametrize("spec", ["", "host", "host:443", "host:x:1.2.3.4:1", ":443:1.2.3.4:1", "h:99999:1.2.3.4:1"])
def test_says_what_to_write(spec: str) -> None:
    with pytest.raises(ValueError, match="write HOST:PORT:ADDR"):
        parse_resolve([spec])


def connecting(host: str, port: int = 443) -> server_hooks.ServerConnectionHookData:
    server = connection.Server(address=(host, port))
    client = tflow.tclient_conn()
    client.sni = None
    return server_hooks.ServerConnectionHookData(server=server, client=client)


@pytest.mark.parametrize(
    ("host", "port", "went"),
    [
        ("API.openai.com.", 443, ("127.0.0.1", 8443)),
        ("api.openai.com", 80, ("api.openai.com", 80)),
        ("other.example", 443, ("other.example", 443)),
        ("other.example", 8080, ("10.0.0.1", 1)),
    ],
)
def test_it_connects_elsewhere_and_says_nothing_of_it_afterwards(host: str, port: int, went: tuple[str, int]) -> None:
    addon = Resolve({("api.openai.com", 443): ("127.0.0.1", 8443), ("*", 8080): ("10.0.0.1", 1)})
    data = connecting(host, port)
    addon.server_connect(data)
    assert data.server.address == went
    assert data.server.sni == (host if went != (host, port) else None)  # the name that TLS verifies stays
    data.server.state = connection.ConnectionState.OPEN
    addon.server_connected(data)
    assert data.server.address == (host, port)  # connections are found for reuse by it
    assert addon._original == {}


def test_the_clients_sni_is_kept() -> None:
    data = connecting("192.0.2.7")
    data.client.sni = "api.openai.com"
    Resolve({("192.0.2.7", 443): ("127.0.0.1", 1)}).server_connect(data)
    assert data.server.sni == "api.openai.com"


def test_a_failed_connect_is_forgotten() -> None:
    addon = Resolve({("api.openai.com", 443): ("127.0.0.1", 8443)})
    data = connecting("api.openai.com")
    addon.server_connect(data)
    data.server.error = "connection refused"

    async def main() -> None:
        addon.server_connect_error(data)
        assert data.server.address == ("api.openai.com", 443)
        assert data.server.error  # those who wait for it now are told
        async with asyncio.timeout(60):
            while data.server.error:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    asyncio.run(main())
    assert data.server.error is None


def test_nothing_to_do_without_a_table_or_an_address() -> None:
    data = connecting("api.openai.com")
    Resolve({}).server_connect(data)
    assert data.server.sni is None
    data.server.address = None
    Resolve({("*", 443): ("127.0.0.1", 1)}).server_connect(data)
    assert data.server.address is None and not link_of(data.client).failed
