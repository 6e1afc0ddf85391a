"""What is looked into is said in one place."""

from __future__ import annotations

import pytest

from weir import settings
from weir.settings import PolicyError


def loads(text: str) -> settings.Settings:
    return settings.loads(f"version: 1\n{text}\n")


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0.0),
        ("discover: {decrypt: sample}", 5.0),
        ("discover: {decrypt: sample, percent: 2.5}", 2.5),
        ("discover: {decrypt: sample, percent: 40%}", 40.0),
        ("discover: {decrypt: always}", 100.0),
        ("discover: {decrypt: never}", 0.0),
        ("intercept: {sample: 7%}", 7.0),  # the older spelling
        ("intercept: {sample: 7%}\ndiscover: {first_seen: false}", 7.0),
        ("intercept: all\ndiscover: {pinned: {after: 2}}", 0.0),
    ],
)
def test_the_share_that_is_looked_into(text: str, share: float) -> None:
    assert loads(text).sample == share


def test_the_rest_of_the_section() -> None:
    rule = loads("discover: {pinned: {after: 5, hours: 48}, first_seen: false}").discover
    assert (rule.pinned.after, rule.pinned.hours, rule.first_seen) == (5, 48, False)
    rule = loads("").discover
    assert (rule.pinned.after, rule.pinned.hours, rule.first_seen) == (3, 24, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("discover: {decrypt: sample}\nintercept: {sample: 5%}", ":3: intercept.sample: is said by discover.decrypt"),
        ("intercept: all\ndiscover: {decrypt: never}", ":3: discover.decrypt: has nothing to choose from"),
        ("intercept: {scope: all}\ndiscover: {decrypt: always}", ":3: discover.decrypt: has nothing to choose from"),
        ("discover: {percent: 5}", ":2: discover: has a percent, and takes no sample; write decrypt: sample"),
        ("discover: {decrypt: sample, percent: 101}", ":2: discover.percent: is not a percentage"),
        ("discover: {decrypt: sample, percent: true}", ":2: discover.percent: is not a percentage"),
        ("discover: {decrypt: some}", ":2: discover.decrypt: is not a word known here; write sample (known: sample"),
        ("discover: {pinned: {after: 0}}", ":2: discover.pinned.after: is out of bounds"),
        ("discover: {pinned: {hours: 1000}}", ":2: discover.pinned.hours: is out of bounds"),
        ("discover: {pined: {}}", ":2: discover.pined: is not known here; write pinned"),
    ],
)
def test_mistakes_have_a_line_and_a_remedy(text: str, told: str) -> None:
    with pytest.raises(PolicyError) as raised:
        loads(text)
    assert told in str(raised.value)
