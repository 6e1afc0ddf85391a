"""Clients that leave at every phase: recorded wherever there was a destination; nothing breaks or stays behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clients import trust
from harness.doubles import Doubles
from harness.faultclients import OPENAI, Raw, chat, head
from harness.faults import Faults
from harness.processes import until
from harness.weir import PROVIDER_HOSTS, write_policy

pytestmark = pytest.mark.xdist_group("faults-clients")  # one worker: its proxies are shared

TARGET = "/v1/chat/completions"
CONNECTIONS = 200
SPARE = 6  # descriptors that may come and go by themselves: log, spool, ingester's pipe, DNS


@pytest.fixture(scope="module")
def proxy(shared_doubles: Doubles) -> Iterator[Faults]:
    artefacts = Path(os.environ["WEIR_TEST_RUN"]) / "artefacts"
    folder = Path(tempfile.mkdtemp(prefix="faults-clients-", dir=artefacts))
    keys = {f"{kind.upper()}_API_KEY": key for kind, key in shared_doubles.keys.items()}
    proxy = Faults(
        folder,
        write_policy(folder / "policy.yaml", dlp__processes=0),
        shared_doubles,
        environment=keys,
        hosts=PROVIDER_HOSTS,
    )
    yield proxy
    proxy.weir.stop()


def key(proxy: Faults) -> dict[str, str]:
    return {"Authorization": f"Bearer {proxy.doubles.keys['openai']}"}


def exchanges(proxy: Faults) -> list[dict[str, Any]]:
    return [row for row in proxy.records() if row["kind"] not in ("config", "first_seen")]


def connected(proxy: Faults) -> Raw:
    raw = Raw(proxy.weir)
    assert raw.connect() == 200
    return raw


def in_handshake(proxy: Faults) -> Raw:
    import ssl

    raw = connected(proxy)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = trust(proxy.weir.ca).wrap_bio(incoming, outgoing, server_hostname=OPENAI)
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    raw.send(outgoing.read()[:60])
    return raw


def in_headers(proxy: Faults) -> Raw:
    raw = connected(proxy)
    raw.handshake()
    raw.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.ope")
    return raw


def in_body(proxy: Faults) -> Raw:
    raw = connected(proxy)
    raw.handshake()
    raw.send(head(None, OPENAI, TARGET, "POST", {"Content-Length": "5000", **key(proxy)}) + chat())
    return raw


def waiting(proxy: Faults) -> Raw:
    raw = connected(proxy)
    raw.handshake()
    body = chat()
    raw.send(head(body, OPENAI, TARGET, "POST", {"x-double": "hold=answer", **key(proxy)}) + body)
    until(lambda: proxy.doubles.waiting("answer"), "the request at the provider")
    return raw


def in_reply(proxy: Faults) -> Raw:
    raw = connected(proxy)
    raw.handshake()
    body = chat(stream=True)
    raw.send(head(body, OPENAI, TARGET, "POST", {"x-double": "gate=more", **key(proxy)}) + body)
    until(lambda: proxy.doubles.waiting("more"), "the first event of the reply")
    assert raw.sock.recv(15).startswith(b"HTTP/1.1 200")
    return raw


PHASES: dict[str, tuple[Callable[[Faults], Raw], str, int]] = {  # how far, the last record's kind, requests upstream
    "after CONNECT": (connected, "error", 0),
    "in the handshake": (in_handshake, "error", 0),
    "in the headers": (in_headers, "error", 0),
    "in the body": (in_body, "error", 0),
    "waiting for the reply": (waiting, "response", 1),
    "in the reply": (in_reply, "response", 1),
}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_a_client_that_leaves_is_recorded(proxy: Faults, phase: str, reset: bool) -> None:
    go, kind, upstream = PHASES[phase]
    proxy.begin()
    go(proxy).close(reset=reset)
    rows = until(lambda: [row for row in exchanges(proxy) if row["kind"] != "request"], "its last record")
    proxy.doubles.release("answer", "all")
    proxy.doubles.release("more", "all")
    assert rows[-1]["kind"] == kind and rows[-1]["host"] == OPENAI
    assert rows[-1].get("reason") or rows[-1].get("inspection_reason")
    assert len(proxy.doubles.requests()) == upstream
    assert len({row["exchange_id"] for row in exchanges(proxy)}) == 1
    if upstream:
        until(lambda: proxy.doubles.requests()[0].lost or proxy.doubles.requests()[0].ended, "the upstream's end")


def test_nothing_is_left_behind(proxy: Faults) -> None:
    """Descriptors return to where they were after many clients that left at all phases."""
    descriptors = Path(f"/proc/{proxy.weir.process.pid}/fd")

    def count() -> int:
        return len(list(descriptors.iterdir()))

    before = count()
    phases = [go for go, _, upstream in PHASES.values() if not upstream]
    for number in range(CONNECTIONS):
        if number % 20 == 19:
            proxy.begin()
            in_reply(proxy).close(reset=number % 40 == 39)
        else:
            phases[number % len(phases)](proxy).close(reset=number % 2 == 0)
    proxy.doubles.reset()
    until(lambda: count() <= before + SPARE, f"{before} descriptors again")


def test_it_ends_at_once_and_never_crashed(proxy: Faults) -> None:
    """No trace is left open: a drain that waited for one would say that it cuts it."""
    assert proxy.weir.process.running
    proxy.weir.stop(10)
    output = proxy.weir.process.output()
    for sign in ("crashed", "Traceback", "still running", "mitmproxy.proxy.server"):
        assert sign not in output, proxy.weir.process.tail()
