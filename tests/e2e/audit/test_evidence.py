"""The folder for an auditor through the command line: of records with gaps and erasures, and of a proxy's own."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from e2e.support import House, chat_body, command
from harness.evidencesite import EMAIL, build
from harness.processes import ROOT


def weir(*words: object) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "weir.cli", "audit", "evidence", *map(str, words)],
        env={"PYTHONPATH": str(ROOT / "addons"), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def check(folder: Path, *words: str, whole: bool = True) -> str:
    """What the check of a folder says, in this process."""
    return command("audit", "evidence", "--check", str(folder), *words, check=whole)


def test_a_folder_of_records_with_gaps_and_erasures(tmp_path: Path) -> None:
    site, out = build(tmp_path / "data"), tmp_path / "out"
    done = weir("--since", "2023-11-15", "--until", "2023-11-18", "--out", out, "--data", site.data.path)
    assert done.returncode == 0, done.stderr
    page = (out / "index.html").read_text()
    assert "12 in 1 gap" in page and "erased by dora: request 17" in page and EMAIL in page
    assert "no space left on device" in (out / "tables" / "gaps.csv").read_text()
    assert set(re.findall(r'href="([^"#]+)"', page)) <= {f"tables/{path.name}" for path in (out / "tables").iterdir()}
    key = ("--key", site.key.verifier.text)
    assert "for 2023-11-15T00:00:00Z to 2023-11-18T00:00:00Z" in check(out, *key)
    records = out / "records" / "events.parquet"
    data = bytearray(records.read_bytes())
    data[len(data) // 2] ^= 1
    records.write_bytes(data)
    assert "records/events.parquet: the file was changed" in check(out, *key, whole=False)


def test_a_folder_of_a_proxy_s_own_records(start_house: Callable[..., House], tmp_path: Path) -> None:
    house, out = start_house(), tmp_path / "out"
    key = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    with house.client() as client:
        url = "https://api.openai.com/v1/chat/completions"
        assert client.post(url, content=chat_body("How high is the tower?"), headers=key).status_code == 200
    house.until(1, "response")
    policy = house.weir.policy
    policy.write_text(policy.read_text() + "\ncoach: {minutes: 7}\n")
    house.weir.reload()
    house.weir.until_records(lambda rows: any(row.get("reason") == "policy taken" for row in rows), "the reload")
    house.weir.stop()
    data = house.weir.data
    done = weir("--since", "1h", "--out", out, "--policy", policy, "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    texts = {path.stem: path.read_bytes() for path in (out / "policies").iterdir()}
    assert len(texts) == 2 and all(hashlib.sha256(text).hexdigest() == name for name, text in texts.items())
    assert {json.loads(text)["coach"]["minutes"] for text in texts.values()} == {60, 7}
    rows = (out / "tables" / "coverage_by_service.csv").read_text()
    assert "openai,1,1,0,0,0,0,0,0,100.0" in rows
    told = json.loads(check(out, "--result", "json"))
    assert told["ok"] and told["rows_signed"] >= 4
