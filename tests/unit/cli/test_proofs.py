"""What stands beside the section `identity`: told by `weir check` before weir starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.cli.beside import doubts, refused
from weir.cli.proofs import proof_doubts, proof_mistakes, teams_given
from weir.settings import Settings, load
from weir.tls.ca import ensure_ca


def policy(folder: Path, text: str) -> Settings:
    (folder / "p.yaml").write_text(f"version: 1\nidentity:\n{text}\n")
    return load(folder / "p.yaml")


def authority(folder: Path) -> None:
    (folder / "ca").mkdir(mode=0o700)
    ensure_ca(folder / "ca")
    (folder / "ca.pem").write_bytes((folder / "ca" / "weir-ca.pem").read_bytes())


CERTIFICATES = '  certificates: {ca: ca.pem, names: [{san: "dns:*.example", app: bot, team: bots}]}'
LDAP = (
    "  ldap: {server: 'ldaps://d.example', base: dc=x, bind: cn=x, password: 'env:X', "
    "ca: ca.pem, teams: {analysts: finance}}"
)


@pytest.mark.parametrize(("text", "field"), [(CERTIFICATES, "certificates"), (LDAP, "ldap")])
@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read (No such file or directory)"), ("", "holds no CA certificate")]
)
def test_a_ca_that_is_none(tmp_path: Path, text: str, field: str, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    (mistake,) = refused(policy(tmp_path, text))
    assert (mistake.line, mistake.field) == (3, f"identity.{field}.ca")
    assert mistake.problem == f"{tmp_path}/ca.pem {said}" and "PEM" in mistake.remedy


def test_a_ca_that_is_one(tmp_path: Path) -> None:
    authority(tmp_path)
    assert proof_mistakes(policy(tmp_path, CERTIFICATES)) == ()


@pytest.mark.parametrize("peers", ["[{key: short, user: a}]", "[{key: K, user: a}, {key: K, user: b}]"])
def test_peers(tmp_path: Path, peers: str) -> None:
    key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
    (mistake,) = proof_mistakes(policy(tmp_path, "  peers: " + peers.replace("K", f"'{key}'")))
    assert (mistake.line, mistake.field) == (3, "identity.peers") and key not in str(mistake)


def test_sources_without_anything_and_the_other_way_round(tmp_path: Path) -> None:
    text = "  networks: [{cidr: 10.0.0.0/8, team: a}]\n  sources: [virtual_key, jwt]"
    first, second = doubts(policy(tmp_path, text))
    assert (first.line, first.field, first.remedy) == (4, "identity.sources[1]", "give issuers, or remove jwt")
    assert (second.line, second.field) == (4, "identity.sources") and "network" in second.problem
    assert proof_doubts(policy(tmp_path, "  networks: [{cidr: 10.0.0.0/8, team: a}]")) == ()


def test_teams_of_every_source(tmp_path: Path) -> None:
    authority(tmp_path)
    issuer = "  issuers: [{issuer: 'https://i.example', audience: weir, claims: {user: sub%s}%s}]"
    mapped = issuer % (", team: dept", ", teams: {d1: legal}")
    text = "\n".join((CERTIFICATES, LDAP, mapped, "  networks: [{cidr: 10.0.0.0/8, team: office}]"))
    assert teams_given(policy(tmp_path, text)) == {"bots", "finance", "legal", "office"}
    assert teams_given(policy(tmp_path, issuer % (", team: dept", ""))) is None
    assert teams_given(policy(tmp_path, issuer % ("", ""))) == set()


def test_a_strength_that_counts_for_nothing(tmp_path: Path) -> None:
    (mistake,) = proof_doubts(policy(tmp_path, "  strength: 2"))
    assert (mistake.line, mistake.field) == (3, "identity.strength") and "required" in mistake.remedy
    assert proof_doubts(policy(tmp_path, "  strength: 2\n  required: true")) == ()


def test_an_operation_that_no_provider_has(tmp_path: Path) -> None:
    text = "  permissions:\n    - {id: a, operations: [chat, caht, 'fine*']}\n    - {id: b, operations: qqq}"
    first, second = proof_doubts(policy(tmp_path, text))
    assert (first.line, first.field) == (4, "identity.permissions[0].operations[1]")
    assert (first.problem, first.remedy) == ("names no known operation", "write chat")
    assert (second.line, second.remedy) == (5, "weir providers ID lists those of a service")


BY_MODEL = (
    "  permissions:\n    - {id: office, models: 'gpt-5*'%s}\n"
    "teams:\n  finance: {models: 'gpt-5*'}\n  it: {services: openai}"
)


def test_models_that_leave_what_names_none(tmp_path: Path) -> None:
    permission, team = doubts(policy(tmp_path, BY_MODEL % ""))
    assert (permission.line, permission.field) == (4, "identity.permissions[0].models")
    assert "files" in permission.problem and "operations: [chat" in permission.remedy
    assert (team.line, team.field) == (6, "teams.finance.models") and "operation: [files" in team.remedy
    assert doubts(policy(tmp_path, BY_MODEL % ", operations: [chat, responses]")) == ()


@pytest.mark.parametrize(("then", "count"), [("block", 0), ("alert", 1)])
def test_a_rule_on_operations_answers_for_teams(tmp_path: Path, then: str, count: int) -> None:
    text = f"  required: true\nteams: {{it: {{models: x}}}}\nrules: [{{id: a, if: {{operation: files}}, then: {then}}}]"
    assert len(proof_doubts(policy(tmp_path, text))) == count
