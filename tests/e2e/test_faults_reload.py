"""A broken policy comes while requests pass: the old one stays whole, and no request is decided by half of each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.faultclients import ask, chat
from harness.processes import PATIENCE_S, Process, until
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
            thread.join(PATIENCE_S)


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


STARTS = """
import sys
from weir.cli import main
for policy in sys.argv[1:]:
    files = ["--policy", policy, "--data", policy + ".d", "--ready-file", policy + ".ready"]
    code = main(["run", "--listen", "127.0.0.1:0", *files])
    print("code", code, "of", policy, file=sys.stderr, flush=True)
"""


def test_at_start_a_broken_policy_starts_nothing(artefacts: Path) -> None:
    """One process tries them all: it takes a second and a half until one looks at its policy."""
    paths = []
    for number, breaks in enumerate(BROKEN.values()):
        paths.append(write_policy(artefacts / f"policy-{number}.yaml", "enforce", rules=OLD))
        paths[-1].write_text(breaks(paths[-1].read_text()))
    process = Process("starts", ["-c", STARTS, *map(str, paths)], artefacts)
    try:
        assert process.wait(60) == 0, process.output()
    finally:
        process.kill()
    said, count = process.output(), 0
    for path in paths:
        own, end, said = said.partition(f"code 2 of {path}\n")
        assert end and path.name in own and "Traceback" not in own, own
        assert not path.with_name(f"{path.name}.ready").exists() and not path.with_name(f"{path.name}.d").exists()
        count += 1
    assert count == len(BROKEN)
