"""Proofs over the tree: that a row is in it, and that a later tree only added to an earlier one (RFC 9162, 2.1).

Making a proof is a question of which stretches of leaves to hash: ``inclusion_ranges`` and ``consistency_ranges`` say
which, ``merkle.subtree_roots`` hashes them in one pass over any number of rows. Checking one needs no rows at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weir.audit.evidence.merkle import EMPTY_ROOT, node_hash, subtree_roots

__all__ = [
    "consistency_proof",
    "consistency_ranges",
    "inclusion_proof",
    "inclusion_ranges",
    "verify_consistency",
    "verify_inclusion",
]

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


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The stretches whose roots prove that the tree of ``new`` leaves begins with the ``old`` first ones.

    Raises ValueError unless ``0 <= old <= new``.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves can't follow one of {old}")
    if old in (0, new):
        return []
    first, end = 0, new
    whole = True  # the old tree's own root is known to who checks, so it is not part of the proof
    found: list[Range] = []
    while old != end:
        middle = first + _split(end - first)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((first, middle))
            first, whole = middle, False
    if not whole:
        found.append((first, end))
    found.reverse()
    return found


def _split(size: int) -> int:
    """The largest power of two below ``size``, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(leaves: Iterable[bytes], index: int, size: int) -> list[bytes]:
    """The proof for leaf ``index`` in the tree over the first ``size`` leaf hashes. Raises ValueError."""
    return subtree_roots(leaves, inclusion_ranges(index, size))


def consistency_proof(leaves: Iterable[bytes], old: int, new: int) -> list[bytes]:
    """The proof that the tree of ``new`` leaf hashes begins with that of ``old``. Raises ValueError."""
    return subtree_roots(leaves, consistency_ranges(old, new))


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


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether ``proof`` shows that the tree of ``new`` leaves only added to the one of ``old``."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [old_root, *proof] if old.bit_count() == 1 else list(proof)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for item in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node_hash(item, before), node_hash(item, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, item)
        at, last = at >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
