"""What people are told to use instead."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from weir.model import Service, Status
from weir.shadow.alternatives import Alternatives
from weir.shadow.catalogue import Catalogue
from weir.shadow.entries import Entry
from weir.shadow.opinion import Opinion


def entry(id_: str, category: str, *hosts: str, vendor: str = "", paths: tuple[str, ...] = ()) -> Entry:
    return Entry(id_, id_.title(), vendor or id_, category, hosts, paths, None, None)


CATALOGUE = Catalogue(
    [
        [
            entry("good", "assistant", "*.good.example", "api.good.example", "good.example", vendor="acme"),
            entry("fine", "assistant", "fine.example", paths=("/chat/",)),
            entry("bad", "assistant", "bad.example"),
            entry("worse", "assistant", "worse.example"),
            entry("lib", "model-api", "lib.example", vendor="acme"),
            entry("other", "model-api", "api.other.example"),
        ]
    ]
)


def of(id_: str, named: dict[str, Any] | None = None, sanctioned: tuple[str, ...] = ("good", "lib")) -> Any:
    lists: Any = SimpleNamespace(
        sanctioned=sanctioned, tolerated=("fine",), unsanctioned=(), otherwise=Status.UNSANCTIONED
    )
    opinion = Opinion(CATALOGUE, lists)
    return Alternatives(CATALOGUE, opinion, named or {}).of(opinion.judge(CATALOGUE.services[id_]))


GOOD, FINE, LIB = ("Good", "https://good.example/"), ("Fine", "https://fine.example/chat/"), ("Lib", "")


@pytest.mark.parametrize(
    ("id_", "named", "found"),
    [
        ("bad", {}, (GOOD,)),
        ("other", {}, (LIB,)),  # nothing that a person could open
        ("good", {}, ()),  # sanctioned itself
        ("bad", {"category:assistant": ["fine"]}, (FINE,)),
        ("bad", {"category:assistant": ["fine"], "vendor:bad": ["lib"]}, (LIB,)),
        ("bad", {"category:assistant": ["fine"], "vendor:bad": ["lib"], "BAD": ["good", "fine"]}, (GOOD, FINE)),
        ("bad", {"bad": ["vendor:acme"]}, (GOOD, LIB)),
        ("bad", {"bad": ["category:model-api", "good"]}, (LIB, GOOD)),
        ("bad", {"category:assistant": ["bad", "gone", "worse"]}, ()),
        ("bad", {"category:model-api": ["lib"]}, (GOOD,)),
    ],
)
def test_who_is_named(id_: str, named: dict[str, Any], found: tuple[tuple[str, str], ...]) -> None:
    assert of(id_, named) == found


def test_three_at_most() -> None:
    assert len(of("bad", {"bad": ["good", "fine", "good", "lib"]})) == 3


def test_discovered_hosts_take_no_memory_each() -> None:
    lists: Any = SimpleNamespace(sanctioned=("good",), tolerated=(), unsanctioned=(), otherwise=Status.UNSANCTIONED)
    found = Alternatives(CATALOGUE, Opinion(CATALOGUE, lists), {"category:discovered": ["good"]})
    for number in range(50):
        host = f"h{number}.example"
        assert found.of(Service(host, host, category="discovered", status=Status.UNSANCTIONED)) == (GOOD,)
    assert len(found._found) == 1
    assert found.of(Service("")) == ()
