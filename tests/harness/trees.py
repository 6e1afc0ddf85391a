"""The root of a whole tree of hashes: what proofs and frontiers are held against."""

from __future__ import annotations

from collections.abc import Iterable

from weir.audit.evidence.merkle import Frontier

__all__ = ["root_of"]


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()
