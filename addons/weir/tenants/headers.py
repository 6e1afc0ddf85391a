"""A request's header lines with the vendor's header set and every copy that the client sent taken out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["Lines", "forged", "restricted"]

Lines = Sequence[tuple[bytes, bytes]]
_OPTIONS = ("connection", "proxy-connection")


def _name(raw: bytes) -> str:
    # Behind gateways that turn headers into variables, an underscore is a hyphen.
    return raw.decode("latin-1").strip().lower().replace("_", "-")


def forged(lines: Lines, names: Collection[str]) -> int:
    """How many lines of the client's are called like one of ``names`` (small letters), in any case and spelling."""
    return sum(1 for raw, _ in lines if _name(raw) in names)


def restricted(
    lines: Lines, names: Collection[str], ours: Sequence[tuple[str, str]], *, small: bool
) -> tuple[tuple[bytes, bytes], ...]:
    """``lines`` without any of ``names`` and with ``ours`` at their end; ``small`` letters for HTTP/2.

    ``Connection: <our header>`` would have the next hop take it out again: such an option goes too.
    """
    kept: list[tuple[bytes, bytes]] = []
    for raw, value in lines:
        name = _name(raw)
        if name in names:
            continue
        if name in _OPTIONS:
            options = [option.strip() for option in value.split(b",")]
            left = [option for option in options if _name(option) not in names]
            if len(left) < len(options):
                if not left:
                    continue
                value = b", ".join(left)
        kept.append((raw, value))
    kept += [((name.lower() if small else name).encode("ascii"), value.encode("ascii")) for name, value in ours]
    return tuple(kept)
