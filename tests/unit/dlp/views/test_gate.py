from __future__ import annotations

import threading

import pytest

from weir.dlp.views.gate import RUN, bears_nothing, look

MARKED = [
    ("sk%2Dproj", "url"),
    ("sk%25252Dproj", "url"),
    ("a%e2%80%8bb is", "url"),
    (r"a\u002d is", "escapes"),
    (r"a\x2dbc is", "escapes"),
    (r"a\055bc is", "escapes"),
    (r"{\"password\": \"x\"}", "escapes"),
    (r"https:\/\/example.org", "escapes"),
    (r"line\nabcdefghijklmnopq", "escapes"),
    ("a&#45;b is it", "html"),
    ("a&amp;#x2d;b", "html"),
    ("a&lowbar;b is", "html"),
    ("password=&quot;x", "html"),
    ('"sk-" + "proj"', "concat"),
    ("'sk-'\n  'proj'", "concat"),
    ('["sk-", "proj"]', "list"),
    ('["a"].join("")', "joined"),
    ("abcdef=\nghi", "quoted"),
    ("0x73, 0x6b, 0x2d", "bytes"),
    ("abcdefghijklmnopqrst-ks", "reversed"),
    ("fx-abcdefghijklmnopqrst", "rot13"),
    ("s k - p r o j - a b c d e f", "spaced"),
    ("73 6b 2d 70 72 6f 6a 2d 61", "pairs"),
]


@pytest.mark.parametrize(("text", "mark"), MARKED, ids=[f"{mark}-{n}" for n, (_, mark) in enumerate(MARKED)])
@pytest.mark.parametrize("around", ["", "x " * 2000, "日本語 "], ids=["alone", "in a long text", "in another script"])
def test_marks(text: str, mark: str, around: str) -> None:
    assert mark in look(around + text + " " + around).marks


@pytest.mark.parametrize(
    "text", ["", "short", 'Plain prose, with nothing in it; 100% of it, "quoted" too.', "def f(x): return x[1]\n" * 50]
)
def test_plain_text_bears_no_mark(text: str) -> None:
    assert look(text).marks == frozenset()


@pytest.mark.parametrize("around", ["", "river stone " * 40, '"a" + "b", ' * 400, "x" * 23 + " "])
@pytest.mark.parametrize("text", [*(text for text, _ in MARKED), "", "short", "a" * 23, "a" * 24, "x " * 12 + "y", "%"])
def test_who_only_asks_whether_there_is_anything_hears_the_same(text: str, around: str) -> None:
    whole = around + text + " " + around
    gate = look(whole)
    assert bears_nothing(whole) == (not gate.marks and RUN not in gate.classes)


def test_where_quotes_cut_is_told_unless_it_is_everywhere() -> None:
    text = 'x = "sk-pr" + "oj-Ab1" "_Cd2"; y = ["aa", "bb"]'
    gate = look(text)
    assert [text[:end][-4:] for end in gate.places["concat"]] == ['+ "o', '1" "_'[-4:]]
    assert [text[:end][-4:] for end in gate.places["list"]] == [', "b']
    crowded = look('"aa", ' * 4000)
    assert "list" in crowded.marks and crowded.places == {}


def test_one_byte_a_character() -> None:
    gate = look("日本 ab\u0440 +/=\ud800")
    assert len(gate.data) == len(gate.classes) == 11
    assert gate.classes == b"~~ xx~ xx~~"
    assert look("a" * 24).classes == RUN


def test_threads_do_not_share_scratch() -> None:
    seen: list[frozenset[str]] = []
    threads = [threading.Thread(target=lambda: seen.append(look("sk%2Dproj-abcdef").marks)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [frozenset({"url"})] * 4
