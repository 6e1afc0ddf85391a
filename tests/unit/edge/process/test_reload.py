"""A changed policy is taken whole, or the one in force stays and the reason is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.rig import Rig
from weir.edge.process import reload as reload_module
from weir.edge.process.reload import Reload
from weir.edge.state import Snapshot
from weir.identity import users
from weir.identity.build import Sources


class Watched:
    """A policy file, and what building it gives."""

    def __init__(self, rig: Rig, path: Path) -> None:
        self.rig, self.path, self.built = rig, path, 0
        self.error: Exception | None = None
        path.write_text("version: 1\n")
        self.addon = Reload(rig.state, path, self.build)

    def build(self) -> Snapshot:
        self.built += 1
        if self.error is not None:
            raise self.error
        return replace(self.rig.state.snapshot, secrets={})

    def change(self) -> None:
        self.path.write_text(self.path.read_text() + "# more\n")

    def during(self, body: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            await self.addon.running()
            try:
                await asyncio.wait_for(body(), 60)
            finally:
                await self.addon.done()

        asyncio.run(main())

    @property
    def told(self) -> list[str]:
        return [r.reason for r in self.rig.records if r.kind == "config"]


@pytest.fixture
def watched(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(reload_module, "POLL_S", 0.005)
    return Watched(rig, tmp_path / "policy.yaml")


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.002)


def test_the_start_is_in_the_audit(watched: Watched) -> None:
    async def nothing() -> None:
        pass

    watched.during(nothing)
    assert watched.told == ["policy in force"] and watched.built == 0
    assert watched.rig.records[0].policy_hash == watched.rig.state.snapshot.settings.hash


def test_a_changed_file_is_taken(watched: Watched) -> None:
    old = watched.rig.state.snapshot

    async def body() -> None:
        watched.change()
        await until(lambda: watched.rig.state.snapshot is not old)

    watched.during(body)
    assert watched.told == ["policy in force", "policy taken"] and watched.built == 1


def test_a_file_that_stays_is_built_only_when_asked(watched: Watched) -> None:
    async def body() -> None:
        await asyncio.sleep(0.03)
        assert watched.built == 0
        watched.addon.asked.set()
        await until(lambda: watched.built == 1)

    watched.during(body)


@pytest.mark.parametrize(
    ("error", "shown", "hidden"),
    [
        (ValueError("policy.yaml:3: rules.0.then: write block"), "policy.yaml:3", ""),
        (FileNotFoundError(2, "No such file"), "No such file", ""),
        (KeyError("canary"), "KeyError", "canary"),  # of a surprise only the class: it may quote anything
    ],
)
def test_mistakes_keep_the_old_one(
    watched: Watched, caplog: pytest.LogCaptureFixture, error: Exception, shown: str, hidden: str
) -> None:
    old, watched.error = watched.rig.state.snapshot, error
    settled: list[object] = []
    watched.rig.state.company.settle = settled.append  # type: ignore[method-assign]

    async def body() -> None:
        watched.change()
        await until(lambda: len(watched.told) == 2)
        assert watched.rig.state.snapshot is old
        await until(lambda: settled == [old.secrets])
        watched.error = None
        watched.change()
        await until(lambda: watched.rig.state.snapshot is not old)

    with caplog.at_level(logging.INFO):
        watched.during(body)
    assert watched.told[1:] == ["changed policy refused, the one in force stays", "policy taken"]
    assert (watched.addon.taken, watched.addon.refused) == (1, 1)
    assert shown in caplog.text and not (hidden and hidden in caplog.text)


def test_a_file_that_vanishes_is_a_change(watched: Watched) -> None:
    watched.error = FileNotFoundError(2, "No such file")

    async def body() -> None:
        watched.path.unlink()
        await until(lambda: len(watched.told) == 2)

    watched.during(body)
    assert watched.told[1].startswith("changed policy refused")


def test_it_stops_watching(watched: Watched) -> None:
    async def main() -> None:
        await watched.addon.running()
        task = watched.addon._task
        await watched.addon.done()
        assert task is not None
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())


def test_the_processes_of_an_engine_that_is_no_longer_used_end(watched: Watched) -> None:
    closed: list[str] = []

    class Engine:
        def close(self) -> None:
            closed.append("closed")

    snapshot = watched.rig.state.snapshot
    dlp = snapshot.settings.dlp.model_copy(update={"timeout_ms": 10})
    settings = snapshot.settings.model_copy(update={"dlp": dlp})
    watched.rig.state.snapshot = replace(snapshot, engine=Engine(), settings=settings)  # type: ignore[arg-type]

    async def body() -> None:
        watched.change()  # to one with the same engine
        await until(lambda: watched.built == 1)
        await asyncio.sleep(0.05)
        assert not closed
        watched.addon.build = lambda: snapshot
        watched.change()
        await until(lambda: bool(closed))

    watched.during(body)
    assert closed == ["closed"]


@pytest.mark.parametrize(
    ("store", "in_use", "told"),
    [("rates", True, True), ("rates", False, False), ("budgets", True, True), ("budgets", False, True)],
)
def test_changed_stores_wait_for_a_restart_and_say_so(
    watched: Watched, caplog: pytest.LogCaptureFixture, store: str, in_use: bool, told: bool
) -> None:
    """Virtual keys are in the store of budgets from the start, whether anything was counted there or not."""
    state = watched.rig.state
    settings = state.snapshot.settings
    elsewhere = settings.model_copy(update={"stores": settings.stores.model_copy(update={store: "env:X"})})
    state.admission = object() if in_use else None  # type: ignore[assignment]
    watched.addon.build = lambda: replace(state.snapshot, settings=elsewhere)

    async def body() -> None:
        watched.change()
        await until(lambda: state.snapshot.settings is elsewhere)

    watched.during(body)
    said = "changed stores take effect when weir is restarted"
    assert (said in watched.told) is told and ("stores changed" in caplog.text) is told


def test_a_new_policys_sources_begin_and_the_old_ones_end(watched: Watched) -> None:
    said: list[str] = []

    class Noisy(Sources):
        def start(self) -> None:
            said.append("new begins")

        def close(self) -> None:
            said.append("old ends")

    old = watched.rig.state.snapshot
    parts = {one.name: getattr(old.sources, one.name) for one in fields(Sources)}
    watched.rig.state.snapshot = replace(old, sources=Noisy(**parts))
    watched.addon.build = lambda: replace(old, sources=Noisy(**parts))

    async def body() -> None:
        watched.change()
        await until(lambda: len(said) == 2)

    watched.during(body)
    assert said == ["new begins", "old ends"]


def test_a_changed_users_file_is_taken_and_wrong_passwords_are_checked_anew(watched: Watched, tmp_path: Path) -> None:
    path = tmp_path / "users"
    users.add(path, "jane", "correct horse", work=users.Work(10, 1, 1))
    snapshot = watched.rig.state.snapshot
    forgot: list[str] = []
    desk = SimpleNamespace(forget=lambda: forgot.append("forgot"))
    watched.rig.state.snapshot = replace(
        snapshot,
        sources=replace(snapshot.sources, users=users.Users.load(path)),
        desk=desk,  # type: ignore[arg-type]
    )

    async def body() -> None:
        await asyncio.sleep(0.03)
        assert not forgot
        users.add(path, "joe", "other horse", work=users.Work(10, 1, 1))
        await until(lambda: bool(forgot))
        path.write_text("jane:no hash of any kind\n")
        await until(lambda: len(watched.told) == 2)
        await asyncio.sleep(0.03)

    watched.during(body)
    assert forgot == ["forgot"] and len(watched.rig.state.snapshot.sources.users or ()) == 2
    assert watched.told[1:] == ["changed users refused, those in force stay"]


def test_whatever_goes_wrong_the_next_change_is_seen(
    watched: Watched, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = watched.rig.state.snapshot

    def full(snapshot: Snapshot) -> None:
        raise OSError(28, "canary")

    monkeypatch.setattr(watched.addon, "_say", full)

    async def body() -> None:
        for number in (1, 2):
            watched.change()
            await until(lambda number=number: watched.told.count("policy taken") == number)  # type: ignore[misc]

    watched.during(body)
    assert watched.rig.state.snapshot is not old and watched.built == 2
    assert "a change could not be followed: OSError at " in caplog.text and "canary" not in caplog.text


def test_a_change_does_not_wait_for_the_directory_that_is_asked_about_connections(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    async def hangs(state: object) -> None:
        asked.append("asked")
        if len(asked) == 1:
            await asyncio.Event().wait()
        raise OSError(28, "canary")

    monkeypatch.setattr(reload_module, "again", hangs)

    async def body() -> None:
        await until(lambda: bool(asked))
        watched.change()
        await until(lambda: "policy taken" in watched.told)
        assert asked == ["asked"], "not twice at once"
        assert watched.addon._asking is not None
        watched.addon._asking.cancel()
        await until(lambda: len(asked) == 2)  # at once, as the policy is another now
        watched.change()
        await until(lambda: len(asked) == 3)

    watched.during(body)
    assert "connections that stand could not be asked about: OSError at " in caplog.text and "canary" not in caplog.text
