"""The parent's view of one worker, with small programs in the place of workers."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import pytest

from weir.edge.process.fleet.member import Member, ending

TALK = """
import json, socket, sys
seat = json.loads(sys.argv[sys.argv.index("--seat") + 1])
line = socket.socket(fileno=seat["control"])
line.sendall(b'{"ready": {"pid": 1}}\\n{"policy": {"mode": "observe"}}\\n')
line.sendall(b'{"say": ' + line.recv(100).strip() + b'}\\n')
line.recv(100)
sys.exit(7)
"""


@pytest.mark.parametrize(
    ("code", "told"),
    [(0, "ended with code 0"), (2, "ended with code 2"), (-9, "was killed by SIGKILL"), (-250, "by signal 250")],
)
def test_endings_are_told_in_words(code: int, told: str) -> None:
    assert told in ending(code)


async def test_it_is_ready_says_and_is_told() -> None:
    said: list[dict[str, Any]] = []
    member = Member(3, lambda who, what: said.append({"from": who.number, **what}))
    await member.start([sys.executable, "-c", TALK], 4, [], -1)
    assert await member.until_ready(20) and member.ready == {"pid": 1} and member.alive
    member.tell({"heard": 1})
    async with asyncio.timeout(60):
        while len(said) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert said == [{"from": 3, "policy": {"mode": "observe"}}, {"from": 3, "say": {"heard": 1}}]
    member.leave(2.0)
    assert member.leaving and await asyncio.wait_for(member.wait(), 60) == 7 and not member.alive
    member.tell({"too": "late"})
    member.signal(signal.SIGKILL)


async def test_one_that_ends_or_hangs_is_not_ready() -> None:
    ended = Member(1, lambda *_: None)
    await ended.start([sys.executable, "-c", "import sys; sys.exit(3)"], 1, [], -1)
    assert not await ended.until_ready(20) and await ended.wait() == 3
    hanging = Member(1, lambda *_: None)
    await hanging.start([sys.executable, "-c", "import time; time.sleep(60)"], 1, [], -1)
    assert not await hanging.until_ready(0.05)
    hanging.signal(signal.SIGKILL)
    assert await asyncio.wait_for(hanging.wait(), 60) == -signal.SIGKILL


async def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(OSError):
        await Member(1, lambda *_: None).start(["/nonexistent/weir"], 1, [], -1)
