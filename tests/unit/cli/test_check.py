"""`weir check`: what it prints, in which form, with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from weir.cli import check as module
from weir.cli.check import Tools, check, examine
from weir.model import Finding, Segment, Service
from weir.policy.vocabulary import Vocabulary
from weir.settings import Mistake, Settings

POLICIES = Path(__file__).parents[3] / "policies"

GOOD = """version: 1
rules:
  - id: keys
    if: {finding: "secret/*"}
    then: block
    examples: [{text: "a KEY here", expect: block}, {text: "none", expect: allow}]
  - {id: bare, if: {host: x.test}, then: alert}
"""


def tools(settings: Settings, why: str = "") -> Tools:
    def scan(segments: Sequence[Segment]) -> tuple[Sequence[Finding], str]:
        return [Finding("secret/x", "secret", i, 0, 3, 1.0) for i, s in enumerate(segments) if "KEY" in s.text], why

    return Tools(scan, Service, lambda text, seed: text, Vocabulary(detectors=frozenset({"secret/x"})))


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "real_tools", tools)
    path = tmp_path / "p.yaml"
    path.write_text(GOOD)
    return path


def test_good(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(policy) == 0
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert first.startswith(f"{policy}: good (2 rules, 2 examples as expected, mode observe, policy ")
    assert second == "without an example: bare"
    assert err == ""


def test_surprise(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(GOOD.replace("a KEY here", "harmless canary " + "x" * 300))
    assert check(policy) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        f"{policy}:6: rule keys, example 1: expected block, got allow (no rule matched); change the rule or the example"
    )
    assert second == f"{policy}: 1 to repair"


def test_mistakes(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text("version: 1\nmode: obsrve\nrules: 5\n")
    assert check(policy) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{policy}:2: mode: is not a word known here; write observe (known: observe, enforce)"
    assert out[-1] == f"{policy}: 2 to repair"


def test_unknown_word(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(GOOD.replace('"secret/*"', '"secrets/*"'))
    assert check(policy) == 1
    assert f"{policy}:4: rules[0].if.finding: names no known detector" in capsys.readouterr().out


def test_json(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(policy, "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found | {"policy_hash": ""} == {
        "file": str(policy), "ok": True, "mode": "observe", "policy_hash": "", "rules": 2, "examples": 2,
        "rules_without_examples": ["bare"], "mistakes": [], "warnings": [], "surprises": [],
    }  # fmt: skip
    assert len(found["policy_hash"]) == 64
    policy.write_text("version: 2\n")
    assert check(policy, "json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["mode"], found["policy_hash"]) == (False, None, None)
    assert found["mistakes"] == [
        {"file": str(policy), "line": 1, "field": "version", "problem": "is not a version this weir reads",
         "remedy": "write version: 1"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "form", "said"), [("none.yaml", "table", "is not a file"), ("p.yaml", "xml", "format")]
)
def test_wrong_usage(policy: Path, capsys: pytest.CaptureFixture[str], name: str, form: str, said: str) -> None:
    assert check(policy.parent / name, form) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1


def test_a_scan_that_does_not_finish_is_no_success(policy: Path) -> None:
    report = examine(policy, lambda settings: tools(settings, "timeout"))
    assert [mistake.problem for mistake in report.mistakes] == ["its scan of an example ended early (timeout)"]
    assert not report.good


def test_detectors_that_do_not_load(policy: Path) -> None:
    def broken(settings: Settings) -> Tools:
        raise module.ToolError(Mistake("r.yaml", 3, "regex", "is odd", "mend it"))

    assert [str(mistake) for mistake in examine(policy, broken).mistakes] == ["r.yaml:3: regex: is odd; mend it"]


@pytest.mark.parametrize("name", ["observe", "enforce"])
def test_shipped_policies_hold_what_their_examples_say(name: str) -> None:
    report = examine(POLICIES / f"{name}.yaml")
    assert [str(item) for item in (*report.mistakes, *report.surprises)] == []
    assert report.examples >= 8 and report.without_examples == ()


def test_broken_detector_file_is_told_with_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "r.yaml").write_text("- id: secret/own\n  regexp: x\n")
    (tmp_path / "p.yaml").write_text("version: 1\ndlp: {rules: [own]}\n")
    (mistake, *_) = examine(tmp_path / "p.yaml").mistakes
    assert mistake.file == str(tmp_path / "own" / "r.yaml")
    assert mistake.remedy


def test_unknown_entity_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\ndlp: {entities: [EMIAL_ADDRESS]}\n")
    report = examine(tmp_path / "p.yaml")
    assert not report.good
    assert report.mistakes[0].line == 2


def test_offline_without_mitmproxy() -> None:
    code = (
        "import sys; from pathlib import Path; from weir.cli.check import check; "
        f"code = check(Path({str(POLICIES / 'observe.yaml')!r})); "
        "sys.exit(3 if any(m.split('.')[0] == 'mitmproxy' for m in sys.modules) else code)"
    )
    env = {"PYTHONPATH": str(POLICIES.parent / "addons"), "PATH": "/usr/bin"}
    assert subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=False).returncode == 0


def test_one_is_not_called_several(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text("version: 1\nrules: [{id: a, if: {host: x.test}, then: alert, examples: [{expect: allow}]}]\n")
    assert check(policy) == 0
    assert ": good (1 rule, 1 example as expected, mode observe" in capsys.readouterr().out


def test_what_stands_beside_the_policy(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text("version: 1\nidentity: {users: none}\n")
    assert check(policy) == 1
    users = policy.parent / "none"
    assert capsys.readouterr().out.splitlines() == [
        f"{policy}:2: identity.users: {users} cannot be read (No such file or directory); "
        f"make it with: weir identity add NAME --users {users}",
        f"{policy}: 1 to repair",
    ]


def test_a_warning_leaves_the_policy_good(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(
        "version: 1\nidentity: {networks: [{cidr: 10.0.0.0/8, team: ops}]}\nteams: {op: {services: openai}}\n"
    )
    assert check(policy) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{policy}:3: warning: teams.op: is a team that no source of identity gives")
    assert second.startswith(f"{policy}: good")
    assert check(policy, "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], [item["field"] for item in told["warnings"]]) == (True, ["teams.op"])
