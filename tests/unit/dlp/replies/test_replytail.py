"""Which end of a text waits, and for what."""

from __future__ import annotations

import time

import pytest

from weir.dlp.replies.replytail import HOLD_CHARS_MAX, LONG_CHARS_MAX, Shapes, tail_start

SECRETS = Shapes()
PEOPLE = Shapes(words=1, groups=True)
NAMES = Shapes(words=4, groups=True)
PEM = "-----BEGIN " + "RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secrets", "people", "names"),
    [
        ("", "", "", ""),
        ("Hello", "", "Hello", "Hello"),
        ("Hello ", "", "", "Hello "),
        ("all is well", "", "well", "all is well"),
        ("(see below).", "", "below).", "(see below)."),
        ("the key is sk", "sk", "sk", "the key is sk"),
        ("the key is sk-", "sk-", "sk-", "the key is sk-"),
        ("the sky", "", "sky", "the sky"),
        ("AKIA", "AKIA", "AKIA", "AKIA"),
        ("password: hunter", "hunter", "hunter", "password: hunter"),
        ('{"token": "hunt', '"hunt', '"hunt', '{"token": "hunt'),
        ("to jane.d", "jane.d", "jane.d", "to jane.d"),
        ("to jane@", "jane@", "jane@", "to jane@"),
        ("card 4111 1111 ", "", "4111 1111 ", "card 4111 1111 "),
        ("card 4111 1111 1", "1", "4111 1111 1", "card 4111 1111 1"),
        ("call +1 (415) 555-26", "555-26", "+1 (415) 555-26", "call +1 (415) 555-26"),
        ("pay GB29 NWBK 6016 ", "", "GB29 NWBK 6016 ", "GB29 NWBK 6016 "),
        ("In 2024 the", "", "the", "In 2024 the"),
        ("one two three four five", "", "five", "two three four five"),
        ("over\na line", "", "line", "a line"),
        ("河水很低你好", "", "", "河水很低你好"),
        (f"a {PEM}\nMII ab\ncd ", f"{PEM}\nMII ab\ncd ", f"{PEM}\nMII ab\ncd ", f"{PEM}\nMII ab\ncd "),
        ("x -----BEGIN RSA PRI", "-----BEGIN RSA PRI", "-----BEGIN RSA PRI", "-----BEGIN RSA PRI"),
        ("-----BEGIN CERTIFICATE-----\nabc ", "", "", "abc "),
        (f"{PEM}\nMII\n-----END RSA PRIVATE KEY-----\n", "", "", ""),
    ],
)
def test_tails(text: str, secrets: str, people: str, names: str) -> None:
    for shapes, wanted in ((SECRETS, secrets), (PEOPLE, people), (NAMES, names)):
        assert text[tail_start(text, shapes) :] == wanted, shapes


def test_a_long_run_waits_no_longer_than_the_limit_unless_it_began_as_long_tokens_do() -> None:
    run = "a1" * 400
    assert len(run) - tail_start(run, SECRETS) == HOLD_CHARS_MAX
    token = "ey" + "J" + run
    assert tail_start(f"with {token}", SECRETS) == 5
    endless = "ey" + "J" + "a1" * LONG_CHARS_MAX
    assert len(endless) - tail_start(endless, SECRETS) == HOLD_CHARS_MAX


def test_a_block_waits_no_longer_than_its_limit() -> None:
    body = "MIIabcd0123\n" * 3000
    text = f"{PEM}\n{body}"
    assert len(text) > LONG_CHARS_MAX and len(text) - tail_start(text, SECRETS) < HOLD_CHARS_MAX


@pytest.mark.parametrize("unit", ["A", "eyJ", "1 ", "-----BEGIN ", "a.", "@", "+(", " ", "AAAA ", PEM])
def test_hostile_tails_are_quick(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    started = time.thread_time()
    for shapes in (SECRETS, PEOPLE, NAMES):
        tail_start(text, shapes)
    assert time.thread_time() - started < 1
