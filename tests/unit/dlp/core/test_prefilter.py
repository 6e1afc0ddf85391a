from __future__ import annotations

import re
import threading
import time

import pytest

from weir.dlp.core.engine import Engine
from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.core.prefilter import OVERLAP_CHARS, WINDOW_BYTES, Prefilter, Source
from weir.dlp.rulebook.rules import load_rules


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


def test_a_long_text_goes_through_in_windows_and_nothing_falls_between_them() -> None:
    prefilter = Prefilter([[Source("key_[0-9]{12}")], [Source(r"(?i)pass\s*=\s*\S{4,}")], [Source("nowhere")]])
    step = WINDOW_BYTES - 4 * OVERLAP_CHARS
    for edge in (WINDOW_BYTES, step, 2 * step, step + WINDOW_BYTES):
        for back in (0, 1, 8, 16):
            head = "." * (edge - back)
            assert prefilter.hits(f"{head}key_123456789012{'.' * WINDOW_BYTES}") == {0}
    assert prefilter.hits("." * WINDOW_BYTES + "key_123456789012") == {0}
    assert prefilter.hits("." * (3 * WINDOW_BYTES)) == frozenset()


def test_a_match_that_is_longer_than_a_window_is_found() -> None:
    prefilter = Prefilter([[Source(r"pass\s*=\s*[a-z]{4,}9")], [Source("x")]])
    gap = " " * WINDOW_BYTES
    assert prefilter.hits(f"pass{gap}={gap}{'a' * WINDOW_BYTES}9") == {0}


def test_what_must_all_match_may_stand_in_different_windows() -> None:
    prefilter = Prefilter([[Source("(?i)keyword"), Source("[0-9]{9}")]])
    assert prefilter.hits("keyword" + "." * (2 * WINDOW_BYTES) + "123456789") == {0}
    assert prefilter.hits("." * (2 * WINDOW_BYTES) + "123456789") == frozenset()


def test_a_long_text_finds_what_a_short_one_does() -> None:
    rules = load_rules().rules
    prefilter = Prefilter([[Source(rule.pattern.pattern)] for rule in rules])
    head = "é" * (WINDOW_BYTES // 2 - 20)
    missed = [rule.id for n, rule in enumerate(rules) for text in rule.match if n not in prefilter.hits(head + text)]
    assert missed == []


def test_out_of_time_raises_between_windows() -> None:
    prefilter = Prefilter([[Source("abc")]])
    with pytest.raises(OutOfTime):
        prefilter.hits("." * (WINDOW_BYTES + 1), Deadline(0.0))
    assert prefilter.hits("abc", Deadline(0.0)) == {0}  # one window: it is short


@pytest.mark.parametrize("unit", ["1", "ab12", "aB3dE", "0123456789abcdef"])
def test_time_grows_with_the_text_and_not_with_its_square(unit: str, engine: Engine) -> None:
    """Runs of letters and digits once took a microsecond a byte at 256 KB; they need some nanoseconds."""
    text = (unit * WINDOW_BYTES)[: WINDOW_BYTES - 8]
    engine._scanner.prefilter.hits(text)
    times: list[float] = []
    for _ in range(3):  # the best of them: a garbage collection counts as this thread's time too
        begin = time.thread_time()
        engine._scanner.prefilter.hits(text)
        times.append(time.thread_time() - begin)
    assert min(times) < 0.1


def located(items: list[list[Source]], text: str) -> tuple[set[int], dict[str, list[int]]]:
    found = Prefilter(items).locate(text.encode("utf-8", "surrogatepass"))
    return set(found.items), {source: list(places) for source, places in found.places.items()}


def test_places_are_characters_and_in_order() -> None:
    items = [[Source("k[0-9]")], [Source("zz")]]
    assert located(items, "k1 é k2 \U0001f600 k3 zz") == ({0, 1}, {"k[0-9]": [2, 7, 12], "zz": [15]})
    assert located(items, "nothing") == (set(), {})


def test_only_patterns_that_run_around_places_have_them() -> None:
    items = [[Source("k[0-9]"), Source("word")], [Source("a+b")], [Source(r"(?i:a(?-i:b))")]]
    assert located(items, "k1 word aab") == ({0, 1, 2}, {"k[0-9]": [2]})
    assert located(items, "k1") == ({2}, {})  # its word is missing


def test_a_pattern_that_hyperscan_reads_in_one_place_only_has_none() -> None:
    assert located([[Source("kx")], [Source("kx", re.IGNORECASE)]], "KX kx")[1] == {"kx": [2, 5]}


def test_a_shape_speaks_for_its_pattern() -> None:
    items = [[Source("[a-z]{3}", shape_of="the pattern")]]
    assert located(items, "1 abc")[1] == {"the pattern": [5]}


def test_a_place_in_a_character_of_several_bytes_counts_it() -> None:
    assert located([[Source("k.")]], "ék\U0001f600é")[1]["k."][-1] <= 3


@pytest.mark.parametrize("length", [60_000, 3 * WINDOW_BYTES])
def test_a_text_with_too_many_places_has_none_and_loses_no_item(length: int) -> None:
    items = [[Source("[a-f]{3}")], [Source("[a-f]{4}")], [Source("here")], [Source("nowhere")]]
    assert located(items, "a" * length + " here") == ({0, 1, 2}, {})


def test_places_in_a_long_text_are_those_of_the_whole() -> None:
    step = WINDOW_BYTES - 4 * OVERLAP_CHARS
    text = "." * (step - 3) + "é key_1 " + "." * step + "key_2"
    found = located([[Source("key_[0-9]")]], text)[1]["key_[0-9]"]
    assert found == [text.index("key_1") + 5, text.index("key_2") + 5]


def test_a_short_hostile_text_waits_for_no_compiling() -> None:
    items = [[Source("[a-f]{3}")], [Source("[a-f]{4}")], [Source("nowhere")]]
    prefilter = Prefilter(items)
    assert prefilter.hits("a" * 4000) == {0, 1, 2} and prefilter._made == {}
    prefilter.warm()
    assert prefilter.hits("a" * 4000) == {0, 1} and set(prefilter._made) == {False, True}


def test_while_it_is_made_ready_a_long_text_waits_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    prefilter = Prefilter([[Source("key_[0-9]")]])
    text = "." * 2 * WINDOW_BYTES + " key_1"
    going_on, asked = threading.Event(), threading.Event()
    compiled = prefilter._compiled

    def slowly(single: bool) -> object:
        asked.set()
        assert going_on.wait(20)
        return compiled(single)

    monkeypatch.setattr(prefilter, "_compiled", slowly)
    warming = threading.Thread(target=prefilter.warm)
    warming.start()
    assert asked.wait(20)
    with pytest.raises(OutOfTime):
        prefilter.hits(text, Deadline(0.05))
    assert prefilter.hits("key_1", Deadline(0.05)) == {0}, "short texts need none of it"
    going_on.set()
    assert prefilter.hits(text, Deadline(20)) == {0}
    warming.join()
