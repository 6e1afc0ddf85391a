"""Shared options are the same in every command."""

from __future__ import annotations

import pytest

from weir.cli import options

WITH_DATA = (
    "run", "doctor", "env", "exec", "report", "ca show", "ca bundle", "keys create", "keys list", "keys revoke",
    "audit sql", "audit path", "tokenizers fetch",
)  # fmt: skip


@pytest.mark.parametrize("command", WITH_DATA)
def test_every_command_that_touches_a_store_takes_data(weir, command: str) -> None:
    assert "--data" in weir(*command.split(), "--help").out


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_every_command_that_decides_takes_a_policy(weir, command: str) -> None:
    assert "--policy" in weir(command, "--help").out


def test_defaults_are_those_of_run() -> None:
    from inspect import signature

    from weir.cli.run import LISTEN, run

    assert signature(run).parameters["data"].default == options.DATA
    assert f"http://{LISTEN}" == options.PROXY
