"""Header lines: ours set, the client's copies gone, all others byte for byte."""

from __future__ import annotations

import pytest

from weir.tenants.headers import forged, restricted

NAMES = frozenset({"x-tenants", "x-context"})
OURS = [("X-Tenants", "a,b")]
KEPT = ((b"Host", b"x.example"), (b"X-TENANTS-2", b"\xff"), (b"Connection", b" Close,TE"))


@pytest.mark.parametrize("name", [b"X-Tenants", b"x-tenants", b"X_TENANTS", b"x-Tenants ", b"X-Context"])
def test_a_copy_is_seen_in_any_spelling(name: bytes) -> None:
    lines = (*KEPT[:1], (name, b"evil"), *KEPT[1:], (name, b"evil too"))
    assert forged(lines, NAMES) == 2 and forged(KEPT, NAMES) == 0
    assert restricted(lines, NAMES, OURS, small=False) == (*KEPT, (b"X-Tenants", b"a,b"))


def test_http2_has_small_letters() -> None:
    assert restricted((), NAMES, OURS, small=True) == ((b"x-tenants", b"a,b"),)


@pytest.mark.parametrize("name", [b"Connection", b"proxy-connection"])
@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b"x-tenants", None),
        (b"X-Tenants, x_context", None),
        (b"keep-alive,X-TENANTS , te", b"keep-alive, te"),
        (b"keep-alive ,te", b"keep-alive ,te"),
    ],
)
def test_the_next_hop_is_not_told_to_drop_it(name: bytes, value: bytes, left: bytes | None) -> None:
    made = restricted(((name, value),), NAMES, (), small=False)
    assert made == (() if left is None else ((name, left),))
