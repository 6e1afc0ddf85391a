"""Processes for long texts: the same findings, killed and replaced when they must be, and none left behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.detectors import user
from weir.dlp.core.cache import Scanned
from weir.dlp.core.engine import HELPED_CHARS_MIN, Engine
from weir.dlp.core.patterns import Deadline
from weir.dlp.core.pool import GRACE_S, LOST, Helpers
from weir.dlp.core.recipe import Recipe
from weir.dlp.core.scan import LATE

FILLER = "lorem ipsum dolor " * (HELPED_CHARS_MIN // 10)
TEXT = f"{FILLER} to jane@acme.com"


def until(holds: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """As weir gives it: what one process has compiled the others read."""
    folder = tmp_path_factory.mktemp("compiled")
    return Recipe(entities=("EMAIL_ADDRESS",), fingerprint_key=b"pool-test", compiled=folder)


@pytest.fixture(scope="module")
def engine(recipe: Recipe) -> Iterator[Engine]:
    made = Engine.load(
        entities=recipe.entities,
        fingerprint_key=recipe.fingerprint_key,
        cache_entries=0,
        helpers=2,
        compiled=recipe.compiled,
    )
    made.start()
    assert made.helpers is not None and made.helpers.wait(60)
    yield made
    made.close()


def helpers_of(engine: Engine) -> Helpers:
    assert engine.helpers is not None
    assert until(lambda: len(engine.helpers.pids) == 3)  # type: ignore[union-attr]
    return engine.helpers


def test_what_is_found_there_is_what_is_found_here(engine: Engine) -> None:
    helpers = helpers_of(engine)
    data = TEXT.encode()
    there = helpers.scan(data, Deadline(10))
    assert there is not None and there == engine._scanner.scan(TEXT, data, None)
    assert helpers.scan(data, None) == there
    assert helpers.scan("\ud800 jane@acme.com".encode("utf-8", "surrogatepass"), None) is not None
    alone = helpers.scan(data, None, seam=True)
    assert alone is not None and alone[0].spans == ()  # personal data is not sought across seams


def test_the_engine_asks_them_for_long_texts_only(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    whole = Helpers.scan

    def note(self: Helpers, data: bytes, *args: object, **named: object) -> object:
        asked.append(len(data))
        return whole(self, data, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Helpers, "scan", note)
    scan = engine.scan(user("to joe@acme.com", TEXT), deadline_s=10)
    assert scan.complete and [finding.segment for finding in scan.findings] == [0, 1]
    assert asked == [len(TEXT)]


def test_those_that_were_killed_are_replaced_and_the_scan_goes_on(engine: Engine) -> None:
    helpers = helpers_of(engine)
    before = helpers.pids
    for pid in before[1:]:
        os.kill(pid, signal.SIGKILL)
    assert until(lambda: all(map(gone, before[1:])))
    assert engine.scan(user(TEXT), deadline_s=10).complete
    assert helpers.pids[0] == before[0] and not set(helpers.pids[1:]) & set(before)


def test_a_text_that_ends_every_scanner_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def dies(self: Helpers, scanner: object, *_: object) -> object:
        asked.append(1)
        self._idle.put(scanner)  # type: ignore[arg-type]
        return Scanned(reason=LOST), False

    helpers = helpers_of(engine)
    monkeypatch.setattr(Helpers, "_ask", dies)
    scan = engine.scan(user(TEXT), deadline_s=10)
    assert (scan.complete, scan.reason) == (False, LOST) and len(asked) == 1 + len(helpers.pids[1:])


def test_one_that_hangs_is_killed_in_its_time(engine: Engine) -> None:
    helpers = helpers_of(engine)
    hung = helpers.pids[1:]
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    for _ in hung:
        begin = time.monotonic()
        scan = engine.scan(user(TEXT), deadline_s=0.2)
        assert (scan.complete, scan.reason, scan.out_of_time) == (False, LATE, True)
        assert time.monotonic() - begin < 0.2 + GRACE_S + 10  # and some, for a busy machine
    assert until(lambda: all(map(gone, hung)))
    assert engine.scan(user(TEXT), deadline_s=10).complete


def test_who_waits_for_a_busy_one_waits_no_longer_than_its_time(engine: Engine) -> None:
    helpers = helpers_of(engine)
    taken = [helpers._idle.get(timeout=60) for _ in range(2)]
    try:
        assert helpers.scan(TEXT.encode(), Deadline(0.05)) == helpers.scan(TEXT.encode(), Deadline(0.0))
        scan = helpers.scan(TEXT.encode(), Deadline(0.05))
        assert scan is not None and (scan[0].reason, scan[1]) == (LATE, False)
    finally:
        for scanner in taken:
            helpers._idle.put(scanner)


def test_many_threads_at_once(engine: Engine) -> None:
    helpers_of(engine)
    texts = [f"{FILLER} to p{n}@acme.com" for n in range(24)]
    wrong: list[int] = []

    def work(n: int) -> None:
        findings = engine.scan(user(texts[n]), deadline_s=30).findings
        if [(f.start, f.end) for f in findings] != [(len(FILLER) + 4, len(texts[n]))]:
            wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_without_any_the_thread_scans(recipe: Recipe) -> None:
    helpers = Helpers(recipe, 1)
    helpers.close()
    helpers.start()  # no more
    assert helpers.scan(b"x", None) is None and helpers.pids == ()


def test_a_recipe_that_does_not_load_leaves_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    helpers = Helpers(Recipe(entities=("NOPE",), fingerprint_key=b"radioactive"), 1)
    helpers.start()
    assert not helpers.wait(60)
    assert helpers.scan(b"x", None) is None
    assert "scanned in threads" in caplog.text and "radioactive" not in caplog.text
    helpers.close()


def test_they_end_when_nobody_holds_them(recipe: Recipe) -> None:
    helpers = Helpers(recipe, 1)
    helpers.start()
    assert helpers.wait(60)
    pids = helpers.pids
    assert len(pids) == 2
    del helpers
    gc.collect()
    assert until(lambda: all(map(gone, pids)))


def test_they_end_with_weir_however_that_ends(recipe: Recipe) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from weir.dlp.core.pool import Helpers\n"
        "from weir.dlp.core.recipe import Recipe\n"
        "recipe = Recipe(entities=('EMAIL_ADDRESS',), fingerprint_key=b'pool-test', compiled=Path(sys.argv[1]))\n"
        "helpers = Helpers(recipe, 2)\n"
        "helpers.start(); helpers.wait(60); print(*helpers.pids, flush=True); time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PROVIDER_KEY": "radioactive"}
    command = [sys.executable, "-c", code, str(recipe.compiled)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 3
        assert not any(b"radioactive" in Path(f"/proc/{pid}/environ").read_bytes() for pid in pids)
        process.send_signal(signal.SIGKILL)
    assert until(lambda: all(map(gone, pids)))
