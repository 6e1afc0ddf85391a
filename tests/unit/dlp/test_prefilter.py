from __future__ import annotations

import re
import threading

import pytest

from weir.dlp.prefilter import Prefilter, Source
from weir.dlp.rules import load_rules


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", set()),
        ("nothing", set()),
        ("abc", {0}),
        ("ABC", {1}),
        ("abc and keyword 12", {0, 2}),
        ("12", set()),
        ("keyword", set()),
    ],
)
def test_all_patterns_of_an_item_must_match(text: str, expected: set[int]) -> None:
    items = [
        [Source("abc")],
        [Source("ABC")],
        [Source("(?i)keyword"), Source(r"[0-9]{2}")],
    ]
    assert Prefilter(items).hits(text) == expected


def test_flags_count() -> None:
    assert Prefilter([[Source("abc", re.IGNORECASE)]]).hits("xABCx") == {0}


def test_what_cannot_be_weakened_runs_on_every_text() -> None:
    prefilter = Prefilter([[Source("abc")], [Source(r"(?i:a(?-i:b))")], [Source("abc"), Source("a*")]])
    assert prefilter.always == {1}
    assert prefilter.hits("zzz") == {1}
    assert prefilter.hits("abc") == {0, 1, 2}


def test_what_hyperscan_refuses_runs_on_every_text_and_the_rest_is_filtered() -> None:
    refused = "(?:" + "|".join(f"[a-f]{{{n}}}.{{{n}}}[0-9]{{{n}}}" for n in range(30000, 30020)) + ")"
    prefilter = Prefilter([[Source("abc")], [Source(refused)]])
    assert prefilter.always == {1}
    assert prefilter.hits("abc") == {0, 1}
    assert prefilter.hits("zzz") == {1}


def test_no_patterns() -> None:
    assert Prefilter([]).hits("abc") == frozenset()


def test_lone_surrogates_and_nuls_are_scanned() -> None:
    assert Prefilter([[Source("abc")]]).hits("\ud800\x00abc") == {0}


def test_every_built_in_rule_is_taken_and_hit_by_its_own_examples() -> None:
    rules = load_rules().rules
    prefilter = Prefilter([[Source(rule.pattern.pattern)] for rule in rules])
    assert prefilter.always == frozenset()
    missed = [rule.id for n, rule in enumerate(rules) for text in rule.match if n not in prefilter.hits(text)]
    assert missed == []


def test_threads_have_their_own_scratch() -> None:
    prefilter = Prefilter([[Source(f"word{n}x")] for n in range(50)])
    results: list[bool] = []

    def work(n: int) -> None:
        text = "filler " * 2000 + f"word{n}x"
        results.extend(prefilter.hits(text) == {n} for _ in range(50))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 300
