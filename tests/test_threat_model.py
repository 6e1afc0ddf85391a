"""The threat model names tests: each of them exists, and each row of a defence names one."""

from __future__ import annotations

import ast
import re

from harness.processes import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(TEXT)
    assert len(named) > 30
    missing = []
    for path, name in named:
        file = ROOT / path
        tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        if not file.is_file() or (name and name not in defined):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_every_defence_names_a_test() -> None:
    defences = TEXT.partition("## What is done against it")[2].partition("## Out of reach")[0]
    rows = [line for line in defences.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) > 20
    assert [row for row in rows if not NAMED.search(row)] == []


def test_what_is_out_of_reach_is_named() -> None:
    said = TEXT.partition("## Out of reach")[2].lower()
    for thing in ("ech", "dns over https", "pin", "webrtc", "quic", "steganography"):
        assert thing in said
