"""The table keeps mitmproxy's order and its promises, and makes no task where nothing waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from mitmproxy import exceptions, hooks
from mitmproxy.addonmanager import AddonManager

from harness.rig import mitmproxy
from weir.edge.hooks import TableAddonManager


@dataclass
class HeardHook(hooks.Hook):
    heard: list[str]


class Addon:
    """Hears the hook; `how` says what it does then."""

    def __init__(self, name: str, how: str = "", children: tuple[Addon, ...] = ()) -> None:
        self.name, self.how, self.addons = name, how, list(children)

    def heard(self, heard: list[str]) -> Any:
        heard.append(self.name)
        if self.how == "halt":
            raise exceptions.AddonHalt
        if self.how == "raise":
            raise ValueError("canary")
        return self.wait(heard) if "wait" in self.how else None

    async def wait(self, heard: list[str]) -> None:
        await asyncio.sleep(0)
        heard.append(f"{self.name}.")
        if "halt" in self.how:
            raise exceptions.AddonHalt
        if "raise" in self.how:
            raise ValueError("canary")


CHAINS: list[tuple[list[Addon], list[str]]] = [
    ([Addon("a"), Addon("b"), Addon("c")], ["a", "b", "c"]),
    ([Addon("a", "wait"), Addon("b"), Addon("c", "wait")], ["a", "a.", "b", "c", "c."]),
    ([Addon("a"), Addon("b", "halt"), Addon("c")], ["a", "b"]),
    ([Addon("a"), Addon("b", "wait halt"), Addon("c")], ["a", "b", "b."]),
    ([Addon("a", "raise"), Addon("b", "wait raise"), Addon("c")], ["a", "b", "b.", "c"]),
    ([Addon("a", "", (Addon("b"), Addon("c", "wait"))), Addon("d")], ["b", "c", "c.", "a", "d"]),
]


@pytest.mark.parametrize("kind", [TableAddonManager, AddonManager])
@pytest.mark.parametrize(("chain", "order"), CHAINS)
def test_both_managers_call_in_the_same_order(kind: Any, chain: list[Addon], order: list[str]) -> None:
    with mitmproxy() as found:
        manager = kind(found.master)
        manager.add(*chain)
        heard: list[str] = []
        asyncio.run(manager.trigger_event(HeardHook(heard)))
    assert sorted(heard) == sorted(order)
    assert heard == order or chain[0].addons  # children come in the order of mitmproxy's own walk


@pytest.fixture
def manager() -> Any:
    with mitmproxy() as found:
        yield TableAddonManager(found.master)


def test_children_keep_the_order_of_mitmproxys_walk(manager: Any) -> None:
    with mitmproxy() as found:
        stock: Any = AddonManager(found.master)
        ours, theirs = [], []  # type: ignore[var-annotated]
        for one, heard in ((manager, ours), (stock, theirs)):
            one.add(Addon("a", "", (Addon("b"), Addon("c", "wait"))), Addon("d"))
            asyncio.run(one.trigger_event(HeardHook(heard)))
    assert ours == theirs


def test_nothing_to_await_where_nothing_waits(manager: Any) -> None:
    manager.add(Addon("a"), Addon("b"))
    heard: list[str] = []
    assert manager.start(HeardHook(heard)) is None
    assert heard == ["a", "b"]


def test_what_is_left_is_handed_back(manager: Any) -> None:
    manager.add(Addon("a"), Addon("b", "wait"), Addon("c"))
    heard: list[str] = []
    rest = manager.start(HeardHook(heard))
    assert heard == ["a", "b"]  # up to the first that waits
    asyncio.run(rest)
    assert heard == ["a", "b", "b.", "c"]


def test_the_table_follows_the_chain(manager: Any) -> None:
    first, second = Addon("a"), Addon("b")
    manager.add(first)
    heard: list[str] = []
    manager.start(HeardHook(heard))
    manager.add(second)
    manager.start(HeardHook(heard))
    manager.remove(first)
    manager.start(HeardHook(heard))
    assert heard == ["a", "a", "b", "b"]


def test_no_update_hook_is_sent(manager: Any) -> None:
    seen: list[str] = []

    class Interface:
        name = "interface"

        def update(self, flows: Any) -> None:
            seen.append("update")

    manager.add(Interface(), Addon("a"))
    asyncio.run(manager.handle_lifecycle(HeardHook([])))
    assert seen == []
