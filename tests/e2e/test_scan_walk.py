"""From a table of customers to a scanned folder, as an operator does it: every command is a process of its own."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.support import access_key
from harness.processes import ROOT

pytestmark = pytest.mark.xdist_group("scan_walk")

CUSTOMERS = [
    (f"K-{7_000_000 + 37 * number}", f"Vorname{chr(97 + number % 26)} Nachname{number}x") for number in range(5000)
]
POLICY = """
version: 1
dlp: {exact: [customers.fp]}
rules:
  - {id: customers-stay, if: {finding: "exact/*"}, then: block, say: "Customer data."}
  - {id: keys-stay, if: {finding: "secret/*"}, then: redact}
"""


def weir(folder: Path, *arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "weir.cli", *map(str, arguments)],
        input=given,
        capture_output=True,
        cwd=folder,
        timeout=90,
        env={**os.environ, "PYTHONPATH": str(ROOT / "addons"), "COLUMNS": "100"},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a policy and the fingerprints it names."""
    made = tmp_path_factory.mktemp("scan")
    told = io.StringIO()
    csv.writer(told, delimiter=";").writerows([("customer_id", "name"), *CUSTOMERS])
    (made / "customers.csv.gz").write_bytes(gzip.compress(told.getvalue().encode("utf-8-sig")))
    (made / "policy.yaml").write_text(POLICY)
    done = weir(made, "dlp", "fingerprint", "customers.csv.gz", "--columns", "customer_id,name", "--format", "json")
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    assert (said["detector"], said["cells"], said["delimiter"], said["refused"]) == ("exact/customers", 10_000, ";", {})
    return made


def test_a_large_stream_is_scanned_in_windows(folder: Path) -> None:
    line = "Nothing to see in this line of the log, which goes on and on.\n"
    rows = {place: number for number, place in enumerate(range(1000, 60_000, 5000))}
    text = "".join(f"id {CUSTOMERS[rows[at]][0]}\n" if at in rows else line for at in range(60_000))
    done = weir(folder, "scan", "-", "--policy", "policy.yaml", "--format", "json", given=text.encode())
    assert done.stdout, done.stderr.decode()
    made = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr.decode()
    assert made["complete"] and {one["action"] for one in made["findings"]} == {"block"}
    assert [one["line"] for one in made["findings"]] == [place + 1 for place in rows]
    assert [text[one["start"] : one["end"]] for one in made["findings"]] == [CUSTOMERS[n][0] for n in rows.values()]
    assert made["verdicts"] == [{"file": "-", "action": "block", "rule": "customers-stay"}]


def test_a_folder_with_all_kinds_of_files(folder: Path) -> None:
    inside = folder / "share"
    (inside / "notes").mkdir(parents=True)
    key, (customer, name) = access_key(), CUSTOMERS[42]
    (inside / "notes" / "deploy.sh").write_text(f"#!/bin/sh\nexport AWS_ACCESS_KEY_ID={key}\n")
    (inside / "letter.txt").write_text(f"Dear {name.upper()},\n", encoding="utf-16")
    (inside / "data.json").write_text(json.dumps({"who": {"id": customer.replace("-", "")}}))
    (inside / ".git").mkdir()
    (inside / ".git" / "x").write_text(key)
    done = weir(folder, "scan", "share", "--policy", "policy.yaml", "--format", "sarif")
    assert done.stdout, done.stderr.decode()
    results = json.loads(done.stdout)["runs"][0]["results"]
    found = {
        (place["artifactLocation"]["uri"], result["ruleId"].partition("/")[0], result["properties"]["action"])
        for result in results
        for place in (result["locations"][0]["physicalLocation"],)
    }
    assert found == {
        ("share/data.json", "exact", "block"),
        ("share/letter.txt", "exact", "block"),
        ("share/notes/deploy.sh", "secret", "redact"),
    }
    table = weir(folder, "scan", "share", "--policy", "policy.yaml")
    assert done.returncode == table.returncode == 1
    for output in (done.stdout, done.stderr, table.stdout, table.stderr):
        assert not any(value.encode() in output for value in (key, customer, customer.replace("-", ""), name.upper()))


def test_a_table_made_again_is_the_one_that_counts(folder: Path) -> None:
    (folder / "b.csv").write_text("id\nZZ-900-001\n")
    (folder / "b.yaml").write_text("version: 1\ndlp: {exact: [b.fp]}\n")

    def found() -> list[int]:
        """Which line of two has a finding."""
        given = b"zz900001\nzz900002\n"
        done = weir(folder, "scan", "-", "--policy", "b.yaml", "--format", "json", given=given)
        return [one["line"] for one in json.loads(done.stdout)["findings"]] if done.returncode < 2 else []

    assert weir(folder, "dlp", "fingerprint", "b.csv", "--columns", "id").returncode == 0
    assert found() == [1]
    (folder / "b.csv").write_text("id\nZZ-900-002\n")
    assert weir(folder, "dlp", "fingerprint", "b.csv", "--columns", "id").returncode == 0
    assert found() == [2]
    whole = (folder / "b.fp").read_bytes()
    (folder / "b.fp").write_bytes(whole[:-1])
    assert weir(folder, "scan", "-", "--policy", "b.yaml", given=b"zz900002").returncode == 2


def test_a_reader_that_has_seen_enough(folder: Path) -> None:
    code = f"{sys.executable} -m weir.cli dlp rules | head -n 1"
    done = subprocess.run(
        ["sh", "-c", code], capture_output=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT / "addons")}
    )
    assert done.stdout.startswith(b"detector") and b"Traceback" not in done.stderr
