"""The Merkle tree of RFC 6962, section 2.1: leaves come one by one, and log2(n) hashes are all that is kept.

A leaf of weir's tree is a row's ``row_hash`` (32 bytes), so the tree can be made from the spool and from the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

__all__ = ["EMPTY_ROOT", "HASH_BYTES", "Frontier", "leaf_hash", "node_hash", "subtree_roots"]

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256 over a zero byte and its data, so that no inner node can pass for a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over those of its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows at its right edge: the roots of its complete subtrees, the largest first.

    ``size`` and ``hashes`` are its whole state, so a tree can be put aside and taken up again.
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """An empty tree, or one put aside. Raises ValueError when ``hashes`` can't be those of ``size`` leaves."""
        if size < 0 or size.bit_count() != len(hashes) or any(len(item) != HASH_BYTES for item in hashes):
            raise ValueError("these hashes are not the edge of a tree of this size")
        self._size, self._hashes = size, list(hashes)

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The roots of the complete subtrees, one for each bit that is set in ``size``."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash (see ``leaf_hash``)."""
        node, rest = leaf, self._size
        while rest & 1:  # each bit that carries joins two subtrees of the same size
            node = node_hash(self._hashes.pop(), node)
            rest >>= 1
        self._hashes.append(node)
        self._size += 1

    def root(self) -> bytes:
        """The root of the tree as it stands, 32 bytes."""
        if not self._hashes:
            return EMPTY_ROOT
        node = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            node = node_hash(left, node)
        return node


def subtree_roots(leaves: Iterable[bytes], ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """The roots over several stretches ``[first, end)`` of leaf hashes, in one pass and in the order asked for.

    The stretches must not overlap or be empty. Raises ValueError when the leaves end before the last of them.
    """
    order = sorted(range(len(ranges)), key=lambda at: ranges[at])
    found: dict[int, bytes] = {}
    waiting = iter(order)
    current = next(waiting, None)
    tree = Frontier()
    for index, leaf in enumerate(leaves):
        if current is None:
            break
        first, end = ranges[current]
        if index < first:
            continue
        tree.append(leaf)
        if index + 1 == end:
            found[current] = tree.root()
            current, tree = next(waiting, None), Frontier()
    if current is not None:
        raise ValueError("there are fewer leaves than the proof needs")
    return [found[at] for at in range(len(ranges))]
