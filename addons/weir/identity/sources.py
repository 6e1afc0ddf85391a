"""Which sources can speak in which mode of the proxy, and one caller out of what they said. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir.frozen import quick
from weir.model import ANONYMOUS, Principal

__all__ = ["NOBODY", "PROXY_MODES", "SPEAKS", "Answer", "Outcome", "SourceDown", "conflict", "settle", "speaking"]

_CONNECTION = frozenset({"virtual_key", "certificate", "peer", "process", "network"})

SPEAKS: Mapping[str, frozenset[str]] = {
    "regular": _CONNECTION | {"basic", "jwt"},
    "upstream": _CONNECTION | {"basic", "jwt"},
    # RFC 1929 has room for a name and a password of 255 bytes; a token does not fit.
    "socks5": _CONNECTION | {"basic"},
    # Here a client knows of no proxy. A header that names one would be a page's or a script's, never the user's.
    "transparent": _CONNECTION,
    "reverse": _CONNECTION,
    # A peer writes whatever address it likes into its packets, also that of a program's connection on this machine.
    "wireguard": _CONNECTION - {"network", "process"},
    "local": _CONNECTION,
}
"""What can prove a caller, by mitmproxy's name for the mode; a mode that is not here has only the virtual key."""

PROXY_MODES = frozenset({"regular", "upstream"})
"""Where a client can be asked for credentials (407)."""


class SourceDown(RuntimeError):
    """A source cannot be asked: nobody is let in by it. One line, without names and passwords."""


@quick
@dataclass(frozen=True, slots=True)
class Answer:
    """What one source said. ``why`` is set when something was shown and is wrong; it quotes nothing."""

    principal: Principal | None = None
    why: str = ""


NOBODY = Answer()


@quick
@dataclass(frozen=True, slots=True)
class Outcome:
    """Who is calling. With ``refused`` set nobody is, and the request must not go on."""

    principal: Principal = ANONYMOUS
    source: str = ""  # which of the policy's sources named the principal
    refused: str = ""  # "source: why"
    asked: str = ""  # for the audit: "virtual_key=no basic=yes"


def speaking(order: Sequence[str], mode: str, *, through_tunnel: bool = False, local: bool = False) -> tuple[str, ...]:
    """The sources of the policy's ``order`` that can speak in ``mode``.

    ``through_tunnel``: the connection came through WireGuard, without which an address proves no peer.
    ``local``: it came from this machine, without which there is no process to look at.
    """
    able = SPEAKS.get(mode, frozenset({"virtual_key"}))
    missing = ({"peer"} if not (through_tunnel or mode == "wireguard") else set()) | (
        {"process"} if not local else set()
    )
    return tuple(source for source in order if source in able and source not in missing)


def settle(order: Sequence[str], answers: Mapping[str, Answer]) -> Outcome:
    """The first source in ``order`` that knows somebody, taken whole.

    What was shown and is wrong refuses, even if another source knows the caller: a stolen and revoked key does not
    become good by the network it is used from. Sources outside of ``order`` are not believed, neither way.
    """
    heard = [(source, answers[source]) for source in order if source in answers]
    asked = " ".join(
        f"{source}={'yes' if answer.principal else 'wrong' if answer.why else 'no'}" for source, answer in heard
    )
    for source, answer in heard:
        if answer.why:
            return Outcome(refused=f"{source}: {answer.why}", asked=asked)
    for source, answer in heard:
        if answer.principal is not None:
            return Outcome(answer.principal, source, asked=asked)
    return Outcome(asked=asked)


def conflict(tunnel: Principal, inner: Principal) -> str:
    """Which of user, team and app the tunnel and a request within it prove differently; "" when they agree.

    A network says of nobody who he is (strength 1), so it contradicts no one; neither does what one of them leaves
    open.
    """
    if min(tunnel.strength, inner.strength) < 2:
        return ""
    for field in ("user", "team", "app"):
        one, other = getattr(tunnel, field), getattr(inner, field)
        if one and other and one != other:
            return field
    return ""
