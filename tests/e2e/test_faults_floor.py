"""The disk has less free than the policy wants left: `on_failure` decides, whatever `durability` says."""

from __future__ import annotations

from collections.abc import Callable

from harness.doubles import Doubles
from harness.faultclients import ask
from harness.processes import until
from harness.weir import Weir, write_policy

BELOW = {"warn": 1 << 50, "floor": 1 << 50}  # no disk has so much free
ABOVE = {"warn": 0, "floor": 0}


def policy(disk: dict[str, int], on_failure: str, durability: str) -> dict[str, object]:
    return {"on_failure": on_failure, "audit": {"durability": durability, "disk": disk}, "dlp__processes": 0}


def test_on_failure_decides_below_the_floor(start_weir: Callable[..., Weir], doubles: Doubles) -> None:
    weir = start_weir("enforce", **policy(ABOVE, "block", "available"))
    key = f"Bearer {doubles.keys['openai']}"
    assert ask(weir, authorization=key).status == 200

    def change(*to: object) -> None:
        write_policy(weir.policy, "enforce", **policy(*to))  # type: ignore[arg-type]
        taken = weir.process.output().count("policy taken")
        weir.reload()
        until(lambda: weir.process.output().count("policy taken") > taken, "the policy to be taken")

    change(BELOW, "block", "available")
    until(lambda: "below audit.disk.floor" in weir.process.output(), "the warning")
    until(lambda: (outcome := ask(weir, authorization=key)).status == 503 and outcome.rule, "the first refusal")
    before = len(weir.records())
    doubles.reset()
    outcome = ask(weir, authorization=key)
    assert (outcome.status, outcome.rule, doubles.requests()) == (503, "audit-unavailable", [])

    change(BELOW, "allow", "strict")
    assert ask(weir, authorization=key).status == 200 and len(doubles.requests()) == 1
    assert len(weir.records()) == before, "nothing was written"

    change(ABOVE, "block", "strict")
    until(lambda: ask(weir, authorization=key).status == 200, "service again")
    for text in ("could not write: the disk has less free", "below audit.disk.floor", "enough again"):
        weir.until_records(lambda rows, text=text: any(text in str(row.get("reason")) for row in rows), text)
