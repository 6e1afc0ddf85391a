"""A broken policy comes while requests pass: the old one stays whole, and no request is decided by half of each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.faultclients import ask, chat
from harness.processes import until
from harness.weir import Weir, write_policy

MAIL = "jane.doe@example.com"
CLIENTS = 4
OLD = [{"id": "old-rule", "if": {"finding": "pii/EMAIL_ADDRESS"}, "then": "pseudonymise"}]
NEW = [{"id": "new-rule", "if": {"finding": "pii/EMAIL_ADDRESS"}, "then": "block", "say": "No addresses."}]


@contextmanager
def load(weir: Weir, key: str) -> Iterator[list[int]]:
    """Clients that ask without pause; the statuses they got."""
    statuses: list[int] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            statuses.append(ask(weir, chat(f"Write to {MAIL}."), authorization=f"Bearer {key}").status)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def decisions(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(row["policy_hash"], row["rule_id"]) for row in rows if row["kind"] in ("request", "block")}


BROKEN: dict[str, Callable[[str], str]] = {
    "cut in the middle": lambda text: text[: len(text) // 2] + "\n  - id: [",
    "a word nobody knows": lambda text: text + "\nmodes: enforce\n",
    "an action nobody knows": lambda text: text.replace("pseudonymise", "pseudonymize"),
    "empty": lambda text: "",
    "binary": lambda text: "\x00\x01" + text,
    "a rule without its condition": lambda text: text.replace("finding: pii/EMAIL_ADDRESS", "finding: []"),
}


def test_under_load(start_weir: Callable[..., Weir], artefacts: Path) -> None:
    weir = start_weir("enforce", rules=OLD)
    doubles_key = "sk-raw-" + "x" * 20
    path, good = weir.policy, weir.policy.read_text()
    with load(weir, doubles_key) as statuses:
        until(lambda: len(statuses) > 10, "the load")
        for number, breaks in enumerate(BROKEN.values(), 1):
            path.write_text(breaks(good))
            weir.reload()
            weir.until_records(
                lambda rows, number=number: sum("refused" in str(row.get("reason")) for row in rows) >= number,
                f"broken policy {number} to be refused",
            )
        assert weir.process.output().count("policy not taken, the one in force stays") >= len(BROKEN)
        (before,) = decisions(weir.records())
        assert before[1] == "old-rule"

        new = write_policy(artefacts / "new.yaml", "enforce", rules=NEW)
        new.replace(path)
        weir.reload()
        weir.until_records(lambda rows: len(decisions(rows)) > 1, "a decision by the new policy")
        so_far = len(statuses)
        until(lambda: len(statuses) > so_far + 4 * CLIENTS, "some more requests")
    after = decisions(weir.records()) - {before}
    assert len(after) == 1, after
    ((new_hash, new_rule),) = after
    assert new_hash != before[0] and new_rule == "new-rule"
    assert set(statuses) <= {401, 400} and statuses[-1] == 400, set(statuses)


@pytest.mark.parametrize("name", BROKEN)
def test_at_start_a_broken_policy_starts_nothing(start_weir: Callable[..., Weir], artefacts: Path, name: str) -> None:
    good = write_policy(artefacts / "policy.yaml", "enforce", rules=OLD)
    good.write_text(BROKEN[name](good.read_text()))
    with pytest.raises(AssertionError, match="weir ended at once") as caught:
        start_weir(policy=good)
    assert "policy.yaml" in str(caught.value) and "Traceback" not in str(caught.value)
