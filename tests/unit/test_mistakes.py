"""What an operator reads: every mistake of a file in one go, each with line, field and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.settings import PolicyError, loads


def mistakes(text: str, base: Path | None = None) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        loads(text, file="p.yaml", base=base)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mode: observe", "p.yaml:1: version: is missing; write version: 1"),
        ("", "p.yaml:1: version: is missing; write version: 1"),
        ("version: 2", "p.yaml:1: version: is not a version this weir reads; write version: 1"),
        ("version: 1\nsevices: {}", "p.yaml:2: sevices: is not known here; write services"),
        (
            "version: 1\nmode: enforced",
            "p.yaml:2: mode: is not a word known here; write enforce (known: observe, enforce)",
        ),
        ("version: 1\nmode: [5]", "p.yaml:2: mode: is not a word known here; write one of observe, enforce"),
        (
            "version: 1\nintercept: al",
            "p.yaml:2: intercept: is not a word known here; write all (known: catalogued, all)",
        ),
        ("version: 1\nintercept:\n  smaple: 5%", "p.yaml:3: intercept.smaple: is not known here; write sample"),
        (
            "version: 1\nidentity: {required: yes}",
            "p.yaml:2: identity.required: must be true or false; write true or false",
        ),
        ("version: 1\nidentity: 5", "p.yaml:2: identity: must be a mapping; write key: value lines below it"),
        ("version: 1\nteams: [a]", "p.yaml:2: teams: must be a mapping; write key: value lines below it"),
        (
            "version: 1\nteams:\n  finance:\n    colour: 5",
            "p.yaml:4: teams.finance.colour: is not known here; use one of: models, services, budget",
        ),
        ("version: 1\nrules: {}", "p.yaml:2: rules: must be a list; write [a, list]"),
        ("version: 1\nrules: [5]", "p.yaml:2: rules[0]: must be a mapping; write key: value lines below it"),
        (
            "version: 1\nlimits: {drain_s: 30.5}",
            "p.yaml:2: limits.drain_s: must be a whole number; write a number without quotes or unit",
        ),
        (
            "version: 1\nlimits: {drain_s: 9999}",
            "p.yaml:2: limits.drain_s: is out of bounds; write a value from 0 to 3600 s",
        ),
        (
            "version: 1\nservices: {sanctioned: [a], tolerated: [a]}",
            "p.yaml:2: services.tolerated[0]: stands already under sanctioned; remove one of the two",
        ),
        (
            "version: 1\nservices: {sanctioned: [a, a]}",
            "p.yaml:2: services.sanctioned[1]: stands already here; remove one of the two",
        ),
        (
            "version: 1\nidentity: {certificates: {ca: x.pem, names: [{san: 'spiffe://x', app: a}]}}",
            "p.yaml:2: identity.certificates.names[0]: names no kind of name; write san: uri:…, dns:…, email:… or ip:…",
        ),
        (
            "version: 1\nidentity: {certificates: {ca: x.pem, names: []}}",
            "p.yaml:2: identity.certificates.names: is empty; give at least one",
        ),
        (
            "version: 1\nidentity: {networks: [{cidr: 10.0.0.0/8}]}",
            "p.yaml:2: identity.networks[0]: says nothing about who calls from there; "
            "write a user, team, app or device",
        ),
    ],
)
def test_one_mistake(text: str, said: str) -> None:
    assert mistakes(text) == [said]


RULE = "version: 1\nrules:\n- id: {id}\n  if: {when}\n  then: {then}\n"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ({"id": "on-failure"}, "p.yaml:3: rules[0].id: is the id of a built-in rule; write another id"),
        ({"id": "virtual-key"}, "p.yaml:3: rules[0].id: is the id of a built-in rule; write another id"),
        ({"when": "{}"}, 'p.yaml:4: rules[0].if: is empty; write at least one condition; host: "*" matches everything'),
        ({"when": "{modle: x}"}, "p.yaml:4: rules[0].if.modle: is not known here; write model"),
        (
            {"when": "{status: sanctionned}"},
            "p.yaml:4: rules[0].if.status: is not a word known here; "
            "write sanctioned (known: sanctioned, tolerated, unsanctioned, unknown)",
        ),
        (
            {"then": "blok"},
            "p.yaml:5: rules[0].then: is not a word known here; "
            "write block (known: allow, alert, redact, pseudonymise, coach, block)",
        ),
        (
            {"then": "downgrade"},
            "p.yaml:5: rules[0].then: is not a word known here; "
            "write one of allow, alert, redact, pseudonymise, coach, block",
        ),
        (
            {"then": "redact"},
            'p.yaml:5: rules[0].then: changes findings, but the rule names none; write finding: "*" under if',
        ),
        (
            {"then": "block\n  unless: {tool: x}"},
            'p.yaml:6: rules[0].unless.tool: has no counterpart under if; write tool: "*" under if',
        ),
        (
            {"then": "block\n  unless: {finding: x}"},
            'p.yaml:6: rules[0].unless.finding: has no counterpart under if; write finding: "*" under if',
        ),
        (
            {"then": "block\n  unless: {}"},
            "p.yaml:6: rules[0].unless: is empty; write at least one condition, or remove it",
        ),
        (
            {"then": "block\n  say: 5"},
            "p.yaml:6: rules[0].say: must be text; write text, in quotes if it looks like a number",
        ),
        (
            {"then": "block\n- {id: r, if: {host: x}, then: block}"},
            "p.yaml:6: rules[1].id: is taken by the rule on line 3; rename it",
        ),
    ],
)
def test_one_mistake_in_a_rule(rest: dict[str, str], said: str) -> None:
    text = RULE
    for name, value in ({"id": "r", "when": "{service: x}", "then": "block"} | rest).items():
        text = text.replace("{" + name + "}", value)
    assert mistakes(text) == [said]


def test_all_mistakes_at_once_in_file_order() -> None:
    text = """version: 3
mode: watch
mode: observe
sevices: {}
rules:
  - {id: A, if: {team: x}, then: stop}
  - {id: b, if: {}, then: redact}
  - {id: b, if: {host: h}, then: block, unless: {tool: t}}
limits: {drain_s: soon, body_bytes_max: 1TB}
"""
    lines = [int(said.split(":")[1]) for said in mistakes(text)]
    assert lines == sorted(lines)
    assert set(lines) == {1, 2, 3, 4, 6, 7, 8, 9}
    assert len(lines) == 12


def test_a_value_the_reader_refused_is_told_once() -> None:
    assert mistakes("version: 1\nmode: !!binary aGk=") == ["p.yaml:2: mode: carries a YAML tag; remove the !tag"]


def test_missing_rule_directory(tmp_path: Path) -> None:
    said = mistakes("version: 1\ndlp: {rules: [here, there]}", tmp_path)
    assert said == [f"p.yaml:2: dlp.rules[{n}]: is not a directory; name a folder that exists" for n in (0, 1)]
    (tmp_path / "here").mkdir()
    assert len(mistakes("version: 1\ndlp: {rules: [here, there]}", tmp_path)) == 1


def test_no_value_is_ever_quoted() -> None:
    canary = "sk-canary0123456789abcdef"
    places = [
        "version: {}",
        "mode: {}",
        "on_failure: {}",
        "intercept: {}",
        "services: {otherwise: {}}",
        "services: {sanctioned: '!{}'}",
        "keys: {openai: {}}",
        "keys: {openai: {secret: {}}}",
        "keys: {openai: {secret: 'env:{}', hosts: '/{}'}}",
        "keys: {{}: {secret: x}}",
        "keys: {openai: {{}: x}}",
        "teams: {{}: {modles: x}}",
        "rules: [{id: '{} A', if: {status: {}}, then: {}, say: '{{}}'}]",
        "limits: {drain_s: {}}",
        "dlp: {threshold: {}, rules: {}}",
        "{}: x",
        "identity: {users: [{}], networks: [{cidr: {}}]}",
    ]
    for place in places:
        text = place.replace("{}", canary)
        for said in mistakes(text if place.startswith("version") else f"version: 1\n{text}"):
            assert canary not in said


def test_texts_are_kept_by_rules_that_there_are() -> None:
    policy = """version: 1
rules:
  - {id: no-keys, if: {finding: "secret/*"}, then: block, say: "no"}
audit:
  content:
    except:
      - {rules: no-keys, keep: full}
      - {rules: [no-kees, on-failure], keep: full}
      - {services: [openai], rules: [elsewhere-entirely], keep: full}
"""
    assert mistakes(policy) == [
        "p.yaml:8: audit.content.except[1].rules[0]: is the id of no rule; write no-keys",
        "p.yaml:9: audit.content.except[2].rules[0]: is the id of no rule; write the id of one of the rules",
    ]
