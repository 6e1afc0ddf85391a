"""What may happen to the ledger's file and to clocks ends in LedgerError or in a right answer, never in a wrong sum."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from weir.limits.budget import Budget, Claim, Scope, Unit, Window
from weir.limits.ledger import Actual, Ledger, LedgerError, Reservation
from weir.limits.store import Store
from weir.model import Principal

AMOUNT, START = 1_000_000, 1_800_000_000
BUDGET = Budget("org", Scope.ORG, Unit.TOKENS, AMOUNT, Window.MONTH)


def claim(name: str, tokens: int = 100) -> Claim:
    return Claim(name, Principal(), "s", "m", tokens, None)


def spend(ledger: Ledger, name: str) -> int:
    """What one more request was seen to use."""
    assert isinstance(ledger.reserve(claim(name)), Reservation)
    assert ledger.settle(name, Actual(10, None)).first
    return 10


def spent(ledger: Ledger) -> int:
    (standing,) = ledger.standings()
    assert standing.reserved == 0
    return standing.spent


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "ledger"
    folder.mkdir()
    yield folder / "limits.db"
    shutil.rmtree(folder, ignore_errors=True)


def test_a_file_that_was_removed_is_not_written_to_unseen(path: Path) -> None:
    ledger = Ledger.open(path, (BUDGET,))
    spend(ledger, "a")
    path.unlink()
    for call in (lambda: ledger.reserve(claim("b")), lambda: ledger.settle("a", None), ledger.standings):
        with pytest.raises(LedgerError, match="removed or replaced"):
            call()
    ledger.close()


def test_a_file_that_was_moved_away_is_used_again_when_it_is_back(path: Path) -> None:
    ledger = Ledger.open(path, (BUDGET,))
    spend(ledger, "a")
    path.rename(path.with_suffix(".away"))
    with pytest.raises(LedgerError):
        ledger.reserve(claim("b"))
    path.with_suffix(".away").rename(path)
    spend(ledger, "b")
    assert spent(ledger) == 20
    ledger.close()


def test_a_file_that_was_replaced_is_not_taken_for_the_one_before(path: Path) -> None:
    ledger, other = Ledger.open(path, (BUDGET,)), Ledger.open(path.with_suffix(".other"), (BUDGET,))
    spend(ledger, "a")
    other.close()
    path.with_suffix(".other").rename(path)
    with pytest.raises(LedgerError, match="removed or replaced"):
        ledger.reserve(claim("b"))
    ledger.close()


def test_a_file_that_is_removed_during_a_transaction_gives_no_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger.open(path, (BUDGET,))
    spend(ledger, "a")
    change = "weir.limits.rows.hold"
    monkeypatch.setattr(change, lambda *given: path.unlink() or True)
    with pytest.raises(LedgerError, match="removed or replaced"):
        ledger.reserve(claim("b"))
    ledger.close()


@pytest.mark.parametrize("seed", range(12))
def test_a_page_of_garbage_is_found_or_does_not_matter(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    ledger = Ledger.open(path, (BUDGET,))
    right = sum(spend(ledger, f"claim number {number}") for number in range(40))
    for number in range(40):
        ledger.reserve(claim(f"held {number}", 0))
    if seed % 2:
        ledger.close()
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        file.seek(4096 * chance.randrange(pages))
        file.write(chance.randbytes(4096))
    for number in range(2):  # as it is open, and opened anew
        try:
            ledger.release(f"held {number}")
            assert spent(ledger) == right
            right += spend(ledger, f"another {number}")
            assert spent(ledger) == right
            ledger.close()
            ledger = Ledger.open(path, (BUDGET,))
        except LedgerError as error:
            assert "SQLite" in str(error)
            break
    ledger.close()


@pytest.mark.parametrize("left", [0, 1000, 8192])
def test_a_file_that_was_cut_while_in_use(path: Path, left: int) -> None:
    ledger = Ledger.open(path, (BUDGET,))
    right = sum(spend(ledger, str(number)) for number in range(20))
    os.truncate(path, left)
    for number in range(3):
        try:
            right += spend(ledger, f"after {number}")
            assert spent(ledger) == right
        except LedgerError as error:
            assert "SQLite" in str(error)
    ledger.close()


def _small_disk(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture
def small(path: Path) -> Iterator[tuple[Path, Callable[[Ledger], None], Callable[[Ledger], None]]]:
    """A file on a disk that can be filled and freed. Who may not mount has a file that may not grow."""
    if not _small_disk(path.parent):
        most = "PRAGMA max_page_count = {}"

        def bound(ledger: Ledger, pages: int) -> None:
            ledger._store.run(lambda connection: connection.exec_driver_sql(most.format(pages)))

        yield path, lambda ledger: bound(ledger, 1), lambda ledger: bound(ledger, 1 << 20)
        return
    ballast = path.parent / "ballast"

    def fill(_: Ledger) -> None:
        with ballast.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    continue
            except OSError:
                return

    yield path, fill, lambda _: ballast.unlink()
    subprocess.run(["umount", "--lazy", str(path.parent)], check=True)


def test_a_full_disk(small: tuple[Path, Callable[[Ledger], None], Callable[[Ledger], None]]) -> None:
    path, fill, free = small
    ledger = Ledger.open(path, (BUDGET,))
    right = sum(spend(ledger, str(number)) for number in range(5))
    fill(ledger)
    failed: list[str] = []
    for number in range(60):
        try:
            right += spend(ledger, f"full {number}")
        except LedgerError as error:
            failed.append(f"full {number}")
            assert "SQLite" in str(error)
    assert failed
    free(ledger)
    for name in failed:  # whichever step of it had failed
        right += spend(ledger, name)
    assert spent(ledger) == right
    ledger.close()
    again = Ledger.open(path, (BUDGET,))
    assert spent(again) == right
    again.close()


def test_a_file_that_may_only_be_read(path: Path) -> None:
    Ledger.open(path, (BUDGET,)).close()
    if _small_disk(path.parent):
        try:
            Ledger.open(path, (BUDGET,)).close()
            subprocess.run(["mount", "-o", "remount,ro", str(path.parent)], check=True)
            with pytest.raises(LedgerError, match="SQLite"):
                Ledger.open(path, (BUDGET,), timeout_s=0.2)
        finally:
            subprocess.run(["umount", "--lazy", str(path.parent)], check=True)
        return
    path.chmod(0o400)
    with pytest.raises(LedgerError, match="SQLite"):
        Ledger.open(path, (BUDGET,), timeout_s=0.2)


class ClocksMachine(RuleBasedStateMachine):
    """Two ledgers of one store whose clocks go as they like, backwards too."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="weir-clocks-")
        self.now = [START + 1000, START + 1000]
        path = Path(self.folder.name) / "l.db"
        small = Budget("org", Scope.ORG, Unit.TOKENS, 1000, Window.MONTH)
        self.ledgers = [
            Ledger(Store.open(path), (small,), hold_s=50, clock=lambda place=place: float(self.now[place]))
            for place in (0, 1)
        ]
        self.held: dict[str, int] = {}
        self.late = 0

    @rule(place=st.integers(0, 1), seconds=st.integers(-60, 60))
    def turn(self, place: int, seconds: int) -> None:
        self.now[place] = max(START, self.now[place] + seconds)

    @rule(place=st.integers(0, 1), tokens=st.integers(1, 600))
    def reserve(self, place: int, tokens: int) -> None:
        name = f"c{len(self.held)}"
        if isinstance(self.ledgers[place].reserve(claim(name, tokens)), Reservation):
            self.held[name] = tokens

    @rule(place=st.integers(0, 1), which=st.integers(0, 20), part=st.sampled_from([0, 1]))
    def settle(self, place: int, which: int, part: int) -> None:
        name = f"c{which}"
        live = f"SELECT min(expires) FROM weir_holds WHERE claim = '{name}'"
        store = self.ledgers[place]._store
        expires = store.run(lambda connection: connection.exec_driver_sql(live).scalar())
        if self.ledgers[place].settle(name, Actual(self.held.get(name, 0) * part, None)).first:
            over = expires is None or expires <= max(self.now) * 1_000_000
            self.late += self.held[name] * part * over

    @rule(place=st.integers(0, 1), which=st.integers(0, 20), how=st.sampled_from(["renew", "release"]))
    def other(self, place: int, which: int, how: str) -> None:
        getattr(self.ledgers[place], how)(f"c{which}")

    @invariant()
    def never_over(self) -> None:
        for ledger in self.ledgers:
            for one in ledger.standings():
                assert one.spent + one.reserved <= 1000 + self.late

    def teardown(self) -> None:
        for ledger in self.ledgers:
            ledger.close()
        self.folder.cleanup()


ClocksMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestClocks = ClocksMachine.TestCase
