"""Exact data match against a slow reference, and fingerprint files that were changed in any way."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from weir.dlp.core.patterns import Deadline
from weir.dlp.exact.exact import load_exact
from weir.dlp.exact.exactfile import ExactFileError, read_fingerprints
from weir.dlp.exact.exactmake import fingerprint
from weir.dlp.exact.exacttext import GAP_MAX, TOKENS_MAX, reduced, tokens

KEY = bytes(range(32))
VALUES = ["ab1", "12 34 57", "Ana Bo", "a1b-2c", "Ab'c d", "ba", "1.1.2", "é1 2", "ab ba ab"]
FOLDER = Path(tempfile.mkdtemp(prefix="weir-exact-"))
FILE = FOLDER / "a.fp"
fingerprint(iter((value,) for value in VALUES), ("v",), label="v", key=KEY, out=FILE, allow_short=True)
DETECTOR = load_exact(FILE, KEY)
DATA = FILE.read_bytes()
KNOWN = {reduced(value) for value in [*VALUES, "Bo Ana", "d Ab'c", "ab ab ba"]}


def reference(text: str) -> list[tuple[int, int]]:
    """Every stretch of tokens, one after the other, looked up among the values themselves."""
    read = tokens(text)
    spans = [
        (int(read.places[start]), int(read.places[end - 1]) + 1)
        for start, end in zip(read.starts.tolist(), read.ends.tolist(), strict=True)
    ]
    found = []
    for first in range(len(spans)):
        for last in range(first, min(first + TOKENS_MAX, len(spans))):
            if last > first:
                gap = text[spans[last - 1][1] : spans[last][0]]
                both = text[spans[last - 1][1] - 1].isdecimal() and text[spans[last][0]].isdecimal()
                if len(gap) > GAP_MAX or (both and any(char in gap for char in ",;\n")):
                    break
            start, end = spans[first][0], spans[last][1]
            piece = text[start:end]
            dotted = piece.isdecimal() and (
                (text[max(0, start - 1) : start] == "." and text[max(0, start - 2) : start - 1].isdecimal())
                or (text[end : end + 1] == "." and text[end + 1 : end + 2].isdecimal())
            )
            if reduced(piece) in KNOWN and not dotted:
                found.append((start, end))
    return sorted(found)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab12 '.,-\né", max_size=60))
def test_the_fast_way_finds_what_the_slow_way_finds(text: str) -> None:
    assert [(start, end) for start, end, _ in DETECTOR.find(text, Deadline(60))] == reference(text)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(VALUES),
    st.text(max_size=80).map(lambda text: text + "\n"),
    st.text(max_size=80).map(lambda text: "\n" + text),
    st.sampled_from([str.upper, str.lower, str.title, lambda value: value.replace(" ", "-"), lambda value: value]),
)
def test_a_value_is_found_in_any_text(value: str, before: str, after: str, spell: object) -> None:
    written = spell(value)  # type: ignore[operator]
    spans = [(start, end) for start, end, _ in DETECTOR.find(before + written + after, Deadline(60))]
    assert (len(before), len(before) + len(written)) in spans


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255), st.booleans())
def test_a_file_that_was_changed_is_refused(at: int, flip: int, cut: bool) -> None:
    path = FOLDER / "b.fp"
    path.write_bytes(DATA[:at] if cut else DATA[:at] + bytes([DATA[at] ^ flip]) + DATA[at + 1 :])
    try:
        read_fingerprints(path, KEY)
    except ExactFileError as error:
        assert str(path) in str(error)
    else:
        raise AssertionError(f"byte {at} was changed and nobody noticed")
