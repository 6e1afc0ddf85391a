from __future__ import annotations

import json
import math
import os
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from unit.audit.exports import places
from unit.audit.exports.places import Taker, an_export, boot, texts
from weir.audit.exports import work
from weir.audit.exports.row import text
from weir.audit.exports.senders.target import Gone, Unavailable
from weir.audit.exports.work import run


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "POLL_S", 0.01)
    monkeypatch.setattr(work, "PAUSE_S_MAX", 0.01)
    monkeypatch.setattr(work, "ROWS", 4)


def taken(data: Path, name: str = "c") -> dict[str, int]:
    found: dict[str, int] = json.loads((data / "exports" / f"{name}.json").read_text())["taken"]
    return found


def test_all_there_is_once_and_then_nothing(tmp_path: Path) -> None:
    made = boot(tmp_path, "b1", 10) + boot(tmp_path, "b2", 3)
    for wanted in (made, []):
        target = Taker()
        export = an_export(tmp_path, target)
        places.work(export)
        assert texts(target.taken) == wanted and export.sent == len(wanted) and target.closed
        assert export.over and not export.failed
    assert taken(tmp_path) == {"p1-b1": 10, "p1-b2": 3}


@pytest.mark.parametrize("where", ["deliver", "settle"])
@pytest.mark.parametrize("trouble", [Unavailable("busy"), ConnectionResetError(104, "reset")])
def test_a_receiver_that_fails_gets_everything_that_was_not_settled_again(
    tmp_path: Path, where: str, trouble: Exception
) -> None:
    made = boot(tmp_path, "b1", 10)
    target = Taker(settle_s=60, settle_rows=8, trouble=[(where, trouble)] * 2)
    export = an_export(tmp_path, target)
    places.work(export)
    assert set(texts(target.taken)) == set(made) and texts(target.taken)[-10:] == made and export.sent == 10
    told: list[str] = export.told  # type: ignore[attr-defined]
    assert len(told) == 2 and "it is tried again" in told[0] and "takes rows again" in told[1]


def test_a_certificate_that_is_not_accepted_is_told_in_words(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 2)
    trouble = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1020)")
    trouble.verify_message = "unable to get local issuer certificate"
    export = an_export(tmp_path, Taker(trouble=[("deliver", trouble)]))
    places.work(export)
    told: list[str] = export.told  # type: ignore[attr-defined]
    assert "its certificate is not accepted (unable to get local issuer certificate)" in told[0]


def test_the_cursor_moves_with_what_was_settled_and_not_before(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 10)
    target = Taker(settle_s=60, settle_rows=8)
    export = an_export(tmp_path, target, follow=True)
    export.step()
    assert len(target.taken) == 4 and taken(tmp_path) == {}
    export.step()
    assert taken(tmp_path) == {"p1-b1": 8}
    export.step()
    assert len(target.taken) == 10 and taken(tmp_path) == {"p1-b1": 8}
    export.finish()
    assert taken(tmp_path) == {"p1-b1": 10} and target.settled == 10


def test_it_gives_up_when_it_does_not_follow_and_goes_on_when_it_does(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 2)
    down = [("deliver", Unavailable("busy"))] * 20
    export = an_export(tmp_path, Taker(trouble=list(down)))
    places.work(export)
    assert export.failed and "the cursor stays" in export.told[-1] and taken(tmp_path) == {}  # type: ignore[attr-defined]
    target, stop = Taker(trouble=list(down)), threading.Event()
    run([an_export(tmp_path, target, follow=True)], stop, lambda: stop.set() if target.settled else None)
    assert len(target.taken) == 2 and taken(tmp_path) == {"p1-b1": 2}


def test_a_receiver_that_is_down_for_weeks_ends_nothing(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 2)
    target = Taker(trouble=[("deliver", Unavailable("busy"))])
    export = an_export(tmp_path, target, follow=True)
    export._fails = 20_000  # a pause each
    assert 0 < export.step() <= 60 * 1.25
    export._wait_until = 0.0
    export.step()
    assert len(target.taken) == 2 and export._fails == 0


def test_how_long_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PAUSE_S_MAX", 60.0)
    boot(tmp_path, "b1", 2)
    trouble = [Unavailable("busy"), Unavailable("busy"), Unavailable("busy"), Unavailable("later", 100.0)]
    export = an_export(tmp_path, Taker(trouble=[("deliver", error) for error in trouble]), follow=True)
    pauses = []
    for _ in trouble:
        pauses.append(export.step())
        assert 0 < export.step() <= pauses[-1]  # nothing is tried before its time
        export._wait_until = 0.0
    assert all(0.75 * 2**at <= pauses[at] <= 1.25 * 2**at for at in range(3)) and pauses[3] == 100.0
    assert len(export.told) == 2  # type: ignore[attr-defined]  # the same trouble once
    export._fails = 50
    export.target.trouble = [("deliver", Unavailable("busy"))]  # type: ignore[attr-defined]
    assert 45 <= export.step() <= 75


def test_one_receiver_that_is_down_holds_up_no_other(tmp_path: Path) -> None:
    made = boot(tmp_path, "b1", 9)
    stop = threading.Event()
    down = an_export(tmp_path, Taker(trouble=[("deliver", Unavailable("busy"))] * 100_000), follow=True, name="down")
    target = Taker()
    up = an_export(tmp_path, target, follow=True, name="up")
    run([down, up], stop, lambda: stop.set() if up.sent == 9 else None)
    assert texts(target.taken) == made and taken(tmp_path, "down") == {}


def test_refused_rows_are_set_aside_with_their_reason(tmp_path: Path) -> None:
    made = boot(tmp_path, "b1", 6)
    target = Taker(refuse=lambda row: text(row, "event_id") in (made[1], made[5]))
    export = an_export(tmp_path, target)
    places.work(export)
    assert texts(target.taken) == [*made[:1], *made[2:5]] and (export.sent, export.set_aside) == (4, 2)
    (file,) = (tmp_path / "exports").glob("*.refused.jsonl")
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(item["event_id"], item["seq"], item["why"]) for item in kept] == [
        (made[1], 2, "not like this"),
        (made[5], 6, "not like this"),
    ]
    assert kept[0]["row"]["event_id"] == made[1] and taken(tmp_path) == {"p1-b1": 6}
    assert any("set aside in" in line for line in export.told)  # type: ignore[attr-defined]


def test_broken_lines_are_set_aside_too(tmp_path: Path) -> None:
    made = boot(tmp_path, "b1", 3)
    (path,) = (tmp_path / "spool").glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{}\n" + lines[2])
    target = Taker()
    export = an_export(tmp_path, target)
    places.work(export)
    assert texts(target.taken) == [made[0], made[2]] and (export.sent, export.set_aside) == (2, 1)


def test_rows_nobody_names_are_counted(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 3)

    class Vague(Taker):
        def deliver(self, rows: Any) -> Any:
            super().deliver(rows)
            return [(None, "it rejected 1 of 3 without saying which")]

    export = an_export(tmp_path, Vague())
    places.work(export)
    kept = json.loads((tmp_path / "exports" / "c.refused.jsonl").read_text())
    assert kept["why"].startswith("it rejected 1") and "row" not in kept and export.set_aside == 1


def test_passed_over_rows_move_the_cursor(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 300, ts=1_000)
    export = an_export(tmp_path, Taker(), since=2_000)
    places.work(export)
    assert export.sent == 0 and taken(tmp_path) == {"p1-b1": 300}


def test_a_reader_that_has_had_enough_is_an_end(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 3)
    export = an_export(tmp_path, Taker(trouble=[("deliver", Gone())]), follow=True)
    places.work(export)
    assert not export.failed and export.target.closed  # type: ignore[attr-defined]
    assert an_export(tmp_path, Taker()).step() == 0.01  # its cursor was let go of


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment_every_row_comes_and_in_order(tmp_path: Path, seed: int) -> None:
    """The process ends after any step; the next one begins from the cursor on disk."""
    made = boot(tmp_path, "b1", 23)
    got: list[str] = []
    for life in range(100):
        target = Taker(settle_s=60, settle_rows=7)
        export = an_export(tmp_path, target)
        steps = 1 + (seed + life) % 3
        while steps and not export.over:
            assert export.step() < math.inf or export.over
            steps -= 1
        got += texts(target.taken)
        os.close(export.cursor._lock)  # what the kernel does for the dead
        if export.over:
            break
    assert [one for at, one in enumerate(got) if one not in got[:at]] == made


def test_what_came_after_trouble_is_settled_at_the_end_too(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 3)
    target = Taker(settle_s=60, settle_rows=100, trouble=[("deliver", Unavailable("busy"))])
    export = an_export(tmp_path, target, follow=True)
    export.step()
    export._wait_until = 0.0
    export.step()
    assert len(target.taken) == 3 and taken(tmp_path) == {}
    export.finish()
    assert taken(tmp_path) == {"p1-b1": 3}
