"""Places of ``failover`` that could never take a request."""

from __future__ import annotations

from weir.cli.failovers import failover_mistakes
from weir.settings import loads

KEYS = (
    "version: 1\nkeys:\n  openai:\n    hosts: [api.openai.com]\n    secrets: [{secret: 'env:A'},"
    " {secret: 'env:B', name: second}, {secret: 'env:C', name: eu, hosts: [eu.api.openai.com]}]\n"
)


def found(text: str) -> list[tuple[int, str, str]]:
    return [(one.line, one.field, one.remedy) for one in failover_mistakes(loads(text))]


def test_places_that_can_be_gone_to() -> None:
    assert not found("version: 1")
    assert not found(
        KEYS
        + "failover: {openai: {to: [{key: second}, {key: '1'}, {host: eu.api.openai.com},"
        + " {host: eu.api.openai.com, key: eu}]}}"
    )
    azure = "version: 1\nkeys: {azure-openai: {secret: 'env:A', hosts: [a.openai.azure.com, b.openai.azure.com]}}\n"
    assert not found(azure + "failover: {azure-openai: {to: [{host: b.openai.azure.com}]}}")
    bedrock = "version: 1\nkeys: {aws-bedrock: {secret: 'env:A', form: aws}}\n"
    assert not found(bedrock + "failover: {aws-bedrock: {to: [{host: bedrock-runtime.us-west-2.amazonaws.com}]}}")


def test_places_that_cannot() -> None:
    targets = [
        ("{key: secnd}", "key", "write second"),
        ("{key: nothing-like-it}", "key", "write one of 1, second, eu"),
        ("{host: api.groq.com}", "host", "name a host of openai's"),
        ("{host: nowhere.example.com}", "host", "name a host of openai's"),
        ("{host: eu.api.openai.com, key: second}", "host", "add it to hosts: of keys.openai, or of one of its secrets"),
        ("{host: us.api.openai.com}", "host", "add it to hosts: of keys.openai, or of one of its secrets"),
    ]
    lines = "".join(f"      - {one}\n" for one, _, _ in targets)
    got = found(KEYS + "failover:\n  openai:\n    to:\n" + lines)
    assert got == [(9 + at, f"failover.openai.to[{at}].{name}", remedy) for at, (_, name, remedy) in enumerate(targets)]


def test_a_key_that_can_stand_in_for_no_other() -> None:
    ((line, field, remedy),) = found(KEYS + "failover: {openai: {to: [{key: second}, {key: eu}]}}")
    assert (line, field, remedy) == (6, "failover.openai.to[1].key", "add host: eu.api.openai.com")
    both = KEYS.replace("hosts: [eu.api", "hosts: [api.openai.com, eu.api")
    assert not found(both + "failover: {openai: {to: [{key: eu}]}}")
    like = KEYS.replace("hosts: [api.openai.com]", "hosts: ['*.openai.com']")
    assert not found(like + "failover: {openai: {to: [{key: eu}]}}")


def test_both_mistakes_of_one_target_are_told() -> None:
    section = "failover: {openai: {to: [{host: api.groq.com, key: secnd}, {host: us.api.openai.com, key: secnd}]}}"
    assert [(field, remedy) for _, field, remedy in found(KEYS + section)] == [
        ("failover.openai.to[0].key", "write second"),
        ("failover.openai.to[0].host", "name a host of openai's"),
        ("failover.openai.to[1].key", "write second"),
        ("failover.openai.to[1].host", "add it to hosts: of keys.openai, or of one of its secrets"),
    ]
    keyless = found("version: 1\nfailover: {openai: {to: [{host: api.groq.com}]}}")
    assert [field for _, field, _ in keyless] == ["failover.openai", "failover.openai.to[0].host"]


def test_one_key_has_no_name() -> None:
    text = "version: 1\nkeys: {openai: {secret: 'env:A'}}\nfailover: {openai: {to: [{key: second}]}}"
    assert found(text) == [(3, "failover.openai.to[0].key", "give keys.openai secrets: with names")]


def test_a_service_without_keys() -> None:
    text = "version: 1\nfailover: {openai: {to: [{host: eu.api.openai.com}]}, unheard-of: {to: [{key: a}]}}"
    assert found(text) == [(2, "failover.openai", "add openai to keys, or remove it")]
