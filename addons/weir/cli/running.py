"""The weir that runs on a data directory, as it says itself in ``run/weir.json``."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Running", "restarts_of", "running", "workers_of"]

_BYTES_MAX = 64 * 1024
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # listened on, and where this machine asks then


@dataclass(frozen=True, slots=True)
class Running:
    """A weir that runs: its process, where it listens, and the policy it started with."""

    pid: int
    listen: tuple[tuple[str, int], ...]
    policy: str = ""
    policy_hash: str = ""

    def answers_at(self, host: str, port: int) -> bool:
        """Whether HOST:PORT, as a client on this machine names it, is one of the addresses listened on."""
        host = "127.0.0.1" if host == "localhost" else host
        return any(port == known and (host == name or name in _EVERYWHERE) for name, known in self.listen)

    @property
    def url(self) -> str:
        """The proxy URL for clients on this machine; empty when it listens nowhere."""
        for host, port in self.listen:
            host = _EVERYWHERE.get(host, host)
            return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return ""


def running(data: Path) -> Running | None:
    """Who runs on the data directory ``data``; None when nobody does, or when the file does not say so readably."""
    try:
        with (data / "run" / "weir.json").open("rb") as file:
            told = json.loads(file.read(_BYTES_MAX))
        listen = tuple((str(host), int(port)) for host, port in told["listen"])
        found = Running(int(told["pid"]), listen, str(told.get("policy", "")), str(told.get("policy_hash", "")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return found if _alive(found.pid) else None


def workers_of(data: Path) -> list[int]:
    """The processes that serve for the weir on ``data``, in the order of their seats; none when it is one process."""
    try:
        return [int(one["pid"]) for one in _told(data).get("workers", ())]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []


def restarts_of(data: Path) -> tuple[int, int]:
    """How often all its workers were restarted one by one, and how often that was given up."""
    try:
        restarts = _told(data)["restarts"]
        return int(restarts["done"]), int(restarts["given_up"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return 0, 0


def _told(data: Path) -> dict[str, Any]:
    with (data / "run" / "weir.json").open("rb") as file:
        told: dict[str, Any] = json.loads(file.read(_BYTES_MAX))
    return told


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's process, and that is alive
    return True
