"""Coding agents as released, run headless by ``weir exec`` in an empty home, with a virtual key and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .processes import ROOT

__all__ = ["AGENTS", "Agent", "behaviour", "run_agent"]

_TIMEOUT_S = 90


@dataclass(frozen=True)
class Agent:
    """How one is called, and what it is known by. ``tool`` takes no leave and changes nothing."""

    name: str
    arguments: tuple[str, ...]  # before the prompt
    keys: tuple[str, ...]  # variables that hold its key
    host: str
    path: str  # of its requests to a model
    service: str
    agent: str  # how its User-Agent begins
    first_bytes: int  # at least so long is its first request to its model
    tells: tuple[str, str]  # host and path to which it tells about itself
    tool: str
    tool_arguments: str = "{}"


AGENTS = {
    agent.name: agent
    for agent in (
        Agent(
            *("claude", ("-p",), ("ANTHROPIC_API_KEY",), "api.anthropic.com", "/v1/messages", "anthropic"),
            *(
                "claude-cli/",
                40_000,
                ("api.anthropic.com", "/api/event_logging"),
                "Read",
                '{"file_path": "FOLDER/notes.txt"}',
            ),
        ),
        Agent(
            *("codex", ("exec", "--skip-git-repo-check"), ("OPENAI_API_KEY", "CODEX_API_KEY")),
            *(
                "api.openai.com",
                "/v1/responses",
                "openai",
                "codex_exec/",
                60_000,
                ("ab.chatgpt.com", ""),
                "list_agents",
            ),
        ),
        Agent(
            *("gemini", ("--skip-trust", "-p"), ("GEMINI_API_KEY",), "generativelanguage.googleapis.com"),
            *(
                "/v1beta/models/",
                "google-gemini",
                "GeminiCLI",
                25_000,
                ("play.googleapis.com", ""),
                "read_file",
                '{"file_path": "notes.txt"}',
            ),
        ),
    )
}


def behaviour(agent: Agent, folder: Path) -> str:
    """What its double is to do: have the tool called, then answer."""
    return f"tool={agent.tool},arguments={quote(agent.tool_arguments.replace('FOLDER', str(folder)))}"


def run_agent(agent: Agent, prompt: str, *, key: str, data: Path, home: Path, folder: Path) -> str:
    """What it says to one prompt in ``folder``; AssertionError with all it wrote when it fails."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    variables: dict[str, Any] = {**kept, "HOME": str(home), "TERM": "dumb", **dict.fromkeys(agent.keys, key)}
    command = [sys.executable, "-m", "weir.cli", "exec", "--data", str(data), "--"]
    done = subprocess.run(
        [*command, agent.name, *agent.arguments, prompt],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        timeout=_TIMEOUT_S,
        env={**variables, "PYTHONPATH": str(ROOT / "addons")},
    )
    assert done.returncode == 0, f"{agent.name}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
