"""Running weir commands: in this process (fast), or as a process of their own (stdin, exec, binary output)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.stores import one_place
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, new_event_id, now_us
from weir.audit.spool.writer import Spool
from weir.cli import main
from weir.tls.trust import ADDING, PROXY, REPLACING

ADDONS = Path(__file__).resolve().parents[3] / "addons"


class Done(NamedTuple):
    """What became of a command."""

    code: int
    out: str
    err: str


Weir = Callable[..., Done]


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One place, as stores are made in most tests: to make one where none was takes a fifth of a second."""
    yield from one_place(tmp_path_factory, "cli")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*REPLACING, *ADDING, *PROXY, "NO_PROXY", "no_proxy", "SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def weir(capsys: pytest.CaptureFixture[str]) -> Weir:
    """Run a command in this process."""

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run a command as a process of its own."""

    def run(*arguments: object, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "weir.cli", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ADDONS), **variables},
            timeout=60,
        )

    return run


def records() -> list[AuditRecord]:
    """A clean chat, a blocked one with a finding, and a call of a service nobody sanctioned."""
    start = now_us() - 60_000_000

    def record(kind: str, **values: object) -> AuditRecord:
        exchange = str(values.pop("exchange_id", new_event_id()))
        made = AuditRecord(event_id=new_event_id(), exchange_id=exchange, kind=kind, ts=start, ts_end=start + 1_000)
        return replace(made, **values)  # type: ignore[arg-type]

    paid = new_event_id()
    chat = {"user": "ann", "team": "finance", "host": "api.openai.com", "service": "openai", "operation": "chat"}
    return [
        record("request", exchange_id=paid, service_status="sanctioned", request_model="gpt-5", **chat),
        record(
            "response", exchange_id=paid, service_status="sanctioned", response_model="gpt-5", input_tokens=1000,
            output_tokens=200, usage_source="reported", cost_nano=3_250_000, action="allow", **chat,
        ),
        record(
            "block", service_status="sanctioned", action="block", rule_id="no-credentials-leave",
            findings=(FindingRow(ord=0, detector="aws-access-key", category="secret", direction="request",
                                 action="block", rule_id="no-credentials-leave"),), **chat,
        ),
        record(
            "response", host="chat.deepseek.com", service="deepseek", service_status="unsanctioned", user="bob",
            user_agent="evil\u009b31m\u202e", inspection="inspected", action="alert", req_bytes=2048,
            credential="raw", credential_kind="personal", api_key_fp="0123456789abcdef" * 2, provider="deepseek",
        ),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first store is kept as it was made; it belongs into ``tmp_path / "data"``."""
    return tmp_path_factory.mktemp("made") / "data"


@pytest.fixture
def store(tmp_path: Path, made: Path) -> Path:
    """A data directory with a spool and a store of four records."""
    data = tmp_path / "data"
    if made.exists():
        return Path(shutil.copytree(made, data, symlinks=True))
    data.mkdir(mode=0o700)
    spool = Spool(data / "spool", "weir-test", "boot1", segment_bytes_max=1 << 20)
    spool.start()
    for record in records():
        spool.put(record)
    assert spool.close(60)
    with Ingester(data / "spool", data / "audit") as ingester:
        assert ingester.run_once() == 4
    shutil.copytree(data, made, symlinks=True)
    return data
