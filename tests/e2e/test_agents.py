"""Claude Code, Codex and Gemini CLI, as released, through the real proxy: ``weir exec --`` and a virtual key."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.support import ADDRESS, STAND_IN, House
from harness.agents import AGENTS, Agent, behaviour, run_agent
from harness.doubles import Doubles
from harness.processes import until

pytestmark = pytest.mark.xdist_group("agents")

PROMPT = "How high is the river today?"
LESS = 10  # what was looked at in the first turn is not looked at again in the second
NOTES = f"The gauge reads 2.41 m. Ask {ADDRESS} about it.\n"
# Where they call home, look for news, or send what they measure: all have doubles, or are known to nobody here.
ELSEWHERE = (
    *("chatgpt.com", "ab.chatgpt.com", "play.googleapis.com", "statsig.anthropic.com", "claude.ai", "github.com"),
    *("downloads.claude.ai", "mcp-proxy.anthropic.com", "api.github.com", "registry.npmjs.org"),
)


@pytest.fixture(scope="module")
def start(start_module_house: Callable[..., House], shared_doubles: Doubles) -> Callable[[], House]:
    """Start a proxy that enforces, whose owner has approved of the providers, and which has seen nothing yet."""
    options = [word for value in shared_doubles.resolve(*ELSEWHERE) for word in ("--resolve", value)]
    return lambda: start_module_house(options=options)


@pytest.fixture(scope="module")
def proxy(start: Callable[[], House]) -> House:
    """One of these for agents whose prompts have nothing in common."""
    return start()


@pytest.fixture
def house(proxy: House, doubles: Doubles) -> House:
    """That proxy, with the records from now on."""
    proxy.begin()
    return proxy


def asked(agent: Agent, house: House, place: Path, more: str = "") -> str:
    """What the agent says to a prompt in a folder with a file of notes, having called its tool."""
    home, folder = place / "home", place / "work"
    home.mkdir()
    folder.mkdir()
    (folder / "notes.txt").write_text(NOTES)
    house.doubles.behave(behaviour(agent, folder) + more, host=agent.host, path=agent.path, times=100)
    return run_agent(agent, PROMPT, key=house.key, data=house.weir.data, home=home, folder=folder)


def turns(agent: Agent, house: House) -> list[dict[str, Any]]:
    """The records of its two turns: those of its requests with tools and a system prompt."""

    def both() -> list[dict[str, Any]] | None:
        rows = [row for row in house.records("response") if row["host"] == agent.host and row.get("input_tokens")]
        rows = [row for row in rows if row["req_bytes"] >= agent.first_bytes]
        return rows if len(rows) >= 2 else None

    rows = until(both, f"two requests of {agent.name} to its model")
    assert len(rows) == 2
    return rows


def check_row(agent: Agent, row: dict[str, Any]) -> None:
    """What the audit has to say of each request to a model."""
    assert (row["inspection"], row["service"]) == ("inspected", agent.service), row.get("inspection_reason")
    assert (row["usage_source"], row["auth_method"], row["team"]) == ("reported", "virtual_key", "finance")
    assert row["user_agent"].startswith(agent.agent) and row["output_tokens"] > 0
    assert row["credential"] == "virtual"


def check_wire(agent: Agent, house: House) -> bytes:
    """All that its provider got: with the provider's own key, or the double would not have answered."""
    got = [row for row in house.doubles.requests(agent.host) if row.target.startswith(agent.path)]
    answered = [row for row in got if row.status in (101, 200)]
    assert answered and max(len(row.body) for row in answered) >= agent.first_bytes
    assert not any(house.key in str(row.headers) + row.target or house.key.encode() in row.body for row in got)
    return b"".join(row.body for row in got)


def check_told(agent: Agent, house: House) -> None:
    """What it tells its maker about itself is on record: held back unread, or the name of a host and bytes."""
    rows = until(
        lambda: [
            row
            for row in house.records()
            if row["host"] == agent.tells[0] and row.get("path_template", "").startswith(agent.tells[1])
        ],
        f"a record of what {agent.name} tells {agent.tells}",
        seconds=20,
    )
    assert {row["kind"] for row in rows} <= {"block", "request", "response", "meter"}
    assert {row["inspection"] for row in rows} <= {"unparsed", "partial", "metered", "inspected"}
    assert house.key not in json.dumps(rows)


@pytest.mark.parametrize(
    "agent",
    [pytest.param(AGENTS[name], marks=pytest.mark.needs(name), id=name) for name in ("claude", "gemini")],
)
def test_a_chat_with_a_tool(agent: Agent, house: House, tmp_path: Path) -> None:
    assert ADDRESS in asked(agent, house, tmp_path), "it has read the notes"
    first, second = turns(agent, house)
    for row in (first, second):
        check_row(agent, row)
    assert [call["name"] for call in first["tool_calls"]] == [agent.tool] and not second.get("tool_calls")
    assert second["verdict"] == "pseudonymise"
    assert second["dlp_chars"] * LESS <= first["dlp_chars"]
    sent = check_wire(agent, house)
    assert ADDRESS.encode() not in sent and STAND_IN.encode() in sent
    check_told(agent, house)


@pytest.mark.needs("codex")
def test_codex_over_its_socket(house: House, tmp_path: Path) -> None:
    agent = AGENTS["codex"]
    assert "agent_status" in asked(agent, house, tmp_path)
    row = until(lambda: next((r for r in house.records("response") if r["host"] == agent.host), None), "its record")
    check_row(agent, row)
    assert (row["http_status"], row["path_template"]) == (101, "/v1/responses")
    assert [call["name"] for call in row["tool_calls"]] == [agent.tool]
    frames = [json.loads(line) for line in check_wire(agent, house).splitlines()]
    assert [frame.get("generate", True) for frame in frames] == [False, True, True], "a warming-up comes first"
    # The records of a socket's turns count on.
    counts = [0, *(turn["dlp_chars"] for turn in house.until(3, "turn"))]
    _, first, second = (after - before for before, after in itertools.pairwise(counts))
    assert second * LESS <= first
    check_told(agent, house)


@pytest.mark.needs("codex")
def test_codex_where_there_is_no_socket(start: Callable[[], House], doubles: Doubles, tmp_path: Path) -> None:
    agent, house = AGENTS["codex"], start()
    assert "agent_status" in asked(agent, house, tmp_path, ",no_socket")
    first, second = turns(agent, house)
    for row in (first, second):
        check_row(agent, row)
        assert (row["http_status"], row["operation"]) == (200, "responses")
    assert [call["name"] for call in first["tool_calls"]] == [agent.tool]
    assert second["dlp_chars"] * LESS <= first["dlp_chars"]
    check_wire(agent, house)
