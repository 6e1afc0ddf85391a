from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.dlp.files.textual import decode, embedded, strings, unescape_json, unescape_rtf


@pytest.mark.parametrize(
    ("data", "media_type", "want"),
    [
        (b"plain", "", ("plain", True)),
        ("f\u00fcr".encode(), "text/plain; charset=latin-1", ("f\u00fcr", True)),  # UTF-8 as it stands outranks
        ("f\u00fcr".encode("latin-1"), "", ("f\u00fcr", False)),
        ("\u0434\u0430".encode("cp1251"), "text/plain; charset=windows-1251", ("\u0434\u0430", True)),
        ("\u65e5\u672c".encode("shift_jis"), 'text/plain; charset="Shift_JIS"', ("\u65e5\u672c", True)),
        (b"\xff\xfea\x00", "", ("a", True)),
        (b"\xef\xbb\xbfa", "", ("a", True)),
        ("river".encode("utf-16-be"), "", ("river", True)),
        ("river".encode("utf-32-be"), "", ("river", True)),
        (b"+AGE-", "text/plain; charset=utf-7", ("+AGE-", True)),
        (bytes(range(256)) * 4, "", None),
        (b"\xff\xfea", "", None),
    ],
)
def test_decode(data: bytes, media_type: str, want: tuple[str, bool] | None) -> None:
    assert decode(data, media_type) == want


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escapes_of_json_are_undone_in_place(text: str) -> None:
    assert unescape_json(json.dumps(text)) == f'"{text}"'


def test_a_lone_surrogate_can_still_be_encoded() -> None:
    assert unescape_json('"\\ud83d"').encode() == '"\ufffd"'.encode()
    assert unescape_json(r'"\ud83d\ude00 \q"') == '"\U0001f600 \\q"'


def test_files_in_a_text() -> None:
    inner = bytes(range(200))
    text = f"x {base64.b64encode(inner).decode()} y {base64.urlsafe_b64encode(inner).decode()} short aGk="
    assert list(embedded(text)) == [inner, inner]


def test_strings() -> None:
    assert strings(b"\x00\x01eight888\x02short\x03" + "wide text".encode("utf-16-le")) == "eight888\nwide text"


def test_rtf() -> None:
    text, objects = unescape_rtf(r"{\rtf1\ansi{\b AK}IA \u228?\'e4\par next \{x\}}")
    assert (text, objects) == ("AKIA \u00e4\u00e4\nnext {x}", False)
    assert unescape_rtf(r"{\rtf1{\pict ff}}")[1]
