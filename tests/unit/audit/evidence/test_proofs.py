from __future__ import annotations

import pytest

from harness.trees import root_of
from unit.audit.evidence.test_merkle import HASHES, ROOTS
from weir.audit.evidence.merkle import leaf_hash
from weir.audit.evidence.proofs import inclusion_proof, inclusion_ranges, verify_inclusion

# From the same test vectors as the roots: size, leaf (from 0), path.
PATHS = [
    (1, 0, []),
    (
        8,
        0,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        8,
        5,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (3, 2, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        5,
        1,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
# RFC 6962, section 2.1.3: the tree of seven leaves and the proofs it shows, as stretches of leaves.
DRAWN_INCLUSION = [
    (0, [(1, 2), (2, 4), (4, 7)]),
    (3, [(2, 3), (0, 2), (4, 7)]),
    (4, [(5, 6), (6, 7), (0, 4)]),
    (6, [(4, 6), (0, 4)]),
]


@pytest.mark.parametrize(("size", "index", "path"), PATHS)
def test_known_paths(size: int, index: int, path: list[str]) -> None:
    proof = inclusion_proof(HASHES, index, size)
    assert [item.hex() for item in proof] == path
    assert verify_inclusion(HASHES[index], index, size, proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("index", "ranges"), DRAWN_INCLUSION)
def test_the_rfc_s_inclusion_example(index: int, ranges: list[tuple[int, int]]) -> None:
    assert inclusion_ranges(index, 7) == ranges


LEAVES = [leaf_hash(bytes([number])) for number in range(20)]
ROOT = [root_of(LEAVES[:size]) for size in range(21)]


@pytest.mark.parametrize("size", range(1, 21))
def test_every_leaf_of_every_size(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(LEAVES, index, size)
        assert verify_inclusion(LEAVES[index], index, size, proof, ROOT[size])
        assert not verify_inclusion(LEAVES[index], (index + 1) % size, size, proof, ROOT[size]) or size == 1
        assert not verify_inclusion(LEAVES[-1], index, size, proof, ROOT[size]) or (index, size) == (19, 20)
        assert not verify_inclusion(LEAVES[index], index, size, [*proof, ROOT[1]], ROOT[size])
        assert not verify_inclusion(LEAVES[index], index, size, proof[:-1], ROOT[size]) or not proof


def test_what_no_tree_has() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no leaf"):
            inclusion_ranges(index, size)
        assert not verify_inclusion(LEAVES[0], index, size, [], ROOT[0])
