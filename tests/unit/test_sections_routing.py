"""The policy's section ``failover``."""

from __future__ import annotations

import pytest

from weir.sections_routing import CAUSES
from weir.settings import PolicyError, loads

HEAD = "version: 1\nkeys: {openai: {secret: 'env:A'}}\nfailover:\n  openai: "


def test_what_holds_without_a_word() -> None:
    one = loads(HEAD + "{to: [{host: EU.api.openai.com.}, {key: second}]}").failover["openai"]
    assert one.on == ("connect", "reset", "timeout", "429", "5xx") and set(one.on) < set(CAUSES)
    assert one.places == (("eu.api.openai.com", ""), ("", "second"))
    assert (one.attempts_max, one.timeout_ms, one.breaker.failures, one.breaker.rest_s) == (3, 600_000, 5, 30)


def test_everything_said() -> None:
    text = "{on: [connect, 429, 503], to: [{host: a.example.com, key: k}, {key: l}], attempts: 2,"
    one = loads(HEAD + text + " timeout_ms: 500, breaker: {failures: 1, rest_s: 2}}").failover["openai"]
    assert one.on == ("connect", "429", "503") and one.attempts_max == 2
    assert (one.timeout_ms, one.breaker.failures, one.breaker.rest_s) == (500, 1, 2)
    assert loads(HEAD + "{on: 5xx, to: [{key: a}]}").failover["openai"].on == ("5xx",)
    assert not loads("version: 1").failover


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("{to: []}", "failover.openai", "names no target"),
        ("{on: 5xx}", "failover.openai.to", "is missing"),
        ("{to: [{}]}", "failover.openai.to[0]", "names no place"),
        ("{to: [{host: '*.openai.com'}]}", "failover.openai.to[0].host", "is not one host"),
        ("{to: [{host: [a.b]}]}", "failover.openai.to[0].host", "is not one host"),
        ("{to: [{host: 'https://a.b'}]}", "failover.openai.to[0].host", "is not a host name"),
        ("{to: [{key: a}, {key: a}]}", "failover.openai", "names one target twice"),
        ("{to: [{key: a}], attempts: 3}", "failover.openai", "wants more attempts than there are places"),
        ("{to: [{key: a}], attempts: 1}", "failover.openai.attempts", "is out of bounds"),
        ("{to: [{key: a}], on: []}", "failover.openai.on", "must be a list of causes"),
        ("{to: [{key: a}], on: [429, 404]}", "failover.openai.on[1]", "is no cause that is known"),
        ("{to: [{key: a}], on: true}", "failover.openai.on", "must be a list of causes"),
        ("{to: [{key: a}], breaker: {rest_s: 0}}", "failover.openai.breaker.rest_s", "is out of bounds"),
        ("{to: [{key: a}], tries: 2}", "failover.openai.tries", "is not known here"),
    ],
)
def test_mistakes(text: str, place: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(HEAD + text)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.field, mistake.problem) == (4, place, problem) and mistake.remedy


@pytest.mark.parametrize(
    ("word", "remedy"), [("conect", "write connect"), ("4xx", "use some of"), ("404", "use some of")]
)
def test_what_a_wrong_cause_is_told(word: str, remedy: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(HEAD + f"{{to: [{{key: a}}], on: [{word}]}}")
    (mistake,) = caught.value.mistakes
    assert mistake.remedy.startswith(remedy)
    assert "500 to 599" in mistake.remedy or word == "conect"
