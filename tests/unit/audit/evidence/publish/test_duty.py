from __future__ import annotations

import time
from pathlib import Path

import pytest

from unit.audit.evidence.boots import Boot
from weir.audit.evidence.covered import log_of
from weir.audit.evidence.publish import duty as module
from weir.audit.evidence.publish.cursors import Cursors
from weir.audit.evidence.publish.duty import Publishing, cursors_of, name_of
from weir.audit.ingester.duty import Desk
from weir.sections_audit import Audit, Bucket, Checkpoints, Publish


def desk(data: Path, *places: Publish) -> Desk:
    return Desk(data, Audit(checkpoints=Checkpoints(publish=places)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "audit").mkdir(parents=True)
    log_of(tmp_path / "data").write_bytes(b"".join(Boot().log))
    return tmp_path / "data"


def test_every_place_gets_everything_whatever_becomes_of_the_others(data: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    places = (
        Publish(directory=str(tmp_path / "here")),
        Publish(directory=str(tmp_path / "nowhere")),
        Publish(syslog="tcp://127.0.0.1:1"),
    )
    duty = Publishing(str)
    said = duty.run(desk(data, *places), last=False)
    said += duty.run(desk(data, *places), last=True)
    assert len([path for path in (tmp_path / "here").rglob("*") if path.is_file()]) == len(Boot().log)
    assert any("nowhere: there is no such directory" in line for line in said)
    assert sum("has not got everything yet" in line for line in said) == 2
    cursors = Cursors(cursors_of(data)).all
    assert [one.number for one in cursors.values()].count(len(Boot().log)) == 1


def test_a_place_that_hangs_holds_nobody_up(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hangs:
        def __init__(self, *_: object) -> None: ...
        def send(self, entries: object) -> None:
            time.sleep(30)

        def close(self) -> None: ...

    monkeypatch.setattr(module, "Syslog", Hangs)
    monkeypatch.setattr(module, "LAST_S", 0.2)
    duty, began = Publishing(str), time.monotonic()
    place = desk(data, Publish(syslog="tcp://hangs:1"))
    duty.run(place, last=False)
    duty.run(place, last=True)
    assert time.monotonic() - began < 25


def test_a_place_that_the_policy_no_longer_names_is_forgotten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    duty, place = Publishing(str), Publish(directory=str(tmp_path / "here"))
    assert duty.run(desk(data), last=False) == []
    duty.run(desk(data, place), last=True)
    assert list(Cursors(cursors_of(data)).all) == [name_of(place)]
    duty.run(desk(data), last=False)
    assert Cursors(cursors_of(data)).all == {}


def test_names_of_places() -> None:
    bucket = Bucket(name="audit", prefix="eu", endpoint="https://s3.example", access_key="env:ID", secret_key="env:KEY")
    assert name_of(Publish(bucket=bucket)) == "bucket audit/eu at https://s3.example"
    assert name_of(Publish(syslog="tls://siem:6514")) == "syslog tls://siem:6514"
    assert name_of(Publish(directory="/mnt/audit")) == "directory /mnt/audit"
