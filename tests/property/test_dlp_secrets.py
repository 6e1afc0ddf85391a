from __future__ import annotations

import re
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weir.dlp.core.patterns import Deadline, compile_pattern
from weir.dlp.rulebook.near import NearPattern
from weir.dlp.rulebook.placeholders import is_filler, is_sample
from weir.dlp.rulebook.rules import load_rules
from weir.dlp.rulebook.secret_rule import SecretRule
from weir.dlp.rulebook.validators import VALIDATORS
from weir.dlp.rulebook.words import WordPattern

quick = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
texts = st.text(st.characters(), max_size=400)
rough = st.text(alphabet="abAB12 _-=:\"'{}[]<>/+.\n\u00e9\u200b\ud800", max_size=300)


@cache
def rules() -> tuple[SecretRule, ...]:
    return load_rules().rules


@quick
@given(st.one_of(texts, rough))
def test_validators_and_placeholders_take_any_text(text: str) -> None:
    for validator in VALIDATORS.values():
        assert validator(text) in (True, False)
    assert is_filler(text) or not is_sample(text)


@quick
@given(st.data())
def test_a_rule_finds_its_example_whatever_stands_around(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from([rule for rule in rules() if rule.category == "secret"]))
    example = data.draw(st.sampled_from(rule.match))
    before = data.draw(st.text(alphabet="xy .,;:()\n", max_size=60)) + "\n"
    whole = f"{before}{example}\n"
    inside = list(rule.spans(whole, Deadline(5.0)))
    assert inside, rule.id
    assert all(len(before) <= start < end <= len(whole) for start, end in inside)


@quick
@given(rough, st.sampled_from(["acme", "vendor key"]), st.integers(1, 40))
def test_near_a_word_the_same_is_found_as_by_looking_everywhere(text: str, word: str, reach: int) -> None:
    body = compile_pattern("(?<![a-z0-9])[a-z0-9]{3,6}(?![a-z0-9])")
    text = f"{text}{word}{text}"
    near = SecretRule("custom/x", "", "low", "", NearPattern(body, [word], reach), keywords=(word,), reach=reach)
    plain = SecretRule("custom/x", "", "low", "", body, keywords=(word,), reach=reach)
    assert list(near.spans(text, Deadline(5.0))) == list(plain.spans(text, Deadline(5.0)))


@quick
@given(
    st.lists(st.text(alphabet="abc", min_size=2, max_size=4), min_size=1, max_size=8),
    st.text(alphabet="abcABC _-\n.", max_size=200),
)
def test_a_word_list_finds_what_an_alternation_finds(words: list[str], text: str) -> None:
    longest = sorted(set(words), key=lambda word: (-len(word), word))
    plain = re.compile(rf"(?i)(?<![^\W_])(?:{'|'.join(longest)})(?![^\W_])")
    found = [match.span() for match in WordPattern(words).finditer(text)]
    assert found == [match.span() for match in plain.finditer(text)]
