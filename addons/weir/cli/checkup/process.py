"""The weir that runs on a data directory: whether there is one, its policy, its addresses."""

from __future__ import annotations

from pathlib import Path

from weir import datadir
from weir.cli.address import ProxyAddress
from weir.cli.checkup import Result, ok, warn
from weir.cli.running import Running

__all__ = ["addresses", "changed", "held", "policy_file", "present"]

_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # listening on all addresses, and where to ask then


def present(data: Path, found: Running | None) -> Result:
    """Whether weir runs on this data directory; ``found`` is what ``running(data)`` gave."""
    if found is not None:
        return ok("running", f"process {found.pid}, policy {found.policy_hash[:12] or 'not told'}")
    if (data / "run" / "weir.json").exists():
        why = "weir ended without saying so: it was killed, or the machine went down"
        return warn("running", why, "see its log, and start weir run again")
    return warn("running", "no weir runs on this data directory", "start weir run, or check --data")


def policy_file(found: Running) -> Path | None:
    """The policy a running weir was started with; None when it does not say."""
    if not found.policy:
        return None
    path = Path(found.policy)
    if path.is_absolute():
        return path
    try:
        return Path(f"/proc/{found.pid}/cwd").readlink() / path  # it was named from where weir was started
    except OSError:
        return path


def changed(path: Path, found: Running) -> Result:
    """The policy file is not what weir started with."""
    why = f"{path} is not what weir started with (policy {found.policy_hash[:12]})"
    return warn("policy", why, "weir's log says whether it took the change; kill -HUP asks it to try again")


def addresses(found: Running) -> list[ProxyAddress]:
    """Where a running weir can be asked whether it answers, each place once."""
    return [ProxyAddress("http", *place) for place in dict.fromkeys((_ANY.get(h, h), p) for h, p in found.listen)]


def held(path: Path) -> bool:
    """``datadir.held``; what doctor may not open counts as nobody's."""
    try:
        return datadir.held(path)
    except OSError:
        return False
