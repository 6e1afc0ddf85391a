"""What is not decrypted passes untouched, and is on record all the same; and what policy says about which is which."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e.raw import Line, dial, drip, secure, serving
from e2e.support import House
from harness.clients import trust
from harness.doubles import Doubles
from weir.demo.tlsfiles import Authority

pytestmark = pytest.mark.xdist_group("metered")

STOCK = "api.stock.example"
REQUEST = f"POST /v1/count HTTP/1.1\r\nHost: {STOCK}\r\nContent-Length: 70000\r\n\r\n".encode() + b"x" * 70_000


class Counted:
    """A socket that counts what passes, TLS records included."""

    def __init__(self, inner: socket.socket, context: ssl.SSLContext, sni: str) -> None:
        self.inner, self.up, self.down = inner, 0, 0
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=sni)
        self._until_done(self.tls.do_handshake)

    def _until_done(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                result = step()
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                data = self.inner.recv(65536)
                self.down += len(data)
                self._in.write(data)

    def _flush(self) -> None:
        data = self._out.read()
        self.up += len(data)
        self.inner.sendall(data)

    def exchange(self, request: bytes) -> bytes:
        """Send a request and read what comes back first."""
        self._until_done(lambda: self.tls.write(request))
        return bytes(self._until_done(lambda: self.tls.read(65536)))

    def issuer(self) -> str:
        """Whose certificate the other side showed."""
        parts = (self.tls.getpeercert() or {}).get("issuer", ())
        return next(value for part in parts for name, value in part if name == "commonName")


def test_bytes_and_time_are_counted(house: House) -> None:
    plain = dial(house.weir.url, f"{STOCK}:443")
    line = Counted(plain, trust(house.doubles.ca), STOCK)  # trusts the origin alone
    assert line.issuer() == "weir provider doubles CA"
    assert line.exchange(REQUEST).startswith(b"HTTP/1.1 200")
    (first,) = house.until(1, "request")
    assert (first["inspection"], first["host"]) == ("metered", STOCK)
    assert house.records("meter") == [], "the last record comes when the connection has ended"
    plain.shutdown(socket.SHUT_WR)
    while data := plain.recv(65536):
        line.down += len(data)
    plain.close()
    last = house.only("meter")
    assert (last["req_bytes"], last["resp_bytes"]) == (line.up, line.down)
    assert last["exchange_id"] == first["exchange_id"] and last["duration_us"] > 0
    assert last["inspection_reason"] == "uncatalogued"
    row = house.weir.sql(
        "select kind, inspection, host, req_bytes, resp_bytes, duration_us > 0 from exchanges "
        "where exchange_id = ? and kind = 'meter'",
        [first["exchange_id"]],
    )
    assert row == [("meter", "metered", STOCK, line.up, line.down, True)]


def speak(link: ssl.SSLSocket) -> None:
    """Answer one request as a model does: an event of a word or two at a time, never quite evenly."""
    with link:
        while link.recv(65536).find(b"}") < 0:
            pass
        for number in range(60):
            link.sendall(b'data: {"delta": "' + b"word " * (4 + number % 3) + b'"}\n\n')
            time.sleep(0.015 + 0.04 * (number % 3))


def test_a_model_that_speaks_undecrypted_leaves_a_hint_and_no_more(house: House, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.listener(("http/1.1",))
    asked = b"POST /x HTTP/1.1\r\n\r\n" + b'{"q": "' + b"z" * 600 + b'"}'
    with (
        serving(house.flaky, lambda link: speak(context.wrap_socket(link, server_side=True))),
        secure(dial(house.weir.url, f"{STOCK}:7443"), STOCK, trust(authority.ca_path)) as line,
    ):
        line.sendall(asked)
        while line.recv(65536):
            pass
    last = house.only("meter")
    assert "small pieces" in json.loads(last["extra"])["hint"]
    assert (last["inspection"], last["inspection_reason"], last.get("service")) == ("metered", "uncatalogued", None)
    assert not [row for row in house.weir.records() if row["kind"] == "first_seen" and row["host"] == STOCK]


def test_a_hello_in_single_bytes_is_metered_too(house: House) -> None:
    plain = dial(house.weir.url, f"{STOCK}:443")
    drip(plain, STOCK, trust(house.doubles.ca))
    plain.close()
    assert house.only("meter")["host"] == STOCK


def test_bytes_that_are_no_tls_are_metered_on_hosts_nobody_watches(house: House) -> None:
    with Line(dial(house.weir.url, f"{STOCK}:443")) as line:
        line.send(b"SSH-2.0-OpenSSH_9.9\r\n")
        line.connection.shutdown(socket.SHUT_WR)
        line.rest()
    last = house.only("meter")
    assert (last["host"], last["inspection"], last["req_bytes"]) == (STOCK, "metered", 21)


def test_plain_http_is_read_without_any_certificate(house: House) -> None:
    parts = urlsplit(house.weir.url)
    with Line(socket.create_connection((parts.hostname or "", parts.port or 0), 20)) as line:
        line.send(f"GET http://{STOCK}/v1/count HTTP/1.1\r\nHost: {STOCK}\r\n\r\n".encode())
        assert line.reply().status == 200
    record = house.only("response")
    assert (record["host"], record["port"], record["http_status"]) == (STOCK, 80, 200)


SCOPES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "all": ({"scope": "all"}, {"api.openai.com", STOCK, "www.news.example"}),
    "a full sample": ({"sample": "100%"}, {"api.openai.com", STOCK, "www.news.example"}),
    "included": ({"include": ["*.stock.example"]}, {"api.openai.com", STOCK}),
    "excluded": ({"scope": "all", "exclude": [STOCK, "api.openai.com"]}, {"www.news.example"}),
    "excluded though included": ({"include": [STOCK], "exclude": ["*.stock.example"]}, {"api.openai.com"}),
}


def issuer(house: House, host: str) -> str:
    """Who signed the certificate that a client gets for ``host``."""
    context = trust(house.doubles.ca)
    context.load_verify_locations(house.weir.ca)
    with secure(dial(house.weir.url, f"{host}:443"), host, context) as line:
        parts = (line.getpeercert() or {}).get("issuer", ())
        return next(str(value) for part in parts for name, value in part if name == "commonName")


def test_what_is_decrypted_is_policy_even_while_running(house: House) -> None:
    """One proxy, one reload a scope: each takes effect on the next connection."""
    import yaml

    policy = yaml.safe_load(house.weir.policy.read_text())
    for name, (intercept, decrypted) in SCOPES.items():
        policy["intercept"] = intercept
        house.begin()
        house.weir.policy.write_text(yaml.safe_dump(policy))
        house.weir.reload()
        house.weir.until_records(
            lambda rows: any(row["kind"] == "config" and row["exchange_id"] not in house.before for row in rows),
            f"scope {name}",
        )
        found = {
            host
            for host in ("api.openai.com", STOCK, "www.news.example")
            if issuer(house, host) != "weir provider doubles CA"
        }
        assert found == decrypted, name


@pytest.fixture(scope="module")
def own_house(start_module_house: Callable[..., House]) -> House:
    return start_module_house(key=False)


@pytest.fixture
def house(own_house: House, doubles: Doubles) -> House:
    own_house.begin()
    return own_house
