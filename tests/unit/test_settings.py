"""Loading whole policies: defaults, short forms, paths, the hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from weir.model import Mode, OnFailure, Status
from weir.settings import ACTIONS, BUILT_IN_RULES, PolicyError, load, loads
from weir.shadow.catalogue import Catalogue
from weir.tls.decide import Interception

POLICIES = Path(__file__).parents[2] / "policies"

FULL = """
version: 1
mode: enforce
on_failure: allow
intercept: {scope: all, sample: 5%, include: [x.test], exclude: ["*.y.test"]}
services:
  {sanctioned: [openai], tolerated: ["vendor:google"], unsanctioned: ["category:image"], otherwise: unsanctioned}
identity: {required: true, networks: [{cidr: 10.20.0.0/16, team: finance}], users: users.yaml}
keys:
  openai: {secret: "env:OPENAI_API_KEY"}
  anthropic: {secret: "file:secrets/anthropic", hosts: [api.anthropic.com]}
teams: {finance: {models: ["gpt-5*"], services: openai}}
rules:
  - id: one
    if: {finding: "secret/*", direction: request}
    unless: {finding: secret/jwt}
    then: block
    say: "no {finding}"
    examples: [{text: hello, expect: allow}]
dlp: {entities: [EMAIL_ADDRESS], threshold: 0.7, timeout_ms: 500}
usage: {ask: true}
audit: {durability: available}
limits: {body_bytes_max: 1MiB, peek_bytes_max: 2048, hook_timeout_ms: 500, drain_s: 5, reply_bytes_max: 1GiB}
"""


def test_everything_set(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(FULL)
    s = load(path)
    assert (s.mode, s.on_failure) == (Mode.ENFORCE, OnFailure.ALLOW)
    assert (s.intercept.scope, s.intercept.sample, s.intercept.exclude) == ("all", 5.0, ("*.y.test",))
    assert s.services.otherwise is Status.UNSANCTIONED
    assert s.identity.users == tmp_path / "users.yaml"
    assert s.identity.networks[0].team == "finance"
    assert s.keys["anthropic"].secret == f"file:{tmp_path}/secrets/anthropic"
    assert s.keys["openai"].hosts == ()
    assert s.teams["finance"].services == ("openai",)
    rule = s.rules[0]
    assert rule.when.finding == ("secret/*",)
    assert rule.unless is not None and rule.unless.finding == ("secret/jwt",)
    assert rule.examples[0].expect == "allow"
    assert s.limits.body_bytes_max == 1 << 20
    assert s.file == str(path)
    assert s.line("rules", 0, "examples", 0) == 19
    assert s.mistake(("rules", 0, "say"), "is odd", "mend it").line == 18


def test_least_policy_is_safe() -> None:
    s = loads("version: 1")
    assert s.mode is Mode.OBSERVE
    assert s.on_failure is OnFailure.BLOCK
    assert s.audit.durability == "strict"
    assert s.intercept.scope == "catalogued"
    assert (s.limits.body_bytes_max, s.limits.peek_bytes_max) == (32 << 20, 1 << 20)
    assert s.services.otherwise is Status.UNKNOWN
    assert s.dlp.entities is None


@pytest.mark.parametrize(
    ("written", "scope", "sample"),
    [("catalogued", "catalogued", 0.0), ("all", "all", 0.0), ("{sample: 5%}", "catalogued", 5.0)],
)
def test_intercept_forms(written: str, scope: str, sample: float) -> None:
    s = loads(f"version: 1\nintercept: {written}")
    assert (s.intercept.scope, s.intercept.sample) == (scope, sample)


def test_frozen() -> None:
    s = loads("version: 1")
    with pytest.raises(ValidationError):
        s.mode = Mode.ENFORCE  # type: ignore[misc]


def test_hash_is_of_the_meaning(tmp_path: Path) -> None:
    policy = "version: 1\nidentity: {users: u.yaml}\nmode: observe\n"
    other = "# comment\nmode: observe\nversion: 1\nidentity:\n  users: 'u.yaml'\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "p.yaml").write_text(policy)
    (tmp_path / "q.yaml").write_text(other)
    first, second = load(tmp_path / "a" / "p.yaml"), load(tmp_path / "q.yaml")
    assert first.identity != second.identity
    assert first.hash == second.hash == loads("version: 1\nidentity: {users: u.yaml}").hash
    assert len(first.hash) == 64
    assert loads("version: 1\nmode: enforce").hash != loads("version: 1").hash
    assert first.canonical == second.canonical and hashlib.sha256(first.canonical.encode()).hexdigest() == first.hash
    assert str(tmp_path) not in first.canonical and '"durability":"strict"' in first.canonical


def test_lists_and_words_mean_the_same() -> None:
    one = loads("version: 1\nrules: [{id: a, if: {host: x}, then: block}]")
    two = loads("version: 1\nrules: [{id: a, if: {host: [x]}, then: block}]")
    assert one.hash == two.hash


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load(tmp_path / "none.yaml")
    assert str(caught.value).startswith(f"{tmp_path}/none.yaml: cannot be read")


def test_what_a_policy_names_does_not_depend_on_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\nidentity: {users: u}\nkeys: {openai: {secret: 'file:k'}}\n")
    monkeypatch.chdir(tmp_path)
    relative = load(Path("p.yaml"))
    assert relative.identity.users == tmp_path / "u"
    assert relative.keys["openai"].secret == f"file:{tmp_path}/k"
    assert relative.hash == load(tmp_path / "p.yaml").hash


def test_a_missing_secret_is_not_a_policy_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIR_NO_SUCH_KEY", raising=False)
    assert loads("version: 1\nkeys: {openai: {secret: 'env:WEIR_NO_SUCH_KEY'}}").keys["openai"].secret


@pytest.mark.parametrize("name", ["observe", "enforce"])
def test_shipped_policies_load(name: str) -> None:
    s = load(POLICIES / f"{name}.yaml")
    assert s.mode == name
    assert all(rule.examples for rule in s.rules)
    assert (s.on_failure, s.audit.durability, s.usage.ask) == (
        (OnFailure.BLOCK, "strict", True) if name == "enforce" else (OnFailure.ALLOW, "available", False)
    )


def test_words_of_the_grammar() -> None:
    assert ACTIONS == ("allow", "alert", "redact", "pseudonymise", "coach", "block")
    assert "on-failure" in BUILT_IN_RULES


def test_observing_switches_off_nothing_that_takes_no_certificate_of_ours() -> None:
    """Apple Intelligence: recorded by `observe`, refused by `enforce`, as nobody can look into it."""
    hosts = Catalogue.load().entries["apple-intelligence"].hosts
    decided = {
        name: {Interception(it.scope, 0, it.include, it.exclude, hosts).decide(host, host, "").reason for host in hosts}
        for name in ("observe", "enforce")
        for it in (load(POLICIES / f"{name}.yaml").intercept,)
    }
    assert decided == {"observe": {"excluded"}, "enforce": {"catalogued"}}
