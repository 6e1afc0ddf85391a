"""What is known in memory: followed within moments, never asking the store on the way, refused when it is stale."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.processes import ROOT, until
from harness.servers import Server
from weir.keys.virtual import STALE_S, KeyBudget, VirtualKey, VirtualKeys, VirtualKeysError, looks_virtual, new_key
from weir.keys.virtual.index import ASKED_MAX
from weir.keys.virtual.rows import Issued
from weir.keys.virtual.watch import WAITING_MAX

Opened = Callable[..., VirtualKeys]
HMAC_KEY = bytes(range(32))


@pytest.fixture
def following(keys: VirtualKeys) -> Iterator[VirtualKeys]:
    keys.start()
    yield keys
    keys.stop()


def good(ring: VirtualKeys, key: str) -> bool:
    found = ring.lookup(key)
    return found is not None and not found.refusal("openai", datetime.now(UTC))


OTHER = """
import sys
from pathlib import Path
from weir.keys.virtual import VirtualKeys
where = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])
keys = VirtualKeys(where, bytes(range(32)))
for line in sys.stdin:
    what, *words = line.split()
    if what == "create":
        record, key = keys.create(app="other")
        print(record.id, key, flush=True)
    else:
        keys.revoke(words[0])
        print("done", flush=True)
"""


def follow(where: Path | str) -> None:
    """A key that another process issues is known at once, and one that it revokes is refused within a second."""
    ring = VirtualKeys(where, HMAC_KEY)
    ring.start()
    pipe, environment = subprocess.PIPE, {"PYTHONPATH": str(ROOT / "addons")}
    command = [sys.executable, "-c", OTHER, str(where)]
    try:
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as other:
            assert other.stdin and other.stdout
            for _ in range(3):
                print("create", file=other.stdin, flush=True)
                key_id, key = other.stdout.readline().split()
                waits = ring.fresh(key)
                if waits is not None:
                    waits.result(60)
                assert good(ring, key)
                print("revoke", key_id, file=other.stdin, flush=True)
                assert other.stdout.readline() == "done\n"
                began = time.monotonic()
                until(lambda key=key: not good(ring, key), "the revocation")  # type: ignore[misc]
                assert time.monotonic() - began < 1.0 + 20.0  # what a machine that does much else may add
            other.stdin.close()
    finally:
        ring.stop()


def test_another_process_is_followed_in_a_file(tmp_path: Path) -> None:
    follow(tmp_path / "limits.db")


@pytest.mark.needs("pg_ctlcluster")
def test_another_process_is_followed_in_postgresql(postgresql: Server) -> None:
    follow(postgresql.url)


def test_a_key_nobody_knows_is_looked_for_once(following: VirtualKeys) -> None:
    key = new_key()
    waits = following.fresh(key)
    assert waits is not None
    waits.result(60)
    assert following.fresh(key) is None
    for other in ("", "sk-raw", key[:-1]):
        assert following.fresh(other) is None


def test_nobody_waits_where_nobody_follows(keys: VirtualKeys) -> None:
    assert keys.fresh(new_key()) is None


def test_ten_thousand_unknown_keys_cost_no_look_each(following: VirtualKeys) -> None:
    _, key = following.create(app="a")
    looks = 0
    take_over = following._take_over

    def counting() -> None:
        nonlocal looks
        looks += 1
        take_over()

    following._take_over = counting  # type: ignore[method-assign]
    strangers = [new_key() for _ in range(10_000)]
    began = time.monotonic()
    waits: list[Future[None]] = []
    for stranger in strangers:
        assert following.lookup(stranger) is None
        future = following.fresh(stranger)
        if future is not None and not future.done():
            waits.append(future)
    assert good(following, key)
    counted, took = looks, time.monotonic() - began
    assert counted <= took / 0.1 + 2
    assert len(following._asked) <= ASKED_MAX
    for future in waits[-WAITING_MAX:]:
        future.result(60)


def test_a_store_that_is_away_is_lived_without_for_a_while_only(opened: Opened, tmp_path: Path) -> None:
    clock = [1000.0]
    ring = opened(clock=lambda: clock[0])
    _, key = ring.create(app="a")
    (tmp_path / "limits.db").rename(tmp_path / "away")
    with pytest.raises(VirtualKeysError, match="is gone"):
        ring.refresh()
    assert ring.away and ring.trouble == "" and good(ring, key)
    clock[0] += STALE_S + 0.1
    assert "is gone" in ring.trouble
    assert not (tmp_path / "limits.db").exists()
    (tmp_path / "away").rename(tmp_path / "limits.db")
    ring.refresh()
    assert ring.away == ring.trouble == "" and good(ring, key)


def test_a_thread_that_says_nothing_any_more_is_trouble_too(opened: Opened) -> None:
    clock = [1000.0]
    ring = opened(clock=lambda: clock[0])
    clock[0] += STALE_S + 0.1
    assert "does not answer" in ring.trouble


def test_what_was_never_read_is_not_taken(tmp_path: Path) -> None:
    ring = VirtualKeys("postgresql://nobody@127.0.0.1:1/none", HMAC_KEY, timeout_s=0.3, later=True)
    assert ring.trouble
    with pytest.raises(VirtualKeysError, match="PostgreSQL"):
        ring.refresh()
    assert "PostgreSQL" in ring.trouble and "127.0.0.1" not in ring.trouble


@pytest.mark.needs("pg_ctlcluster")
def test_a_server_that_goes_and_comes_back(postgresql: Server) -> None:
    ring = VirtualKeys(postgresql.url, HMAC_KEY, timeout_s=1.0)
    _, key = ring.create(app="a")
    ring.start()
    try:
        postgresql.stop()
        until(lambda: ring.away, "the server to be missed")
        assert good(ring, key) and ring.trouble == ""
        postgresql.start()
        until(lambda: not ring.away, "it to be back")
        assert good(ring, key)
    finally:
        ring.stop()


def test_another_store_in_its_place_is_taken_whole(opened: Opened, tmp_path: Path) -> None:
    ring = opened()
    _, key = ring.create(app="a")
    other = opened(tmp_path / "other.db")
    _, theirs = other.create(app="b")
    other.stop()
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"limits.db{end}").unlink(missing_ok=True)
    (tmp_path / "other.db").rename(tmp_path / "limits.db")
    with pytest.raises(VirtualKeysError, match="replaced"):
        ring.refresh()
    ring.refresh()
    assert ring.lookup(key) is None and good(ring, theirs)


@pytest.mark.parametrize("running", [True, False], ids=["while weir looks on", "while the store is away"])
def test_a_backup_that_is_put_back_undoes_no_revocation(opened: Opened, tmp_path: Path, running: bool) -> None:
    file, backup = tmp_path / "limits.db", tmp_path / "backup"
    ring = opened()
    record, key = ring.create(app="a")
    ring.stop()
    shutil.copy2(file, backup)
    ring.revoke(record.id)
    ring.stop()
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"limits.db{end}").unlink(missing_ok=True)
    if not running:
        with pytest.raises(VirtualKeysError, match="is gone"):
            ring.refresh()
    shutil.copy2(backup, file)
    if not running:
        opened().create(app="b")  # as many changes as before
    with contextlib.suppress(VirtualKeysError):
        ring.refresh()
    ring.refresh()
    assert not good(ring, key) and len(ring.list()) == (1 if running else 2)
    assert not good(opened(), key), "and in the store"


def test_what_was_rotated_out_stands_for_no_other_key(opened: Opened) -> None:
    """A file that is imported may say of any hash that it is the old one of a key that may do all."""
    ring = opened()
    record, key = ring.create(app="narrow", services=["openai"])
    (narrow, _), *_ = ring.every()
    wide = Issued(VirtualKey("vk-0", app="wide"), "ab" * 32, narrow.digest, datetime.now(UTC) + timedelta(days=9))
    ring.take([wide])
    for one in (ring, opened()):
        assert one.lookup(key) == record


def test_files_that_are_not_private_or_no_store_are_refused(opened: Opened, tmp_path: Path) -> None:
    opened().create(app="a")
    (tmp_path / "limits.db").chmod(0o644)
    with pytest.raises(VirtualKeysError, match="chmod 600"):
        opened()
    (tmp_path / "none.db").write_bytes(b"no database" * 1000)
    (tmp_path / "none.db").chmod(0o600)
    with pytest.raises(VirtualKeysError, match="SQLite"):
        opened(tmp_path / "none.db")


def test_uses_are_written_by_the_thread(following: VirtualKeys, opened: Opened) -> None:
    record, old = following.create(app="a")
    done = following.rotate(record.id, timedelta(hours=1))
    assert done is not None
    now = datetime.now(UTC).replace(microsecond=0)
    for key, at, address in ((done[1], now, "10.0.0.1"), (old, now + timedelta(seconds=1), "10.0.0.2")):
        found = following.lookup(key)
        assert found is not None
        following.used(found, address, at)
    (_, none) = opened().every()[0]
    assert none.count == 0
    following.stop()
    ((one, uses),) = opened().every()
    assert one.record.id == record.id and one.old_until is not None
    assert (uses.count, uses.last, uses.address) == (2, now + timedelta(seconds=1), "10.0.0.2")
    assert uses.old_last == now + timedelta(seconds=1)


def test_budgets_are_told_before_their_keys_are_known(keys: VirtualKeys) -> None:
    told: list[tuple[list[str], int]] = []
    keys.tell_budgets(lambda given: told.append(([key_id for key_id, _ in given], len(keys.list()))))
    plain, _ = keys.create(app="a")
    record, _ = keys.create(app="b", budget=KeyBudget.parse("1/day"))
    assert told == [([record.id], 1)] and plain.budget is None  # when it was told, only the other was known
    again: list[str] = []
    keys.tell_budgets(lambda given: again.extend(key_id for key_id, _ in given))
    assert again == [record.id]


def test_lookup_takes_microseconds(keys: VirtualKeys) -> None:
    _, key = keys.create(app="a")

    def once() -> float:
        start = time.thread_time()
        for _ in range(100):
            keys.lookup(key)
        return (time.thread_time() - start) / 100

    assert min(once() for _ in range(20)) < 20e-6 and looks_virtual(key)


def test_a_weir_without_keys_loads_no_database(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from weir.keys.virtual import VirtualKeys\n"
        "keys = VirtualKeys(Path(sys.argv[1]), bytes(32)); keys.start(); keys.refresh(); keys.stop()\n"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "limits.db")]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT / "addons")}, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    assert not (tmp_path / "limits.db").exists()
