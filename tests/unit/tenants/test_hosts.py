"""Names and everything below a name."""

from __future__ import annotations

import pytest

from weir.tenants.hosts import Hosts

HOSTS = Hosts(["a.example", "*.b.example"])


@pytest.mark.parametrize("host", ["a.example", "x.b.example", "y.x.b.example"])
def test_inside(host: str) -> None:
    assert host in HOSTS


@pytest.mark.parametrize(
    "host", ["x.a.example", "b.example", "ab.example", "xb.example", "example", "", "a.example.evil"]
)
def test_outside(host: str) -> None:
    assert host not in HOSTS


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        *(("a.example", True), ("x.b.example", True), ("*.b.example", True), ("*.x.b.example", True)),
        *(("*.a.example", False), ("*.example", False), ("b.example", False)),
    ],
)
def test_what_is_covered_wholly(pattern: str, covered: bool) -> None:
    assert HOSTS.covers(pattern) is covered


def test_none_is_false() -> None:
    assert HOSTS and not Hosts() and "a" not in Hosts()
