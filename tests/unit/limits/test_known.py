"""Which budgets are asked: those of others' keys are not, however many there are."""

from __future__ import annotations

from typing import Any

from weir.limits.budget import Budget, Claim, Scope, Unit, Window
from weir.limits.known import Known, OfKeys
from weir.model import Principal


def budget(name: str, scope: Scope = Scope.KEY, **more: Any) -> Budget:
    return Budget(f"{scope}/{name}/{more}", scope, Unit.TOKENS, 100, Window.DAY, name=name, **more)


def claim(key_id: str, **more: Any) -> Claim:
    return Claim("c", Principal(key_id=key_id, team="t"), "openai", more.get("model", "gpt-5"), 1, None)


def test_those_of_other_keys_are_not_asked() -> None:
    asked: list[str] = []

    class Telling(Budget):
        def covers(self, claim: Claim) -> bool:
            asked.append(self.name)
            return super().covers(claim)

    many = [Telling(f"id{n}", Scope.KEY, Unit.TOKENS, 1, Window.DAY, name=f"vk-{n}") for n in range(1000)]
    known = Known([*many, budget("*", Scope.TEAM)])
    assert [one.name for one in known.about(claim("vk-7"))] == ["*", "vk-7"]
    assert asked == ["vk-7"]


def test_globs_and_restrictions_hold_as_ever() -> None:
    known = Known([budget("vk-*"), budget("vk-1", models=("claude-*",)), budget("VK-1")])
    assert [one.name for one in known.about(claim("vk-1"))] == ["vk-*", "VK-1"]
    assert known.concern(claim("vk-2")) and not known.concern(claim(""))
    assert not Known().concern(claim("vk-1"))


def test_what_keys_bring_along_comes_while_it_is_in_use() -> None:
    brought = OfKeys()
    known = Known([budget("*")], brought)
    assert [one.name for one in known.about(claim("vk-1"))] == ["*"]
    brought.add(budget("vk-1"))
    assert [one.name for one in known.about(claim("vk-1"))] == ["*", "vk-1"]
    assert set(known.by_id) == {budget("*").id, budget("vk-1").id} and known.by_id.get(budget("vk-1").id) is not None
    assert [one.name for one in known.about(claim(""))] == ["*"]
