"""Exports into receivers that are not ours: rsyslog with TLS, and an OTLP receiver that parses with protobuf.

OTLP's own collector is a program in Go that no package here has; ``oteltest`` is the receiver of OpenTelemetry's Python
people. Splunk has a double, in tests/unit/cli/audit/test_export.py.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.support import chat_body
from harness.clients import client
from harness.doubles import Doubles
from harness.processes import Process, until
from harness.receivers import Papers, free_port, papers, rsyslog
from harness.weir import PROVIDER_HOSTS, Weir, write_policy
from unit.audit.exports.rows import VALUES
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.writer import Spool

COUNTED = re.compile(rb'meta sequenceId="(\d+)"')


def export(folder: Path, data: Path, *arguments: object, name: str = "export") -> Process:
    """``weir audit export`` as a process."""
    command = ["-m", "weir.cli", "audit", "export", *map(str, arguments), "--data", str(data)]
    return Process(name, command, folder)


def messages(path: Path) -> list[dict[str, Any]]:
    """The rows in a file of raw syslog messages with JSON inside, each where it came first."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    rows = [json.loads(line[line.index(b"] {") + 2 :]) for line in lines]
    found = {(row["boot_id"], row["seq"]): row for row in rows}
    return list(found.values())


def spooled(data: Path, count: int, boot: str = "b1") -> Spool:
    """A spool in which so many records are, still open."""
    data.mkdir(mode=0o700, exist_ok=True)
    spool = Spool(data / "spool", "weir-test", boot, segment_bytes_max=1 << 20, queue_max=1 << 20)
    spool.start()
    more(spool, count)
    return spool


def more(spool: Spool, count: int) -> None:
    for _ in range(count):
        at = now_us()
        named = {"event_id": new_event_id(), "exchange_id": new_event_id(), "ts": at, "ts_end": at + 1_000_000}
        spool.put(AuditRecord(**{**VALUES, **named}))
    assert spool.flush(20)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@pytest.mark.needs("rsyslogd")
def test_a_siem_follows_a_weir_through_restarts_of_both(
    artefacts: Path, doubles: Doubles, shown: Papers, tmp_path: Path
) -> None:
    """Two runs of a real weir and a real rsyslog that is away while the second one begins."""
    folder = artefacts / "weir"
    policy = write_policy(folder / "policy.yaml", "observe", identity__required=False, dlp__processes=0)

    def run_weir(meanwhile: Callable[[], object] = lambda: None) -> None:
        weir = Weir(folder, policy, doubles, hosts=PROVIDER_HOSTS)

        def answers(rows: list[dict[str, Any]]) -> int:
            return sum(row["kind"] == "response" for row in rows)

        before = answers(weir.records())
        headers = {"authorization": f"Bearer {doubles.keys['openai']}"}
        with client(weir.url, weir.ca, headers=headers) as http:
            assert http.post("https://api.openai.com/v1/chat/completions", content=chat_body("hi")).status_code == 200
        weir.until_records(lambda rows: answers(rows) > before, "the answer")
        meanwhile()
        weir.stop()

    def in_spool() -> list[tuple[str, int]]:
        lines = [line for path in sorted((folder / "data/spool").iterdir()) for line in path.read_bytes().splitlines()]
        return sorted((row["boot_id"], row["seq"]) for row in map(json.loads, lines))

    (folder / "data").mkdir(parents=True, mode=0o700)
    with rsyslog(tmp_path / "rsyslog", shown) as (server, port, out):
        to = ("--to", f"syslog+tls://localhost:{port}", "--ca", shown.ca, "--cursor", "siem")
        follower = export(artefacts, folder / "data", "--format", "jsonl", "--follow", *to)

        def comes_back() -> None:
            until(lambda: "tried again, nothing is lost" in follower.output(), "word of the receiver that is down")
            assert len(messages(out)) < len(in_spool())
            server.start()

        try:
            run_weir()
            until(lambda: len(messages(out)) == len(in_spool()), "the rows of the first run")
            server.stop()
            run_weir(comes_back)
            until(lambda: len(messages(out)) == len(in_spool()), "the rows of both runs")
        finally:
            assert follower.stop() == 0, follower.output()
    rows = messages(out)
    assert sorted((row["boot_id"], row["seq"]) for row in rows) == in_spool()
    boots = list(dict.fromkeys(row["boot_id"] for row in rows))
    assert len(boots) == 2
    for boot in boots:
        seqs = [row["seq"] for row in rows if row["boot_id"] == boot]
        assert seqs == list(range(1, len(seqs) + 1))
    taken = json.loads((folder / "data/exports/siem.json").read_text())["taken"]
    assert sum(taken.values()) == len(rows)
    assert "receiver takes rows again" in follower.output()


@pytest.mark.needs("rsyslogd")
def test_killed_and_restarted_on_both_sides_in_mid_stream_nothing_is_missing(shown: Papers, tmp_path: Path) -> None:
    count, data = 6_000, tmp_path / "data"
    spool = spooled(data, count // 2)
    with rsyslog(tmp_path / "rsyslog", shown) as (server, port, out):
        arguments = ("--format", "cef", "--follow", "--to", f"syslog+tls://localhost:{port}", "--ca", shown.ca)

        def arrived() -> list[int]:
            return [int(seq) for seq in COUNTED.findall(out.read_bytes())] if out.exists() else []

        for wanted in (1, count // 2):
            follower = export(tmp_path, data, *arguments)
            until(lambda wanted=wanted: len(set(arrived())) >= wanted, "messages")
            follower.kill()
        follower = export(tmp_path, data, *arguments)
        try:
            more(spool, count // 4)
            server.stop()
            more(spool, count // 4)
            server.start()
            until(lambda: len(set(arrived())) == count, "every row")
        finally:
            follower.signal(signal.SIGTERM)
            assert follower.wait() == 0
            follower.stop()
    assert spool.close(60)
    seqs = arrived()
    assert list(dict.fromkeys(seqs)) == list(range(1, count + 1))  # each came, and first in its order
    (cursor,) = (data / "exports").glob("*.json")
    assert json.loads(cursor.read_text())["taken"] == {"weir-test-b1": count}
    lines = out.read_bytes().splitlines()
    assert all(
        re.fullmatch(rb"<10[0-9]>1 \S+Z \S+ weir weir-test response \[.*\]\[.*\] CEF:0\|weir\|.*", line)
        for line in lines
    )


class _Sink:
    """What an OTLP receiver has parsed."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: list[Any] = []
        self.headers: list[dict[str, str]] = []

    def handle_trace(self, request: Any, headers: dict[str, str]) -> None:
        self.headers.append(headers)
        self.spans += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]

    def handle_metrics(self, request: Any, headers: dict[str, str]) -> None:
        self.metrics += [m for r in request.resource_metrics for scope in r.scope_metrics for m in scope.metrics]

    def handle_logs(self, request: Any, headers: dict[str, str]) -> None:
        raise AssertionError("weir sends no logs")


@contextlib.contextmanager
def otlp_receiver() -> Iterator[tuple[_Sink, int]]:
    from oteltest.sink import HttpSink

    sink, port = _Sink(), free_port()
    server = HttpSink(sink, logging.getLogger("oteltest"), port=port)
    server.start()
    until(lambda: server.httpd, "the OTLP receiver")
    try:
        yield sink, port
    finally:
        server.stop()


def test_spans_and_metrics_reach_a_receiver_that_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from weir.cli import main

    count, data = 1_200, tmp_path / "data"
    assert spooled(data, count).close(20)
    with otlp_receiver() as (sink, port):
        run: Callable[[], int] = lambda: main(  # noqa: E731
            ["audit", "export", "--format", "otlp", "--to", f"otlp+http://127.0.0.1:{port}", "--data", str(data)]
        )
        assert run() == 0 and run() == 0  # the second time there is nothing to send
    assert len({span.span_id for span in sink.spans}) == len(sink.spans) == count
    attributes = {item.key: item.value for item in sink.spans[0].attributes}
    assert attributes["gen_ai.request.model"].string_value == "gpt-5"
    assert attributes["gen_ai.usage.input_tokens"].int_value == 900
    assert sink.spans[0].end_time_unix_nano - sink.spans[0].start_time_unix_nano == 1_000_000_000
    points = [
        p for metric in sink.metrics if metric.name == "gen_ai.client.token.usage" for p in metric.histogram.data_points
    ]
    assert sum(point.count for point in points) == 2 * count and sum(point.sum for point in points) == count * 1_000
    assert {metric.name for metric in sink.metrics} == {"gen_ai.client.token.usage", "gen_ai.client.operation.duration"}
    told = capsys.readouterr().err
    assert told.count("1,200 rows to otlp") == 2 and told.count("0 rows to otlp") == 4
    assert sorted(path.name.rpartition("-")[2] for path in (data / "exports").glob("*.json")) == [
        "metrics.json",
        "traces.json",
    ]
