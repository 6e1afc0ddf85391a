"""What a real weir signs and publishes while it runs: its first row, a change of its key, its end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from e2e.support import House, chat_body
from harness.processes import ROOT, until
from weir.audit.evidence.entries import Checkpoint, Rotation, parse_entry
from weir.audit.evidence.note import parse_note
from weir.audit.evidence.signed import notes_in

CHAT = "https://api.openai.com/v1/chat/completions"


def published(folder: Path) -> list[object]:
    files = sorted(path for path in folder.rglob("*.checkpoint"))
    return [parse_entry(parse_note(note).text) for path in files for _, note in notes_in(path)]


def audit(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command on another machine, as it were: it gets no environment of ours."""
    return subprocess.run(
        [sys.executable, "-m", "weir.cli", "audit", *map(str, arguments)],
        env={"PYTHONPATH": str(ROOT / "addons"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_from_the_first_row_to_the_last(start_house: Callable[..., House], tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    house = start_house(audit={"checkpoints": {"rows": 2, "publish": [{"directory": str(away)}]}})
    data = house.weir.data
    headers = {"authorization": f"Bearer {house.key}"}
    with house.client() as client:
        for _ in range(3):
            assert client.post(CHAT, content=chat_body("hello"), headers=headers).is_success
    house.weir.until_records(lambda rows: sum(row["kind"] == "response" for row in rows) >= 3, "three replies")
    until(lambda: published(away), "the first checkpoint")
    rotated = audit("rotate-key", "--data", data)  # beside the witness that is at work
    assert rotated.returncode == 0, rotated.stderr
    key = tmp_path / "first.pub"
    key.write_bytes((data / "keys" / "checkpoint.pub").read_bytes())
    while_it_runs = audit("verify", "--data", data, "--key", key, "--checkpoint", away, "--store", "--format", "json")
    assert while_it_runs.returncode == 0, while_it_runs.stdout
    house.weir.stop()

    entries = published(away)
    assert any(isinstance(entry, Rotation) for entry in entries)
    checkpoints = [entry for entry in entries if isinstance(entry, Checkpoint)]
    assert checkpoints[0].reason == "start" and checkpoints[-1].reason == "close"
    done = audit("verify", "--data", data, "--key", key, "--checkpoint", away, "--format", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["problems"]) == (0, [])
    assert told["proved"] == told["rows"] == checkpoints[-1].size and not told["own_key"]

    event_id = next(str(row["event_id"]) for row in house.weir.records() if row["kind"] == "response")
    proof, new = tmp_path / "one.tlog-proof", tmp_path / "new.pub"
    new.write_text(rotated.stdout)
    assert audit("prove", event_id, "--data", data, "--out", proof).returncode == 0
    checked = audit("verify-proof", proof, "--key", key, "--key", new)
    assert checked.returncode == 0 and event_id in checked.stdout, checked.stderr
