from __future__ import annotations

import hashlib

import pytest

from harness.trees import root_of
from weir.audit.evidence.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, subtree_roots

# The leaves and roots with which certificate transparency logs have been tested since RFC 6962.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [leaf_hash(bytes.fromhex(item)) for item in LEAVES]


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    assert root_of(HASHES[:size]).hex() == ROOTS[size]


def test_leaf_and_node_are_told_apart() -> None:
    pair = HASHES[0] + HASHES[1]
    assert node_hash(HASHES[0], HASHES[1]) != leaf_hash(pair)
    assert leaf_hash(b"") == hashlib.sha256(b"\x00").digest()
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT


@pytest.mark.parametrize("size", range(9))
def test_a_tree_goes_on_from_its_edge(size: int) -> None:
    tree = Frontier()
    for leaf in HASHES[:size]:
        tree.append(leaf)
    again = Frontier(tree.size, tree.hashes)
    for leaf in HASHES[size:]:
        again.append(leaf)
    assert again.root().hex() == ROOTS[8] and again.size == 8


@pytest.mark.parametrize(("size", "hashes"), [(1, []), (3, HASHES[:1]), (-1, []), (1, [b"short"])])
def test_an_edge_that_fits_no_size_is_refused(size: int, hashes: list[bytes]) -> None:
    with pytest.raises(ValueError, match="edge"):
        Frontier(size, hashes)


def test_stretches_in_one_pass_and_any_order() -> None:
    asked = [(4, 8), (0, 1), (2, 4)]
    assert subtree_roots(iter(HASHES), asked) == [root_of(HASHES[4:8]), HASHES[0], root_of(HASHES[2:4])]
    assert subtree_roots(iter(HASHES), []) == []
    with pytest.raises(ValueError, match="fewer"):
        subtree_roots(iter(HASHES[:7]), asked)
