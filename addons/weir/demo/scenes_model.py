"""What a scene is: what it does, what it expects of clients and providers, and what the audit must say of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weir.demo.clients import Sdk
from weir.demo.shapes import Ask, echo, tokens
from weir.demo.upstream import Arrived, Upstream

__all__ = ["Cast", "Differs", "Outcome", "Row", "Scene", "need", "only", "play", "reply_to", "status_of"]


class Differs(Exception):
    """Something else was seen than a scene says. The message says what, without content."""


@dataclass(frozen=True)
class Cast:
    """Whom the scenes are played by: the SDKs, what the providers received, and the keys (never shown)."""

    sdks: Sequence[Sdk]
    upstream: Upstream
    upstream_ca: Path
    real_keys: Mapping[str, str] = field(repr=False)  # by kind of double
    key: str = field(repr=False)  # virtual, of team support
    other_key: str = field(repr=False)  # virtual, of team finance
    pilot_key: str = field(repr=False)  # virtual, of the team that has a budget


@dataclass(frozen=True)
class Row:
    """What ``exchanges`` must hold of one exchange. ``read`` is the prompt as its provider got it, None: never got it.

    The doubles foretell their token counts, so a prompt is enough to know the usage.
    """

    host: str
    action: str = "allow"
    rule: str = ""
    inspection: str = "inspected"
    team: str = "support"
    read: str | None = field(default=None, repr=False)
    priced: bool = True
    findings: tuple[str, ...] = ()  # detectors
    discovered: bool = False
    metered: bool = False  # bytes both ways, and nothing else

    @property
    def tokens(self) -> tuple[int, int] | None:
        """Input and output tokens; None when there was no model to count any."""
        return None if self.read is None else (tokens(self.read), tokens(reply_to(self.read)))


@dataclass(frozen=True)
class Scene:
    """One scene. ``play`` returns what was seen, in a few words, or raises Differs with them."""

    title: str
    does: str
    expects: str
    play: Callable[[Cast], str]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Outcome:
    """How a scene went: what was seen, and when it was played (epoch microseconds)."""

    seen: str
    ok: bool
    began_us: int = 0
    ended_us: int = 0


def play(scene: Scene, cast: Cast) -> Outcome:
    """Play a scene. Whatever an SDK raises that the scene does not expect is a difference, told by its type alone."""
    began = time.time_ns() // 1000
    try:
        seen, ok = scene.play(cast), True
    except Differs as differs:
        seen, ok = str(differs), False
    except Exception as error:  # noqa: BLE001 - shown as a difference; its message may quote what was sent
        status = status_of(error)
        seen, ok = f"{type(error).__name__}{f' (status {status})' if status else ''}", False
    return Outcome(seen, ok, began, time.time_ns() // 1000)


def need(condition: bool, seen: str) -> None:
    """Raise Differs(seen) unless ``condition``."""
    if not condition:
        raise Differs(seen)


def only(arrived: Sequence[Arrived], who: str) -> Arrived:
    """The one request that reached a provider; Differs when there are none or several."""
    need(len(arrived) == 1, f"{who}: {len(arrived)} requests reached the provider, not one")
    return arrived[0]


def reply_to(text: str) -> str:
    """What every double answers to ``text``."""
    return echo(Ask("POST", "/"), text)


def status_of(error: Exception) -> int:
    """The HTTP status that an SDK's exception carries; 0 when it carries none."""
    for name in ("status_code", "code"):
        value = getattr(error, name, None)
        if isinstance(value, int):
            return value
    return 0
