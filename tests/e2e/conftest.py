"""One proxy a worker for all tests that leave it as it was: its policy is ``enforce`` and every double is behind it."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from e2e.support import House, Stored, issue
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


@contextlib.contextmanager
def _houses(doubles: Doubles, **defaults: Any) -> Iterator[Callable[..., House]]:
    """Start proxies with every double behind them; all are stopped at the end. ``defaults`` change every policy."""
    artefacts = Path(os.environ["WEIR_TEST_RUN"]) / "artefacts"
    started: list[Weir] = []

    def start(
        base: str = "enforce",
        *,
        key: bool = True,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        prepare: Callable[[Path], Mapping[str, Any]] | None = None,
        program: Sequence[str] = ("-m", "weir.cli"),
        **changes: Any,
    ) -> House:
        folder = Path(tempfile.mkdtemp(prefix="e2e-house-", dir=artefacts))
        flaky = _free_port()
        made = issue(folder / "data") if key else ""
        changes |= prepare(folder) if prepare else {}
        changes = {name: value for name, value in defaults.items() if name.partition("__")[0] not in changes} | changes
        weir = Weir(
            folder,
            write_policy(folder / "policy.yaml", base, **changes),
            doubles,
            hosts=(),
            environment={f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()} | (environment or {}),
            options=[*resolves(doubles, flaky), *options],
            program=program,
        )
        started.append(weir)
        weir.until_records(lambda rows: any(row["kind"] == "config" for row in rows), "the record of its start")
        return House(weir, doubles, made, flaky)

    yield start
    for weir in started:
        weir.stop()


@pytest.fixture(scope="session")
def shared_house(shared_doubles: Doubles) -> Iterator[House]:
    """The proxy of this worker."""
    with _houses(shared_doubles) as start:
        yield start(intercept__include=INCLUDED, options=("--health", "127.0.0.1:0"))


@pytest.fixture
def house(shared_house: House, doubles: Doubles) -> House:
    """The shared proxy, the doubles without memory of the test before, and the records from now on."""
    shared_house.begin()
    return shared_house


@pytest.fixture(scope="module")
def stored(shared_house: House) -> Iterator[Stored]:
    """Takes a question about exchanges of the shared proxy, what is put into it, and the rows to come. All are asked
    after the last test: what has just come in is in the store a second later, for which each would have to wait."""
    wanted: list[tuple[str, Any, list[tuple[Any, ...]]]] = []
    yield lambda *one: wanted.append(one)
    for text, given, rows in wanted:
        assert shared_house.weir.sql(text, [given], rows=len(rows)) == rows


@pytest.fixture(scope="module")
def start_module_house(shared_doubles: Doubles) -> Iterator[Callable[..., House]]:
    """Start a proxy for one module: ``start(base="enforce", key=True, options=(), **changes of the policy)``.

    ``prepare`` is given the proxy's folder before it starts and returns more changes.
    """
    with _houses(shared_doubles, dlp__processes=0) as start:
        yield start


@pytest.fixture
def start_house(doubles: Doubles) -> Iterator[Callable[..., House]]:
    """The same for one test; long texts are scanned in threads, as processes take as long to start as weir itself."""
    with _houses(doubles, dlp__processes=0) as start:
        yield start
