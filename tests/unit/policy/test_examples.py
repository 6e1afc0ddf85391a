"""Examples beside the rules are run as requests."""

from __future__ import annotations

from collections.abc import Sequence

from weir.model import Finding, Segment, Service, Status
from weir.policy.decide import Policy
from weir.policy.examples import Surprise, run
from weir.settings import loads

POLICY = """version: 1
rules:
  - id: keys
    if: {finding: "secret/*"}
    then: block
    examples:
      - {text: "a KEY here", expect: block}
      - {text: "nothing", expect: allow}
      - {text: "KEY canary", expect: alert}
      - {text: "canary", expect: block}
  - id: shadow
    if: {status: unsanctioned, team: finance}
    then: alert
    examples:
      - {service: other, team: finance, expect: alert}
      - {service: other, team: sales, expect: allow}
      - {status: unsanctioned, team: finance, expect: alert}
      - {service: openai, team: finance, expect: allow}
  - id: never
    if: {host: nowhere.test}
    then: alert
    examples:
      - {text: x, service: other, team: finance, expect: alert}
"""


def scan(segments: Sequence[Segment]) -> Sequence[Finding]:
    return [Finding("secret/x", "secret", i, 0, 3, 1.0) for i, s in enumerate(segments) if "KEY" in s.text]


def service_of(name: str) -> Service:
    return Service(name, status=Status.SANCTIONED if name == "openai" else Status.UNSANCTIONED)


def test_surprises_name_file_line_rule_and_reason() -> None:
    found = run(Policy.compile(loads(POLICY, file="p.yaml")), scan, service_of=service_of)
    assert found == (
        Surprise("p.yaml", 9, "keys", 2, "alert", "block", "keys: secret/x"),
        Surprise("p.yaml", 10, "keys", 3, "block", "allow", "no rule matched"),
        Surprise("p.yaml", 23, "never", 0, "alert", "alert", "but by another rule: shadow"),
    )
    assert str(found[0]) == (
        "p.yaml:9: rule keys, example 3: expected alert, got block (keys: secret/x); change the rule or the example"
    )
    assert not any("canary" in str(surprise) for surprise in found)


def test_every_condition_can_be_exemplified() -> None:
    conditions = {
        "service": "svc", "vendor": "v", "category": "c", "status": "tolerated", "team": "t", "user": "u", "app": "a",
        "model": "m", "operation": "embeddings", "host": "h.test", "tool": "shell", "inspection": "partial",
        "identity": "network", "credential": "raw", "direction": "response",
        "credential_kind": "personal",
    }  # fmt: skip
    rules = "".join(
        f"  - {{id: r-{name.replace('_', '-')}, if: {{{name}: {value}}}, then: alert,"
        f" examples: [{{{name}: {value}, expect: alert}}, {{expect: allow}}]}}\n"
        for name, value in conditions.items()
        if name != "status"
    )
    policy = Policy.compile(loads("version: 1\nrules:\n" + rules))
    assert run(policy, scan) == ()


def test_an_example_stands_for_an_identified_caller_by_default() -> None:
    text = (
        "version: 1\nidentity: {required: true}\nrules:\n  - id: r\n    if: {host: h}\n    then: alert\n    examples:\n"
    )
    policy = Policy.compile(loads(text + "      - {host: h, expect: alert}\n      - {identity: none, expect: block}\n"))
    assert run(policy, scan) == ()


def test_generated_text_is_written_out_before_the_scan() -> None:
    seen: list[str] = []

    def look(segments: Sequence[Segment]) -> Sequence[Finding]:
        seen.extend(s.text for s in segments)
        return scan(segments)

    run(Policy.compile(loads(POLICY)), look, expand=lambda text, seed: f"{seed}:{text}")
    assert seen[0] == "keys/0:a KEY here"


def test_examples_of_kinds_of_credentials() -> None:
    text = """version: 1
keys: {openai: {secret: "env:K"}}
credentials: {kinds: {admin: block, personal: {then: replace, else: block}, session: alert, unknown: alert}}
rules:
  - id: r
    if: {host: h}
    then: coach
    examples:
      - {credential_kind: admin, service: openai, expect: block}
      - {credential_kind: personal, service: openai, expect: alert}
      - {credential_kind: personal, service: groq, expect: block}
      - {credential_kind: personal, service: openai, identity: none, expect: block}
      - {credential: session, expect: alert}
      - {credential: raw, expect: alert}
      - {credential_kind: project, expect: allow}
      - {host: h, expect: coach}
"""
    assert run(Policy.compile(loads(text)), scan) == ()
