"""Proofs over the tree: that a row is in it (RFC 9162, 2.1).

Making a proof is a question of which stretches of leaves to hash: ``inclusion_ranges`` says which, and
``merkle.subtree_roots`` hashes them in one pass over any number of rows. Checking one needs no rows at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weir.audit.evidence.merkle import node_hash, subtree_roots

__all__ = ["inclusion_proof", "inclusion_ranges", "verify_inclusion"]

Range = tuple[int, int]


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The stretches of leaves whose roots prove that leaf ``index`` (from 0) is in a tree of ``size``, leaf upwards.

    Raises ValueError when there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    first, end = 0, size
    found: list[Range] = []
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((first, middle))
            first = middle
    found.reverse()
    return found


def _split(size: int) -> int:
    """The largest power of two below ``size``, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(leaves: Iterable[bytes], index: int, size: int) -> list[bytes]:
    """The proof for leaf ``index`` in the tree over the first ``size`` leaf hashes. Raises ValueError."""
    return subtree_roots(leaves, inclusion_ranges(index, size))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether ``proof`` shows that the leaf hash ``leaf`` stands at ``index`` of the tree of ``size`` with ``root``."""
    if not 0 <= index < size:
        return False
    node, at, last = leaf, index, size - 1
    for item in proof:
        if last == 0:
            return False  # longer than the tree is high
        if at & 1 or at == last:
            node = node_hash(item, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, item)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root
