from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.processes import ROOT
from weir.audit.content import writer as module
from weir.audit.content.kek import KeyRing, KeyRingError, load
from weir.audit.content.keyfile import KeyFileError
from weir.audit.content.parts import Content
from weir.audit.content.reader import ContentReader, Opened
from weir.audit.content.writer import ContentUnavailable, ContentWriter
from weir.audit.record import now_us
from weir.audit.spool.segment import Segment

from .conftest import Shelf, seal, talk


def until(what: Callable[[], Any], limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


def test_what_is_durable_can_be_read_by_others(shelf: Shelf) -> None:
    writer = shelf.writer()
    sealed = seal(writer)
    assert sealed is not None
    asyncio.run(writer.durable(sealed))
    assert shelf.reader.read(sealed.event_id, sealed.content_ct_hash).content == talk()
    assert writer.healthy
    assert writer.lag == 0


def test_everything_is_private(shelf: Shelf) -> None:
    shelf.keep()
    assert shelf.directory.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in shelf.files())


def test_without_a_key_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(KeyRingError):
        ContentWriter(tmp_path / "content", lambda: load(tmp_path / "nowhere")).start()
    (tmp_path / "content" / "keys").write_bytes(b"?" * 300)
    with pytest.raises(KeyFileError):
        ContentWriter(tmp_path / "content", lambda: KeyRing([b"k" * 32])).start()


def test_many_threads_and_two_writers_share_a_directory(shelf: Shelf) -> None:
    writers = [shelf.writer(), shelf.writer()]
    hashes: dict[str, str] = {}

    def work(number: int) -> None:
        for turn in range(20):
            sealed = seal(writers[number % 2], talk(f"w{number}-{turn}"), user=f"u{turn % 3}")
            assert sealed is not None
            assert writers[number % 2].put(sealed)
            hashes[sealed.event_id] = sealed.content_ct_hash

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(writer.flush(10) for writer in writers)
    found = list(shelf.reader.read_each(hashes))
    assert len(found) == 80
    assert all(isinstance(one, Opened) for one in found)
    assert list(shelf.reader.problems()) == []


def test_a_full_disk_is_told_and_outlived(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    gaps: list[tuple[int, str]] = []
    writer = shelf.writer(queue_bytes_max=2000, on_gap=lambda lost, since, until, why: gaps.append((lost, why)))
    sealed = [seal(writer, Content(reply=os.urandom(200).hex())) for _ in range(30)]

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "append", full)
        assert sealed[0] is not None
        assert writer.put(sealed[0])
        until(lambda: not writer.healthy)
        with pytest.raises(ContentUnavailable, match="No space left"):
            asyncio.run(writer.durable(sealed[0]))
        taken = [one for one in sealed[1:] if one is not None and writer.put(one)]
        assert 0 < len(taken) < 29
    until(lambda: gaps)
    assert gaps == [(29 - len(taken), "No space left on device")]
    assert writer.flush(60)
    assert writer.healthy
    back = shelf.reader.check({one.event_id: one.content_ct_hash for one in (sealed[0], *taken)})
    assert set(back.values()) == {"whole"}


def test_who_waits_for_a_refusing_disk_is_answered(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = shelf.writer()
    sealed = seal(writer)
    assert sealed is not None
    monkeypatch.setattr(Segment, "append", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
    with pytest.raises(ContentUnavailable, match="I/O error"):
        asyncio.run(writer.durable(sealed))
    assert not writer.close(0.05)


def test_a_slow_disk_does_not_hold_a_caller_for_ever(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = shelf.writer(durable_timeout_s=0.05)
    go = threading.Event()
    real = Segment.append
    monkeypatch.setattr(Segment, "append", lambda *given: (go.wait(10), real(*given))[1])
    sealed = seal(writer)
    assert sealed is not None
    with pytest.raises(ContentUnavailable, match="in time"):
        asyncio.run(writer.durable(sealed))
    go.set()
    assert writer.flush(60)
    assert shelf.reader.read(sealed.event_id)


def test_after_closing_nothing_is_accepted(shelf: Shelf) -> None:
    writer = shelf.writer(linger_s=5.0)
    sealed = seal(writer)
    assert sealed is not None
    assert writer.put(sealed)
    assert writer.close(60)
    assert not writer.put(sealed)
    assert not writer.healthy
    assert shelf.reader.read(sealed.event_id)


def test_another_processs_erasure_empties_the_memory_of_an_idle_writer(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.keep()
    writer = shelf.writers[0]
    assert writer._sealer is not None
    assert writer._sealer.held == 1
    shelf.keys.erase("user", "anna", now_us())
    until(lambda: writer._sealer is not None and writer._sealer.held == 0, 5)
    assert seal(writer, ts_us=now_us() - 10**9) is None


def test_small_batches_are_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 500)
    writer = shelf.writer()
    made = [seal(writer) for _ in range(50)]
    assert all(one is not None and writer.put(one) for one in made)
    assert writer.flush(60)
    assert len(shelf.reader.check({one.event_id: "" for one in made if one})) == 50


_CHILD = """
import sys
from pathlib import Path
from weir.audit.content.kek import load
from weir.audit.content.parts import Content, Text
from weir.audit.content.writer import ContentWriter
from weir.audit.record import new_event_id, now_us
import asyncio
root = Path(sys.argv[1])
writer = ContentWriter(root / "content", lambda: load(root / "content.keys", create=True), segment_bytes_max=4096)
writer.start()
async def run():
    number = 0
    while True:
        number += 1
        sealed = writer.seal(Content((Text("user", f"violet {number}" * 20),)), event_id=new_event_id(),
            user=f"u{number % 5}", conversation="", ts_us=now_us(), expires_day=30_000)
        await writer.durable(sealed)
        print(sealed.event_id, sealed.content_ct_hash, flush=True)
asyncio.run(run())
"""


def test_a_kill_loses_nothing_that_was_acknowledged(shelf: Shelf) -> None:
    known: dict[str, str] = {}
    for turn in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(shelf.root)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "addons")},
        )
        assert child.stdout is not None
        for _ in range(40 + 13 * turn):
            event_id, _, ct_hash = child.stdout.readline().partition(" ")
            known[event_id] = ct_hash.strip()
        child.kill()
        for line in child.stdout.read().splitlines():
            event_id, _, ct_hash = line.partition(" ")
            if len(ct_hash) == 64:
                known[event_id] = ct_hash
        child.wait()
        child.stdout.close()
    assert set(ContentReader(shelf.directory).check(known).values()) == {"whole"}
    assert list(shelf.reader.problems()) == []
    assert all(isinstance(one, Opened) for one in shelf.reader.read_each(known))


def test_texts_that_closing_left_behind_are_told_once(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    gaps: list[tuple[int, int, str]] = []
    left: list[str] = []
    writer = shelf.writer(on_gap=lambda lost, since, until, why: gaps.append((lost, since, why)), on_left=left.extend)
    sealed = [seal(writer), seal(writer)]
    monkeypatch.setattr(Segment, "append", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
    assert sealed[0] is not None and sealed[1] is not None
    assert writer.put(sealed[0])
    until(lambda: not writer.healthy)
    assert writer.put(sealed[1])
    assert not writer.close(0.05) and not writer.close(0.05)
    assert left == [one.event_id for one in sealed if one is not None]
    assert gaps == [(2, sealed[0].ts_us, "I/O error, until weir ended")]


def test_closing_in_order_tells_nothing(shelf: Shelf) -> None:
    gaps: list[int] = []
    writer = shelf.writer(on_gap=lambda lost, *_: gaps.append(lost), on_left=lambda _: gaps.append(-1), linger_s=5.0)
    shelf.keep(writer=writer)
    sealed = seal(writer)
    assert sealed is not None and writer.put(sealed)
    assert writer.close(60) and gaps == []


def test_a_writer_that_has_ended_takes_nothing_more(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = shelf.writer()
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    committer = writer._committer
    assert committer is not None
    monkeypatch.setattr(committer, "commit", lambda *_: 1 / 0)  # a mistake of ours, not of the disk
    first = seal(writer)
    assert first is not None and writer.put(first)
    until(lambda: not writer._thread.is_alive())
    assert not writer.healthy
    second = seal(writer)
    assert second is not None and not writer.put(second)


def test_who_gathers_is_let_be_until_somebody_waits(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """To wake a thread costs an event loop more than all else that it does here."""
    writer = shelf.writer(linger_s=30)
    first, *others, last = (seal(writer) for _ in range(12))
    assert first is not None and writer.put(first)
    until(lambda: writer._lingers)
    woken: list[int] = []
    notify = writer._wake.notify
    monkeypatch.setattr(writer._wake, "notify", lambda: (woken.append(1), notify()))
    assert all(one is not None and writer.put(one) for one in others)
    assert woken == [] and writer.lag == 11
    assert last is not None
    asyncio.run(writer.durable(last))
    assert woken == [1] and writer.lag == 0
