"""What every check of ``weir doctor`` gives back, and the checks of the machine weir runs on."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from weir.cli.address import ProxyAddress

__all__ = ["Result", "machine", "ok", "proxy", "trouble", "warn"]

MITMPROXY = "12.2.3"  # as pinned in pyproject.toml: weir is built on its internals
PYTHON = (3, 12)
CLOCK_AHEAD_S = 300


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the doctor's answer. ``remedy`` says what to do, and is empty when all is well."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def ok(name: str, detail: str) -> Result:
    """All is well."""
    return Result(name, "ok", detail)


def warn(name: str, detail: str, remedy: str) -> Result:
    """weir works, yet not as well as it could."""
    return Result(name, "warn", detail, remedy)


def trouble(name: str, detail: str, remedy: str) -> Result:
    """weir will not work, or not do what it promises."""
    return Result(name, "fail", detail, remedy)


def machine(newest: Iterable[Path] = ()) -> list[Result]:
    """Python, mitmproxy, the detectors' libraries, key logging, and the clock (against files weir wrote before)."""
    return [_python(), _mitmproxy(), *_libraries(), _key_log(), _clock(newest)]


def proxy(address: ProxyAddress, *, expected: bool) -> Result:
    """Whether something answers where weir should listen; ``expected``: the operator named the place."""
    problem = address.problem()
    if not problem:
        return ok("proxy", f"{address.place} answers")
    say = trouble if expected else warn
    return say("proxy", f"nothing answers on {address.place} ({problem})", "start weir run, or name it with --proxy")


def _python() -> Result:
    shown = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        return trouble("python", shown, f"install Python {'.'.join(map(str, PYTHON))} or later")
    return ok("python", shown)


def _mitmproxy() -> Result:
    try:
        found = metadata.version("mitmproxy")
    except metadata.PackageNotFoundError:
        return trouble("mitmproxy", "not installed", "install weir again")
    if found != MITMPROXY:
        return trouble("mitmproxy", f"{found} is not {MITMPROXY}", f"pip install mitmproxy=={MITMPROXY}")
    return ok("mitmproxy", found)


def _libraries() -> list[Result]:
    results = []
    for name, load in (("hyperscan", _hyperscan), ("presidio", _presidio)):
        try:
            load()
        except ImportError as error:
            lacking = re.sub(r"[^\w.-]", "", error.name or name)
            results.append(trouble(name, f"{lacking} cannot be loaded", "install weir again, with its dependencies"))
        else:
            results.append(ok(name, "loads"))
    return results


def _hyperscan() -> None:
    import hyperscan  # noqa: F401


def _presidio() -> None:
    import weir.dlp.presidio  # noqa: F401


def _key_log() -> Result:
    names = [name for name in ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE") if os.environ.get(name)]
    if names:
        why = f"{' and '.join(names)} set: programs started here write the keys of their connections to a file"
        return warn("key log", why, f"unset {' '.join(names)}")
    return ok("key log", "no TLS key logging in this environment")


def _clock(newest: Iterable[Path], now: Callable[[], float] = time.time) -> Result:
    """A clock that is wrong shows when files lie in its future: the installation's, or what weir last wrote."""
    times = [path.stat().st_mtime for path in (Path(__file__), *newest) if path.exists()]
    ahead = max(times) - now()
    if ahead > CLOCK_AHEAD_S:
        behind = f"{ahead / 3600:.1f} h behind the newest of weir's files"
        return trouble("clock", behind, "set the clock (NTP): certificates and audit times depend on it")
    return ok("clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now())))


