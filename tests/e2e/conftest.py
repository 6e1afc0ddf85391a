"""One proxy a worker for all tests that leave it as it was: its policy is ``enforce`` and every double is behind it."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.support import House, issue
from harness.doubles import Doubles
from harness.weir import Weir, write_policy

HOSTS = (
    "api.openai.com",
    "eu.api.openai.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "api.deepseek.com",
    "chat.deepseek.com",
    "inference.lab.example",
    "api.orders.example",
    "www.news.example",
    "api.stock.example",  # in no catalogue and not included: metered
)
INCLUDED = ["inference.lab.example", "api.orders.example", "www.news.example"]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def resolves(doubles: Doubles, flaky: int) -> list[str]:
    """Port 443 leads to HTTP/2, 8443 to HTTP/1.1 only, 80 to plain HTTP, 7443 to a port that a test may listen on."""
    ports = ((443, doubles.tls), (8443, doubles.tls_h1), (80, doubles.plain), (7443, flaky))
    return [word for host in HOSTS for port, to in ports for word in ("--resolve", f"{host}:{port}:127.0.0.1:{to}")]


@pytest.fixture(scope="session")
def shared_house(shared_doubles: Doubles) -> Iterator[House]:
    """The proxy of this worker."""
    artefacts = Path(os.environ["WEIR_TEST_RUN"]) / "artefacts"
    folder = Path(tempfile.mkdtemp(prefix="e2e-house-", dir=artefacts))
    flaky = _free_port()
    key = issue(folder / "data")
    weir = Weir(
        folder,
        write_policy(folder / "policy.yaml", "enforce", intercept__include=INCLUDED),
        shared_doubles,
        hosts=(),
        environment={f"{kind.upper()}_API_KEY": key for kind, key in shared_doubles.keys.items()},
        options=resolves(shared_doubles, flaky),
    )
    house = House(weir, shared_doubles, key, flaky)
    yield house
    weir.stop()


@pytest.fixture
def house(shared_house: House, doubles: Doubles) -> House:
    """The shared proxy, the doubles without memory of the test before, and the records from now on."""
    shared_house.begin()
    return shared_house
