"""The machine: Python, the libraries, key logging, the clock, and whether the proxy answers."""

from __future__ import annotations

import importlib
import os
import re
import sys
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from weir.cli.address import ProxyAddress
from weir.cli.checkup import Result, fail, ok, warn

__all__ = ["clock", "key_log", "libraries", "proxy", "python"]

MITMPROXY = "12.2.3"  # as pinned in pyproject.toml: weir is built on its internals
PYTHON = (3, 12)
CLOCK_BEHIND_S = 300
_DETECTORS = {"hyperscan": "weir.dlp.core.prefilter", "presidio": "weir.dlp.personal.presidio"}


def python() -> Result:
    """Whether this Python is new enough."""
    shown = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        return fail("python", shown, f"install Python {'.'.join(map(str, PYTHON))} or later")
    return ok("python", shown)


def libraries() -> list[Result]:
    """mitmproxy in exactly the version weir is built on, and the detectors' libraries, loaded for real."""
    results = [_mitmproxy()]
    for name, module in _DETECTORS.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            lacking = re.sub(r"[^\w.-]", "", error.name or name)
            results.append(fail(name, f"{lacking} cannot be loaded", "install weir again, with its dependencies"))
        else:
            results.append(ok(name, "loads"))
    return results


def _mitmproxy() -> Result:
    try:
        found = metadata.version("mitmproxy")
    except metadata.PackageNotFoundError:
        return fail("mitmproxy", "not installed", "install weir again, with its dependencies")
    if found != MITMPROXY:
        return fail("mitmproxy", f"{found} is not {MITMPROXY}", f"pip install mitmproxy=={MITMPROXY}")
    return ok("mitmproxy", found)


def key_log() -> Result:
    """Whether the environment has programs write their TLS keys to a file."""
    names = [name for name in ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE") if os.environ.get(name)]
    if names:
        why = f"{' and '.join(names)} is set: programs started here write the keys of their connections to a file"
        return warn("key log", why, f"unset {' '.join(names)}")
    return ok("key log", "no TLS key logging in this environment")


def clock(written: Iterable[Path], now_s: float | None = None) -> Result:
    """Whether files lie in the future: those of the installation, and ``written``, which weir wrote before."""
    now = time.time() if now_s is None else now_s
    ahead = max(path.stat().st_mtime for path in (Path(__file__), *written)) - now
    if ahead > CLOCK_BEHIND_S:
        late = f"{ahead / 3600:.1f} h behind the newest of weir's files"
        return fail("clock", late, "set the clock (NTP): certificates and audit times depend on it")
    return ok("clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)))


def proxy(address: ProxyAddress, *, named: bool) -> Result:
    """Whether something answers where weir should listen; ``named``: the operator said where, so something must."""
    problem = address.problem()
    if not problem:
        return ok("proxy", f"{address.place} answers")
    say = fail if named else warn
    return say("proxy", f"nothing answers on {address.place} ({problem})", "start weir run, or say where with --proxy")
