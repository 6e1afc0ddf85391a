"""``weir audit``: every group of commands is there, with a help of its own."""

from __future__ import annotations

import pytest

from weir.cli.audit.app import app

NAMES = sorted(command.name or command.callback.__name__ for command in app.registered_commands if command.callback)


@pytest.mark.parametrize("name", NAMES)
def test_each_command_says_what_it_is_for(weir, name: str) -> None:
    done = weir("audit", name, "--help")
    assert done.code == 0 and "Usage" in done.out


def test_the_commands_are_told_without_an_argument(weir) -> None:
    told = weir("audit", "--help").out
    assert "erase them" in told, "what it is for is more than asking"
    assert {"sql", "path", "verify", "ingest"} <= set(NAMES) and all(name in told for name in NAMES)
