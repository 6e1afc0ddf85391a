"""One principal out of what every source said. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weir.model import ANONYMOUS, Principal

__all__ = ["asked", "resolve"]


def resolve(candidates: Iterable[Principal | None]) -> Principal:
    """The strongest of the sources' answers, the first one among equals; ``ANONYMOUS`` when none knew anybody.

    It is taken whole. Filling its gaps from a weaker source would let an address lend its team to a key.
    """
    best = ANONYMOUS
    for principal in candidates:
        if principal is not None and principal.strength > best.strength:
            best = principal
    return best


def asked(answers: Mapping[str, Principal | None]) -> str:
    """Which sources were asked, by name, and which knew someone: ``virtual_key=no basic=yes``, for the audit."""
    return " ".join(f"{source}={'no' if principal is None else 'yes'}" for source, principal in answers.items())
