"""The policy's keys as pools: weights, forms, values over a change of policy, and what providers say of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.processes import until
from weir import settings
from weir.keys.company import Company, CompanyKey, report, single
from weir.keys.held import Held
from weir.keys.pool import Change, Member, Pool
from weir.keys.refresh import Refresher
from weir.model import Secret
from weir.sections import Key

HOSTS = ("api.openai.com",)


def sections(text: str) -> dict[str, Key]:
    return dict(settings.loads(f"version: 1\nkeys: {text}").keys)


@pytest.fixture
def company() -> Iterator[Company]:
    company = Company(Refresher())
    yield company
    company.refresher.close()


def keys_of(company: Company, text: str) -> tuple[dict[str, CompanyKey], dict[str, str]]:
    return company.keys_of(sections(text), lambda _: HOSTS, 10)


def value(key: CompanyKey, host: str = "api.openai.com", affinity: str = "") -> str:
    picked = key.pick(host, affinity)
    return picked.secret.reveal() if picked else ""


def put(path: Path, text: str) -> Path:
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)
    return path


def test_one_key_is_called_like_its_service(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_ONE", "one")
    keys, problems = keys_of(company, '{openai: {secret: "env:WEIR_TEST_ONE"}}')
    assert not problems and keys["openai"].form == "key"
    assert [(one.id, one.state) for one in keys["openai"].health()] == [("openai", "good")]
    assert value(keys["openai"]) == "one" and value(keys["openai"], "evil.example") == ""
    assert keys["openai"].bound.may_go_to("api.openai.com") and keys["openai"].bound.reveal() == ""


def test_several_keys_and_one_that_is_missing(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_ONE", "one")
    monkeypatch.delenv("WEIR_TEST_TWO", raising=False)
    text = '{openai: {secrets: [{secret: "env:WEIR_TEST_ONE"}, {secret: "env:WEIR_TEST_TWO", weight: 9}]}}'
    keys, problems = keys_of(company, text)
    assert not problems, "one of them has a value"
    assert [(one.id, one.state) for one in keys["openai"].health()] == [("openai-1", "good"), ("openai-2", "missing")]
    assert {value(keys["openai"]) for _ in range(5)} == {"one"}
    monkeypatch.delenv("WEIR_TEST_ONE")
    _, problems = keys_of(Company(Refresher()), text)
    assert "keys.openai-1: the environment variable WEIR_TEST_ONE is not set" in problems["openai"]


def test_a_key_without_hosts_is_a_problem(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_ONE", "one")
    keys, problems = company.keys_of(sections('{house: {secret: "env:WEIR_TEST_ONE"}}'), lambda _: (), 1)
    assert keys == {} and "no hosts are given" in problems["house"]


def rest(change: Change | None) -> float | None:
    return change.rest_s if change else None


def test_a_policy_that_follows_goes_on_with_values_and_health(company: Company, tmp_path: Path) -> None:
    file = put(tmp_path / "key", "first")
    text = f'{{openai: {{secret: "file:{file}"}}}}'
    keys, _ = keys_of(company, text)
    company.settle(keys)
    assert rest(report(keys["openai"], "openai", 401, {})) == 60
    file.unlink()
    again, problems = keys_of(company, text)
    assert not problems and again["openai"] is keys["openai"] and value(again["openai"]) == "first"
    assert again["openai"].health()[0].state == "resting"
    changed, problems = keys_of(company, text.replace("}}", ", keep_h: 1}}"))
    assert not problems and changed["openai"] is not keys["openai"] and value(changed["openai"]) == "first"


def test_what_no_policy_names_is_forgotten(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_ONE", "one")
    before, _ = keys_of(company, '{openai: {secret: "env:WEIR_TEST_ONE"}}')
    company.settle(before)
    after, _ = keys_of(company, '{openai: {secret: "env:WEIR_TEST_TWO"}}')
    company.settle(after)
    assert [one.name for one in company.refresher.statuses()] == ["keys.openai"]
    assert value(before["openai"]) == "one", "an exchange under the old policy ends with the key it began with"


def test_a_policy_that_is_refused_leaves_nothing_behind(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ONE", "TWO"):
        monkeypatch.setenv(f"WEIR_TEST_{name}", name.lower())
    one, two = ('{openai: {secret: "env:WEIR_TEST_%s"}}' % name for name in ("ONE", "TWO"))  # noqa: UP031
    in_force, _ = keys_of(company, one)
    company.settle(in_force)
    report(in_force["openai"], "openai", 401, {})
    keys_of(company, two)  # built, and then a mistake elsewhere was found
    company.settle(in_force)
    assert [status.name for status in company.refresher.statuses()] == ["keys.openai"]
    after, _ = keys_of(company, one)
    assert after["openai"] is in_force["openai"] and after["openai"].health()[0].state == "resting"


def test_a_key_the_provider_refused_is_fetched_again(company: Company, tmp_path: Path) -> None:
    file = put(tmp_path / "key", "first")
    keys, _ = company.keys_of(sections(f'{{openai: {{secret: "exec:/bin/cat {file}"}}}}'), lambda _: HOSTS, 10)
    put(file, "second")
    assert value(keys["openai"]) == "first"
    company.refused(keys["openai"], "openai")
    until(lambda: value(keys["openai"]) == "second", "the new value")
    company.refused(single(Secret("x", name="x", hosts=HOSTS)), "x")  # one that nobody fetches


@pytest.mark.parametrize(
    ("status", "headers", "rests"),
    [
        (200, {}, None),
        (401, {}, 60.0),
        (429, {}, 5.0),
        (429, {"retry-after": "17"}, 17.0),
        (429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 5.0),
        (403, {}, None),
        (403, {"x-amzn-errortype": "AccessDeniedException"}, None),
        (403, {"x-amzn-errortype": "UnrecognizedClientException:http://internal.amazon.com/"}, 60.0),
        (500, {}, None),
    ],
)
def test_what_a_provider_answers(status: int, headers: dict[str, str], rests: float | None) -> None:
    key = CompanyKey(Pool([Member("a", Secret("one", hosts=HOSTS)), Member("b", Secret("two", hosts=HOSTS))]))
    assert rest(report(key, "a", status, headers)) == rests
    if rests:
        assert {value(key) for _ in range(4)} == {"two"}


def test_nothing_is_shown(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_ONE", "synthetic-value")
    keys, _ = keys_of(company, '{openai: {secret: "env:WEIR_TEST_ONE"}}')
    assert "synthetic-value" not in repr(keys) + repr(vars(company))


def test_a_start_does_not_wait_for_a_backend_that_does_not_answer() -> None:
    company = Company(Refresher())
    began = time.monotonic()
    keys, problems = company.keys_of(sections('{openai: {secret: "exec:/bin/sleep 10"}}'), lambda _: HOSTS, 0.2)
    assert time.monotonic() - began < 9
    assert "has not been fetched yet" in problems["openai"] and keys["openai"].pick("api.openai.com") is None
    company.refresher.close(0)


def test_a_request_that_names_an_account_says_nothing_about_the_key() -> None:
    key = single(Secret("one", name="a", hosts=HOSTS))
    assert report(key, "a", 401, {}, {"openai-organization": "org-x"}) is None
    assert rest(report(key, "a", 401, {}, {"accept": "*/*"})) == 60


def test_a_policy_that_is_refused_changes_no_schedule(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_ONE", "one")
    text = '{openai: {secret: "env:WEIR_TEST_ONE", keep_h: %d}}'
    in_force, _ = keys_of(company, text % 24)
    company.settle(in_force)
    held = company.refresher.hold(in_force["openai"].held["openai"], lambda: pytest.fail("it is held"))
    other, _ = keys_of(company, text % 1)
    assert held.refresh() and kept_h(held) == 24, "built, and not in force"
    company.settle(in_force)
    assert held.refresh() and kept_h(held) == 24
    company.settle(other)
    assert held.refresh() and kept_h(held) == 1


def kept_h(held: Held) -> int:
    status = held.status()
    assert status.expires is not None and status.fetched is not None
    return round((status.expires - status.fetched).total_seconds() / 3600)


def test_a_storm_of_reloads_fetches_everything_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, hurried = [100.0], []
    company = Company(Refresher(), mono=lambda: clock[0])
    monkeypatch.setattr(company.refresher, "hurry", lambda after_s: hurried.append(clock[0] + after_s))
    for clock[0] in (100.0, 100.1, 104.0, 105.0, 105.5, 110.5, 130.0):
        company.settle({})
    assert hurried == [100, 105, 105, 110, 110, 115, 130], "never forgotten, and never sooner"
