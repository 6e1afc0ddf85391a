"""Words that name nothing are found before they are waited for."""

from __future__ import annotations

import pytest

from weir.policy.vocabulary import COUNTRIES, Vocabulary, unknown_teams, unknown_words
from weir.settings import loads

KNOWN = Vocabulary(
    services=frozenset({"openai", "anthropic", "google-gemini"}),
    vendors=frozenset({"OpenAI", "Google"}),
    categories=frozenset({"model-api", "coding"}),
    detectors=frozenset({"secret/openai-key", "pii/EMAIL_ADDRESS"}),
    risks=frozenset({"trains", "unknown"}),
)

POLICY = """version: 1
services: {sanctioned: [openai, opnai, "vendor:openai", "vendor:gogle", "category:codin"], tolerated: ["zzz"]}
keys: {antropic: {secret: "env:X"}}
teams: {a: {services: ["open*", "vendor:google", "oenai"]}}
rules:
  - id: a
    if: {service: ["open*", "x.example.com"], category: [discovered, coding], finding: ["secret/*", "pii/EMAIL_ADRESS"]}
    unless: {vendor: oogle, service: OpenAI, finding: "secrets/*"}
    then: block
    examples: [{service: openai, expect: allow}, {service: opena, expect: allow}]
"""


def test_unknown_words() -> None:
    assert [str(mistake) for mistake in unknown_words(loads(POLICY, file="p"), KNOWN)] == [
        "p:2: services.sanctioned[1]: names no known service; write openai",
        "p:2: services.sanctioned[3]: names no known vendor; write vendor:Google",
        "p:2: services.sanctioned[4]: names no known category; write category:coding",
        "p:2: services.tolerated[0]: names no known service; name a service that weir knows, or remove it",
        "p:3: keys.antropic: names no known service; write anthropic",
        "p:4: teams.a.services[2]: names no known service; write openai",
        "p:7: rules[0].if.finding[1]: names no known detector; write pii/EMAIL_ADDRESS",
        "p:8: rules[0].unless.vendor: names no known vendor; write Google",
        "p:8: rules[0].unless.finding: names no known detector; write secret/*",
        "p:10: rules[0].examples[1].service: names no known service; write openai",
    ]


def test_what_is_not_known_is_not_checked() -> None:
    assert unknown_words(loads(POLICY), Vocabulary()) == ()


@pytest.mark.parametrize(
    ("glob", "remedy"),
    [
        ("secrets/*", "write secret/*"),
        ("pi/EMAIL*", "write pii/EMAIL*"),
        ("pii/EMIAL*", "name a detector that weir knows, or remove it"),
        ("jwt*", "name a detector that weir knows, or remove it"),
        ("secret*/[xyz]", "name a detector that weir knows, or remove it"),
    ],
)
def test_a_glob_is_never_answered_with_one_name(glob: str, remedy: str) -> None:
    text = f'version: 1\nrules: [{{id: a, if: {{finding: "{glob}"}}, then: block}}]'
    assert [mistake.remedy for mistake in unknown_words(loads(text), KNOWN)] == [remedy]


TEAMS = """version: 1
teams:
  finance: {models: ["gpt-*"]}
  fnance: {models: ["gpt-*"]}
  "r*": {models: ["gpt-*"]}
rules:
  - {id: a, if: {host: "*", team: [res*, finanse]}, unless: {team: "*"}, then: alert}
  - {id: b, if: {host: "*"}, unless: {team: zz}, then: alert}
"""


def test_teams_that_nobody_has() -> None:
    found = unknown_teams(loads(TEAMS, file="p"), {"finance", "research"})
    why = "is a team that no source of identity gives to anybody"
    end = "leave it if virtual keys carry this team"
    assert [str(mistake) for mistake in found] == [
        f"p:4: teams.fnance: {why}; write finance if that was meant; {end}",
        f"p:5: teams.r*: {why}; correct it; {end}",
        f"p:7: rules[0].if.team[1]: {why}; write finance if that was meant; {end}",
        f"p:8: rules[1].unless.team: {why}; correct it; {end}",
    ]


def test_services_and_teams_of_limits() -> None:
    text = (
        "version: 1\nbudgets:\n- {scope: team, name: dve, usd: 1, per: day, services: [opnai]}\n"
        "rates:\n- {scope: team, name: 'fin*', requests: 1, services: ['anth*', opnai]}\n"
        "teams:\n  dev:\n    budget:\n    - {usd: 1, per: day}\n    - {tokens: 1, per: day, services: [x]}\n"
    )
    settings = loads(text, file="p")
    assert [str(mistake) for mistake in unknown_words(settings, KNOWN)] == [
        "p:3: budgets[0].services[0]: names no known service; write openai",
        "p:5: rates[0].services[1]: names no known service; write openai",
        "p:10: teams.dev.budget[1].services[0]: names no known service; name a service that weir knows, or remove it",
    ]
    assert [mistake.line for mistake in unknown_teams(settings, {"dev", "finance"})] == [3]


def test_a_service_of_the_section_credentials_that_nobody_knows() -> None:
    text = "version: 1\ncredentials:\n  services:\n    opnai: {personal: block}\n    openai: {admin: block}\n"
    (mistake,) = unknown_words(loads(text), Vocabulary(services=frozenset({"openai"})))
    assert (mistake.line, mistake.remedy) == (4, "write openai")


def test_words_of_permissions() -> None:
    text = (
        'version: 1\nidentity:\n  permissions:\n    - {id: a, teams: [financ, "legal*"],\n'
        '       services: [opnai, "vendor:gogle", anthropic]}\n'
    )
    settings = loads(text, file="p")
    assert [str(mistake) for mistake in unknown_words(settings, KNOWN)] == [
        "p:5: identity.permissions[0].services[0]: names no known service; write openai",
        "p:5: identity.permissions[0].services[1]: names no known vendor; write vendor:Google",
    ]
    (mistake,) = unknown_teams(settings, {"finance", "legal-eu"})
    assert (mistake.line, mistake.field) == (4, "identity.permissions[0].teams[0]")
    assert mistake.remedy.startswith("write finance if that was meant")


def test_risks_and_countries_of_services() -> None:
    text = (
        "version: 1\nservices:\n  sanctioned: ['country:de', 'risk:trains']\n"
        "  unsanctioned: ['risk:train', 'risk:zzz', 'country:UK', 'country:XX', 'country:China', 'country:KP']\n"
    )
    iso = "write the two capitals of ISO 3166-1, such as country:CN"
    assert [(mistake.field, mistake.problem, mistake.remedy) for mistake in unknown_words(loads(text), KNOWN)] == [
        ("services.unsanctioned[0]", "names no known risk", "write risk:trains"),
        ("services.unsanctioned[1]", "names no known risk", "write one of risk:trains, risk:unknown"),
        ("services.unsanctioned[2]", "names no known country", "write country:GB"),
        ("services.unsanctioned[3]", "names no known country", iso),
        ("services.unsanctioned[4]", "names no known country", "write country:CN"),
    ]


def test_risks_mean_nothing_outside_the_section_services() -> None:
    text = "version: 1\nteams: {a: {services: ['risk:trains', 'country:DE']}}\n"
    assert len(unknown_words(loads(text), KNOWN)) == 2


def test_countries_are_two_capitals() -> None:
    assert len(COUNTRIES) == 249 and all(len(code) == 2 and code.isupper() for code in COUNTRIES)
