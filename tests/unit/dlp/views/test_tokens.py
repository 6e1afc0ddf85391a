from __future__ import annotations

import random

import pytest

from weir.dlp.views.gate import look
from weir.dlp.views.tokens import pieces_of
from weir.dlp.views.view import Piece

KEY = "sk-proj-Ab1_Cd2"


def pieces(text: str) -> list[Piece]:
    return list(pieces_of(text, look(text).marks))


WRITTEN = {
    "url": ("url", "sk%2Dproj%2dAb1_Cd2"),
    "url all": ("url", "".join(f"%{ord(c):02X}" for c in KEY)),
    "url twice": ("url", "sk%252Dproj%25252DAb1_Cd2"),
    "url wide": ("url", "sk%u002dproj-Ab1_Cd2"),
    "json": ("escapes", r"sk\u002dproj\u002DAb1_Cd2"),
    "json all": ("escapes", "".join(f"\\u{ord(c):04x}" for c in KEY)),
    "quoted over again": ("escapes", r"sk\\\\u002dproj\\u002dAb1_Cd2"),
    "js": ("escapes", r"sk\u{2d}proj\x2dAb1_Cd2"),
    "python": ("escapes", r"sk\U0000002dproj\055Ab1_Cd2"),
    "html": ("html", "sk&#45;proj&#x2D;Ab1&lowbar;Cd2"),
    "html twice": ("html", "sk&amp;#45;proj&amp;amp;hyphen;Ab1_Cd2".replace("hyphen", "#45")),
    "concat": ("concat", 'sk-pr" + "oj-Ab1" +\n  "_Cd2'),
    "literals": ("concat", "sk-pr'\n    'oj-Ab1_Cd2"),
    "php": ("concat", "sk-pr'.'oj-Ab1_Cd2"),
    "sql": ("concat", "sk-pr' || 'oj-Ab1_Cd2"),
    "lua": ("concat", 'sk-pr" .. "oj-Ab1_Cd2'),
    "mixed": ("concat+escapes+url", r'sk%2Dpr" + "oj\u002dAb1_Cd2'),
    "quoted-printable": ("quoted", "sk-pr=\noj=2DAb1_Cd2"),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("around", ["", "word " * 200, "日本語 " * 100], ids=["alone", "in prose", "in another script"])
def test_what_is_written_otherwise_is_read(name: str, around: str) -> None:
    kind, written = WRITTEN[name]
    text = f"{around}key={written} {around}"
    (piece,) = pieces(text)
    assert piece.kind == kind
    assert f"key={KEY} " in piece.text
    assert len(piece.text) < 800
    at = piece.text.index(KEY)
    start, end = piece.spans.span(at, at + len(KEY))
    assert text[start:end] == written


def test_an_array_is_one_text_where_something_joins_it() -> None:
    parts = '["sk-pr", "oj-Ab1", "_Cd2"]'
    assert pieces(f"x = {parts}") == []
    (piece,) = pieces(f'x = {parts}.join("")')
    assert piece.kind == "concat" and f'["{KEY}"]' in piece.text


def test_escaped_json_is_read_as_json() -> None:
    (piece,) = pieces(r"{\"password\": \"hunter22\", \"path\": \"a\\b\"}")
    assert piece.text == r'{"password": "hunter22", "path": "a' + "\b" + '"}'


def test_an_escaped_line_break_does_not_stick_to_a_key() -> None:
    (piece,) = pieces(r"keys:\nsk-proj-abcdefghijklmnop")
    assert piece.text == "keys:\nsk-proj-abcdefghijklmnop"


@pytest.mark.parametrize(
    "text",
    [
        "print('a\\n', \"b\\tc\")",
        "it&#39;s 5 &lt; 6 &amp; 7 &gt; 2 &quot;so&quot;",
        "100% sure, 50%, %s and %d and %(name)s",
        r"C:\new\table\for",
        'a["b"]["c"] = "d" + e + "f "\n"more"',
        "x=\ny=1",
        '{"a": "b", "c": ["d", "e"]}',
        r"re.compile('\\d+\\.\\w')",
        "--wrapped \\\n  --line",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert pieces(text) == []


def test_far_marks_are_read_apart_and_near_ones_together() -> None:
    text = "a%2Db " + "word " * 200 + "c%2Dd e%2Df"
    assert [("a-b" in piece.text, "c-d e-f" in piece.text) for piece in pieces(text)] == [(True, False), (False, True)]


def test_cuts_are_the_same_wherever_their_places_come_from() -> None:
    dice = random.Random(3)
    bits = ['"', "'", "`", ",", "+", " ", "\n", "ab", "k1_", ".", "&", "\\", "f", "é", "-", " " * 45]
    for _ in range(400):
        text = ".join(" + "".join(dice.choice(bits) for _ in range(60))
        gate = look(text)
        told = [piece.text for piece in pieces_of(text, gate.marks, gate.places)]
        assert told == [piece.text for piece in pieces_of(text, gate.marks)]


def test_a_word_at_an_edge_is_not_cut() -> None:
    text = "9" * 120 + " " + "8" * 90 + "%2D" + "7" * 120 + " " + "6" * 50
    (piece,) = pieces(text)
    assert piece.text == "9" * 120 + " " + "8" * 90 + "-" + "7" * 120


@pytest.mark.parametrize(
    ("text", "read", "part", "origin"),
    [
        ("k%2D%D0%BFx ok", "k-пx ok", "п", "%D0%BF"),
        ("k%2D%FFx ok ok", "k-\udcffx ok ok", "x", "x"),
        (r"k\u002d\ud83d\ude00x", "k-\U0001f600x", "\U0001f600", r"\ud83d\ude00"),
        (r"k\u002d\u{110000}x yes", "k-x yes", "x", "x"),
        ("k&#45;&#xD800;x ok", "k-\ufffdx ok", "x", "x"),
    ],
)
def test_odd_characters(text: str, read: str, part: str, origin: str) -> None:
    (piece,) = pieces(text)
    assert piece.text == read
    at = piece.text.index(part)
    start, end = piece.spans.span(at, at + len(part))
    assert text[start:end] == origin


def test_no_repr_shows_a_text() -> None:
    (piece,) = pieces("canary%2Dtext is here")
    piece.spans.span(0, 2)
    assert "canary" not in repr(piece) + repr(piece.spans)
