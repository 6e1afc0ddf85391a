"""What fails below the hooks: layers, certificates, records that can't be made, detectors that take too long."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.doubles import Doubles
from harness.faultclients import Outcome, ask, chat
from harness.faults import Faults
from harness.processes import until
from harness.weir import PROVIDER_HOSTS, write_policy

pytestmark = pytest.mark.xdist_group("faults-inner")  # one worker: its proxies are shared

DLP_TIMEOUT_MS = 200
LONG = "How are you? " * 3500  # more than is looked at on the event loop


def start(base: str, doubles: Doubles) -> Faults:
    artefacts = Path(os.environ["WEIR_TEST_RUN"]) / "artefacts"
    folder = Path(tempfile.mkdtemp(prefix=f"faults-inner-{base}-", dir=artefacts))
    policy = write_policy(folder / "policy.yaml", base, dlp={"timeout_ms": DLP_TIMEOUT_MS})
    keys = {f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()}
    return Faults(folder, policy, doubles, environment=keys, hosts=PROVIDER_HOSTS)


@pytest.fixture(scope="module")
def enforcing(shared_doubles: Doubles) -> Iterator[Faults]:
    proxy = start("enforce", shared_doubles)
    yield proxy
    proxy.weir.stop()


@pytest.fixture(scope="module")
def observing(shared_doubles: Doubles) -> Iterator[Faults]:
    proxy = start("observe", shared_doubles)
    yield proxy
    proxy.weir.stop()


def talk(proxy: Faults, text: str = "How are you?") -> Outcome:
    return ask(proxy.weir, chat(text), authorization=f"Bearer {proxy.doubles.keys['openai']}")


@pytest.mark.parametrize("where", ["nextlayer.next_layer", "tlsconfig.tls_start_client"])
def test_without_a_layer_or_a_certificate_the_connection_ends(enforcing: Faults, where: str) -> None:
    with enforcing.armed(where):
        outcome = talk(enforcing)
        assert outcome.cut and outcome.status == 0
        record = enforcing.naming(f"{where}: RuntimeError")
    assert enforcing.doubles.requests() == []
    assert record["inspection"] == "failed"


def test_tls_towards_the_provider_fails(enforcing: Faults, observing: Faults) -> None:
    for proxy, status in ((enforcing, 503), (observing, 502)):
        with proxy.armed("tlsconfig.tls_start_server"):
            assert talk(proxy).status == status
            proxy.naming("tlsconfig.tls_start_server: RuntimeError")
        assert proxy.doubles.requests() == []


def test_no_trace_no_exchange(enforcing: Faults, observing: Faults) -> None:
    """What can't be traced can't be recorded as it passes, so it doesn't pass even where failures are let through."""
    for proxy in (enforcing, observing):
        with proxy.armed("state.trace"):
            assert talk(proxy).status == 503
            record = proxy.naming("begin.requestheaders: RuntimeError")
        assert proxy.doubles.requests() == []
        assert (record["kind"], record["action"], record["http_status"]) == ("block", "block", 503)


def test_a_request_record_that_cannot_be_made(enforcing: Faults, observing: Faults) -> None:
    with enforcing.armed("records.request_record"):
        assert talk(enforcing).status == 503
        record = enforcing.naming("audit.request: RuntimeError")
    assert enforcing.doubles.requests() == []
    assert (record["kind"], record["action"]) == ("block", "block")

    with observing.armed("records.request_record"):
        assert talk(observing).status == 200
        record = observing.naming("audit.request: RuntimeError")
        until(lambda: any(row["kind"] == "response" for row in observing.records()), "the reply's record")
    assert (record["kind"], record["action"]) == ("error", "allow")
    assert {row["exchange_id"] for row in observing.records()} == {record["exchange_id"]}


def test_a_reply_record_that_cannot_be_made(enforcing: Faults) -> None:
    with enforcing.armed("records.reply_record"):
        assert talk(enforcing).status == 200
        record = enforcing.naming("audit.response: RuntimeError")
    assert (record["kind"], record["inspection"]) == ("error", "failed")
    assert [row["kind"] for row in enforcing.records()] == ["request", "error"]
    assert len({row["exchange_id"] for row in enforcing.records()}) == 1


def test_a_reader_that_fails_cuts_the_reply_or_lets_it_through(enforcing: Faults, observing: Faults) -> None:
    with enforcing.armed("pipe.feed"):
        outcome = talk(enforcing)
        assert outcome.cut and outcome.body == b""
        enforcing.naming("providers.response_chunk: RuntimeError")
    with observing.armed("pipe.feed"):
        outcome = talk(observing)
        assert outcome.status == 200 and outcome.body == observing.doubles.only().sent
        record = observing.naming("providers.response_chunk: RuntimeError")
    assert (record["kind"], record["action"]) == ("response", "allow")


def test_detectors_that_take_too_long(enforcing: Faults, observing: Faults) -> None:
    """Refused or recorded as failed, and the next request finds the workers at work again."""
    with enforcing.armed("engine.scan", "sleep"):
        assert talk(enforcing, LONG).status == 503
        record = enforcing.naming("dlp.request: WorkersTimeout")
    assert enforcing.doubles.requests() == []
    assert (record["kind"], record["inspection"]) == ("block", "failed")
    enforcing.begin()
    assert until(lambda: talk(enforcing, LONG).status == 200, "the workers' recovery")

    with observing.armed("engine.scan", "sleep"):
        assert talk(observing, LONG).status == 200
        record = observing.naming("dlp.request: WorkersTimeout")
    assert len(observing.doubles.requests()) == 1
    assert record["inspection"] == "failed"


def test_detectors_that_all_hang_at_once(enforcing: Faults) -> None:
    """More requests than workers: every one is refused in its time, none is forwarded, and afterwards all is well."""
    with enforcing.armed("engine.scan", "sleep"), ThreadPoolExecutor(12) as clients:
        statuses = [
            outcome.status for outcome in clients.map(lambda number: talk(enforcing, f"{number} {LONG}"), range(12))
        ]
    assert set(statuses) == {503}
    assert enforcing.doubles.requests() == []
    assert until(lambda: talk(enforcing, LONG).status == 200, "the workers' recovery")


def test_a_drain_that_fails_still_writes_the_audit(shared_doubles: Doubles) -> None:
    proxy = start("observe", shared_doubles)
    with proxy.armed("drain.done"):
        assert talk(proxy).status == 200
        proxy.weir.stop()
    assert proxy.fired()
    assert [row["kind"] for row in proxy.records() if row["kind"] not in ("config", "first_seen")] == [
        "request",
        "response",
    ]


def test_nothing_was_quoted(enforcing: Faults, observing: Faults) -> None:
    for proxy in (enforcing, observing):
        assert "crashed" not in proxy.weir.process.output()
        assert "Traceback" not in proxy.weir.process.output()
