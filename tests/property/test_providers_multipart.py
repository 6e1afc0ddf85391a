"""Forms: what was put in is read out, edits change nothing else, and odd bytes are refused, never guessed at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.model import Unparsed
from weir.providers.wire.multipart import parts_of, spliced

NAMES = st.text("abcdefghijklmnop_[]", min_size=1, max_size=12)
VALUES = st.binary(max_size=60).filter(lambda value: b"--xy" not in value)
PARTS = st.lists(st.tuples(NAMES, st.booleans(), VALUES), max_size=6)


def built(parts: list[tuple[str, bool, bytes]]) -> bytes:
    out = b""
    for name, file, value in parts:
        more = '; filename="f"' if file else ""
        out += f'--xy\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"
    return out + b"--xy--\r\n"


@given(PARTS)
def test_what_was_put_in_is_read_out(parts: list[tuple[str, bool, bytes]]) -> None:
    body = built(parts)
    found = parts_of(body, b"xy", form=True)
    assert [(p.field, p.file, body[p.start : p.end]) for p in found] == parts
    assert spliced(body, found, {}, b"xy") == body


@given(PARTS.filter(bool), st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.data())
def test_an_edit_changes_one_part(parts: list[tuple[str, bool, bytes]], new: str, data: st.DataObject) -> None:
    body = built(parts)
    number = data.draw(st.integers(0, len(parts) - 1))
    try:
        edited = spliced(body, parts_of(body, b"xy", form=True), {number: new}, b"xy")
    except Unparsed:
        assert "--xy" in new
        return
    want = [*parts[:number], (*parts[number][:2], new.encode()), *parts[number + 1 :]]
    assert edited == built(want)


@given(PARTS.filter(bool), st.data())
def test_any_byte_may_be_wrong(parts: list[tuple[str, bool, bytes]], data: st.DataObject) -> None:
    body = bytearray(built(parts))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))
    try:
        found = parts_of(bytes(body), b"xy", form=True)
    except Unparsed:
        return
    # Accepted, and then every byte belongs to a part, a header or a boundary: nothing lies in between unread.
    assert all(0 <= one.start <= one.end <= len(body) for one in found)
    assert bytes(body).count(b"--xy") == len(found) + 1
