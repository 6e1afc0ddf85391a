"""Uses out of logs as rows of the audit: once each, found again, chained like all others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from weir.audit.ingester.ingest import Ingester
from weir.audit.store import database as store
from weir.cli.discover import landing
from weir.cli.discover.landing import LogFile, land, look
from weir.logs.use import Use
from weir.model import Service, Status

DAY = 86_400_000_000
NOON = 1_700_049_600_000_000  # 2023-11-15 12:00 UTC
DEEPSEEK = Service("deepseek", "DeepSeek", "deepseek", "assistant", Status.UNSANCTIONED)


def use(user: str = "anna", **given: Any) -> Use:
    values: dict[str, Any] = {
        "host": "chat.deepseek.com", "path": "", "device": "lt-7", "department": "finance", "source": "10.0.0.7",
        "action": "allowed", "agent": "curl", "requests": 3, "first": NOON, "last": NOON + 60_000_000,
        "bytes_up": 100, "bytes_down": 2_000,
    }  # fmt: skip
    return Use(user=user, **{**values, **given})


def ingested(data: Path) -> None:
    with Ingester(data / "spool", data / "audit") as ingester:
        ingester.run_once()


def asked(data: Path, query: str) -> list[tuple[Any, ...]]:
    return store.sql(data, query)[1]


def uses(*some: Use) -> Sequence[tuple[Use, Service]]:
    return [(one, DEEPSEEK) for one in some]


def test_a_row_a_use_and_a_record_of_the_import(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(b"what it held\n")
    (seen,) = look(tmp_path / "data", [log])
    assert seen.new and not seen.grown
    data = tmp_path / "data"
    blocked = use("ben", action="blocked", bytes_up=None, bytes_down=None, requests=1)
    landed = land(data, uses(use(), blocked), format="squid", files=[seen.file])
    assert (landed.rows, landed.requests, landed.undated, landed.import_id) == (2, 4, 0, seen.file.sha256)
    ingested(data)
    columns = """kind, epoch_us(started), epoch_us(ended), "user", device, team, src_ip, host, service, service_status,
        action, req_bytes, resp_bytes, user_agent, extra->>'$.requests', extra->>'$.source', inspection"""
    assert asked(data, f'SELECT {columns} FROM exchanges ORDER BY "user"') == [
        ("discovered", NOON, NOON + 60_000_000, "anna", "lt-7", "finance", "10.0.0.7", "chat.deepseek.com", "deepseek",
         "unsanctioned", "allow", 100, 2_000, "curl", "3", "squid", None),
        ("discovered", NOON, NOON + 60_000_000, "ben", "lt-7", "finance", "10.0.0.7", "chat.deepseek.com", "deepseek",
         "unsanctioned", "block", None, None, "curl", "1", "squid", None),
    ]  # fmt: skip
    (told,) = asked(data, "SELECT extra FROM events WHERE kind = 'config'")
    said = json.loads(told[0])
    assert (said["file"], said["bytes"], said["rows"], said["requests"]) == ("access.log", 13, 2, 4)
    assert asked(data, "FROM verify_chain()") == []
    assert asked(data, "SELECT count(*) FROM subject_records('ben')") == [(1,)]


@pytest.mark.parametrize("in_store", [False, True])
def test_a_file_is_imported_once(tmp_path: Path, in_store: bool) -> None:
    data, log = tmp_path / "data", tmp_path / "access.log"
    log.write_bytes(b"one\n")
    land(data, uses(use()), format="squid", files=[look(data, [log])[0].file])
    if in_store:
        ingested(data)
    (again,) = look(data, [log])
    assert not again.new and not again.grown and again.before > NOON
    assert land(data, uses(use()), format="squid", files=[again.file]).rows == 0
    log.write_bytes(b"one\ntwo\n")
    (more,) = look(data, [log])
    assert more.grown and not more.new and more.at == 4
    log.write_bytes(b"another\n")
    assert look(data, [log])[0].new


def test_what_comes_through_a_pipe_is_known_by_its_uses(tmp_path: Path) -> None:
    first = land(tmp_path, uses(use(), use("ben")), format="csv")
    assert first.rows == 2
    again = land(tmp_path, uses(use("ben"), use()), format="csv")
    assert (again.rows, again.import_id) == (0, first.import_id)
    assert land(tmp_path, uses(use("carl")), format="csv").rows == 1


def test_an_import_that_broke_off_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LogFile("a.log", "ab" * 32, 10)
    monkeypatch.setattr(landing, "_BATCH", 2)

    def broken() -> Any:
        yield from uses(*(use(f"u{number}") for number in range(4)))
        raise OSError("the log went away")

    with pytest.raises(OSError, match="went away"):
        land(tmp_path, broken(), format="squid", files=[file])
    landed = land(tmp_path, uses(*(use(f"u{number}") for number in range(5))), format="squid", files=[file])
    assert landed.rows == 5
    ingested(tmp_path)
    assert asked(tmp_path, "SELECT count(*) > 5 FROM events WHERE kind = 'discovered'") == [(True,)]
    assert asked(tmp_path, "SELECT count(*), sum(req_bytes) FROM exchanges") == [(5, 500)]


@pytest.mark.parametrize("first", [0, -5, 1_000_000, NOON + 3 * DAY, 253_402_300_799_000_000])
def test_a_time_that_cannot_be_is_that_of_the_import(tmp_path: Path, first: int) -> None:
    landed = land(tmp_path, uses(use(first=first, last=first)), format="squid", now=NOON)
    assert landed.undated == 1
    ingested(tmp_path)
    rows = asked(tmp_path, "SELECT epoch_us(started), extra->>'$.undated' FROM exchanges")
    assert rows == [(NOON, "true")]


def test_long_and_odd_texts_are_taken(tmp_path: Path) -> None:
    odd = use("x" * 5_000, device="\x1b[31m\x00", host="a" * 300, agent="\u202e\ud800")
    assert land(tmp_path, uses(odd), format="squid").rows == 1
    ingested(tmp_path)
    ((user, device, host),) = asked(tmp_path, 'SELECT length("user"), device, length(host) FROM exchanges')
    assert (user, host) == (256, 256)
    assert "\x1b" not in device and "\x00" not in device
