"""The ingester's process runs as long as the proxy: started with it, again when it dies, ended after it."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.edge.process import ingester as module
from weir.edge.process.ingester import Ingester


class Stand:
    """A program in the ingester's place that writes down how it was called and what became of it."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.log.touch()
        self.program = folder / "python"

    def does(self, lines: str) -> None:
        self.program.write_text(f'#!/bin/sh\necho "start $@" >> {self.log}\n{lines}\n')
        self.program.chmod(0o700)

    @property
    def said(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    found = Stand(tmp_path)
    monkeypatch.setattr(sys, "executable", str(found.program))
    monkeypatch.setattr(module, "BACKOFF_S", (0.01, 0.02))
    return found


def test_it_gets_none_of_the_keys(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "not for it")
    stand.does(f"env >> {stand.log}; cat >/dev/null")

    async def main() -> None:
        addon = Ingester(tmp_path / "data")
        await addon.running()
        await until(lambda: any(line.startswith("PATH=") for line in stand.said))
        await addon.done()

    asyncio.run(main())
    names = {line.partition("=")[0] for line in stand.said if "=" in line}
    assert "PATH" in names and "SOME_API_KEY" not in names


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def test_it_runs_beside_the_proxy_and_ends_after_it(stand: Stand, tmp_path: Path) -> None:
    stand.does(f"cat >/dev/null; echo end >> {stand.log}")  # as the ingester: its last pass when stdin ends

    async def main() -> None:
        addon = Ingester(tmp_path / "data")
        await addon.running()
        assert not addon.runs
        await until(lambda: len(stand.said) == 1)
        await until(lambda: addon.runs)  # it may have spoken before the loop knows that it is there
        await addon.done()
        assert not addon.runs

    asyncio.run(main())
    first, last = stand.said
    assert first.startswith(f"start -m weir.audit.ingester --data {tmp_path / 'data'} ")
    assert first.endswith("--watch-stdin")  # it ends when the proxy does, however that comes about
    assert last == "end"


def test_it_is_started_again(stand: Stand, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stand.does("exit 3")

    async def main() -> None:
        addon = Ingester(tmp_path)
        await addon.running()
        await until(lambda: len(stand.said) >= 3)
        await addon.done()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "ingester ended with code 3; the spool keeps everything" in caplog.text


def test_one_that_cannot_be_started_is_tried_again(
    stand: Stand, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        addon = Ingester(tmp_path)
        await addon.running()
        await until(lambda: "could not be started (No such file" in caplog.text)
        assert not addon.runs
        stand.does("cat >/dev/null")
        await until(lambda: len(stand.said) == 1)
        await addon.done()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())


def test_an_end_right_after_the_start_leaves_no_process_behind(stand: Stand, tmp_path: Path) -> None:
    stand.does(f"cat >/dev/null; echo end >> {stand.log}")

    async def main() -> None:
        addon = Ingester(tmp_path)
        await addon.running()
        await asyncio.sleep(0)  # the start has begun, and has not finished
        await asyncio.sleep(0)
        await addon.done()
        assert addon._starting is not None and addon._starting.result().returncode == 0

    asyncio.run(main())
    assert stand.said[-1] == "end"


def test_one_that_does_not_end_is_left_to_itself(
    stand: Stand, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_S", 0.05)
    stand.does("exec sleep 60")

    async def main() -> None:
        addon = Ingester(tmp_path)
        await addon.running()
        await until(lambda: len(stand.said) == 1)
        await addon.done()
        assert addon._starting is not None
        process = addon._starting.result()
        process.kill()
        await process.wait()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "did not end within" in caplog.text


def test_done_without_a_start(tmp_path: Path) -> None:
    asyncio.run(Ingester(tmp_path).done())


def test_it_gets_the_variables_that_the_policy_s_references_name(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("S3_ID", "S3_SECRET", "SOME_API_KEY", "AWS_PROFILE"):
        monkeypatch.setenv(name, "x")
    policy = tmp_path / "policy.yaml"
    bucket = "{name: b, access_key: 'env:S3_ID', secret_key: 'env:S3_SECRET'}"
    policy.write_text(f"version: 1\naudit: {{checkpoints: {{publish: [{{bucket: {bucket}}}]}}}}\n")
    stand.does(f"env >> {stand.log}; cat >/dev/null")

    async def main() -> None:
        addon = Ingester(tmp_path / "data", policy)
        await addon.running()
        await until(lambda: any(line.startswith("PATH=") for line in stand.said))
        await addon.done()

    asyncio.run(main())
    names = {line.partition("=")[0] for line in stand.said if "=" in line}
    assert {"S3_ID", "S3_SECRET"} <= names and not names & {"SOME_API_KEY", "AWS_PROFILE"}
    assert "--secrets weir.keys.secrets:yields" in stand.said[0]
