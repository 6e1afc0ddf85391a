"""What every log comes to: who used which host, how often, how much, from when to when."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Use"]


@dataclass(frozen=True, slots=True)
class Use:
    """All lines of one day (UTC) that say the same: this host, by this person, from this device, allowed or not.

    ``path`` is given for hosts that serve an AI service below certain paths only, cut to what tells; else "".
    ``user``, ``device``, ``department`` and ``source`` (an address) are "" where the log has none: nobody known.
    ``action`` is ``allowed`` or ``blocked``; a log that doesn't say let it pass. ``first`` and ``last`` are µs since
    the epoch, 0 when no line had a time. ``bytes_up`` and ``bytes_down`` are None when no line counted them.
    ``agent`` is a User-Agent's product, "" when there is none.
    """

    host: str
    path: str
    user: str
    device: str
    department: str
    source: str
    action: str
    agent: str
    requests: int
    first: int
    last: int
    bytes_up: int | None
    bytes_down: int | None
