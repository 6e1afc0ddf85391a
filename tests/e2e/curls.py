"""curl as a client of weir: the one that speaks every way of being proxied, and shows certificates."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

__all__ = ["Got", "curl"]

_SECONDS = 20


@dataclass(frozen=True)
class Got:
    """What came of it: ``status`` is the reply's, ``connect`` the CONNECT's (0: none), ``code`` is how curl ended."""

    status: int
    connect: int
    code: int
    body: str


def curl(*arguments: str, program: str = "curl", sends: str = "") -> Got:
    """Run curl with these arguments; ``sends`` is a body to post."""
    command = [program, "-sS", "-m", str(_SECONDS), "-w", "\n%{http_code} %{http_connect}", *arguments]
    if sends:
        command += ["-H", "Content-Type: application/json", "--data-binary", "@-"]
    done = subprocess.run(command, input=sends, capture_output=True, text=True, timeout=_SECONDS + 10)
    body, _, codes = done.stdout.rpartition("\n")
    status, connect = (int(code) for code in codes.split())
    return Got(status, connect, done.returncode, body)
