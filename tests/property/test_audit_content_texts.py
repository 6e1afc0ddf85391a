"""Kept texts: any text comes back, any flipped bit is found."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.audit.content.entries import BadEntry, Entry, frame, frames
from weir.audit.content.kek import KeyRing
from weir.audit.content.parts import CalledTool, Content, Text, bounded, content_of, parts_of, struck
from weir.audit.content.reader import ContentReader, Gone, Opened
from weir.audit.content.sealer import Sealer, open_entry
from weir.audit.content.writer import ContentWriter
from weir.audit.record import new_event_id, now_us

# Whatever a client can put into JSON, lone surrogates included.
texts = st.text(st.characters(exclude_categories=[]), max_size=400)
contents = st.builds(
    Content,
    st.lists(st.builds(Text, texts, texts, texts, st.integers(0, 10**6)), max_size=4).map(tuple),
    texts,
    st.lists(st.builds(CalledTool, texts, texts, texts), max_size=3).map(tuple),
    st.integers(0, 10**9),
)
unhurried = settings(deadline=None)  # other processes may have the machine
EVENT = {"event_id": "018bcfe5-6800-7000-8000-000000000001", "ts_us": 1, "expires_day": 99_999}


def sealed(content: Content) -> Any:
    sealer = Sealer(b"s" * 32, generation=lambda: 1, bytes_max=1 << 30)
    return sealer.seal(content, user="anna", conversation="c", **EVENT)  # type: ignore[arg-type]


@unhurried
@given(contents)
def test_any_text_comes_back(content: Content) -> None:
    made = sealed(content)
    if made is None:
        assert parts_of(content) == []
        return
    back = open_entry(Entry.unpack(made.payload), made.key.secret)
    expected = content if content.segments or content.cut else dataclasses.replace(content, cut=0)
    assert back == expected


@unhurried
@given(contents, st.integers(0, 2000))
def test_a_bound_holds_and_says_what_it_left_out(content: Content, bytes_max: int) -> None:
    def size(one: Content, count: bool = False) -> int:
        every = [text.text for text in one.segments] + [one.reply] + [call.arguments for call in one.calls]
        return sum(len(text) if count else len(text.encode("utf-8", "surrogatepass")) for text in every)

    made = bounded(content, bytes_max)
    assert size(made) <= max(bytes_max, 0)
    assert size(made, True) + made.cut == size(content, True) + content.cut
    assert content_of(parts_of(made)).segments == made.segments


@unhurried
@given(texts, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=5))
def test_nothing_inside_a_span_is_left(text: str, pairs: list[tuple[int, int]]) -> None:
    spans = [(min(pair), max(pair), "found") for pair in pairs if min(pair) < max(pair) and min(pair) < len(text)]
    covered = {place for start, end, _ in spans for place in range(start, end)}
    left = "".join(char for place, char in enumerate(text) if place not in covered)
    assert struck(text, spans).replace("[found]", "") == left.replace("[found]", "") or "[found]" in text


@unhurried
@given(st.data())
def test_any_flipped_bit_of_an_entry_is_found(data: st.DataObject) -> None:
    made = sealed(Content((Text("user", "violet " * 60, "/a"),), "violet", (CalledTool("t", "{}", "c"),)))
    bit = data.draw(st.integers(0, len(made.payload) * 8 - 1))
    broken = bytearray(made.payload)
    broken[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadEntry):  # without the record's hash and without the frame's sum: the encryption alone
        open_entry(Entry.unpack(bytes(broken)), made.key.secret)


@unhurried
@given(st.lists(st.binary(min_size=1, max_size=120), min_size=1, max_size=6), st.data())
def test_any_flipped_bit_of_a_segment_is_found_and_costs_one_entry(payloads: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(frame, payloads))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    broken = bytearray(whole)
    broken[bit // 8] ^= 1 << bit % 8
    found = list(frames(bytes(broken)))
    hit = next(n for n in range(len(payloads)) if bit // 8 < sum(len(frame(p)) for p in payloads[: n + 1]))
    assert [one.payload for one in found if one.payload] == payloads[:hit] + payloads[hit + 1 :]
    assert sum(bool(one.problem) for one in found) == 1
    assert not any(one.torn for one in found)


@unhurried
@given(st.binary(max_size=600))
def test_no_bytes_break_the_readers(junk: bytes) -> None:
    assert all(one.payload or one.problem for one in frames(junk))
    for read in (Entry.unpack, lambda raw: open_entry(Entry.unpack(raw), b"k" * 32)):
        with pytest.raises(BadEntry):
            read(junk)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=12), st.data())
def test_after_an_erasure_nothing_of_it_opens_and_all_else_does(owners: list[tuple[str, str]], data: Any) -> None:
    with TemporaryDirectory() as name:
        directory, ring = Path(name) / "content", KeyRing([b"k" * 32])
        writer = ContentWriter(directory, lambda: ring, linger_s=0.0)
        writer.start()
        kept = {}
        for user, conversation in owners:
            event_id = new_event_id()
            text = Content((Text("user", f"violet {event_id}"),))
            made = writer.seal(
                text, event_id=event_id, user=user, conversation=conversation, ts_us=now_us(), expires_day=99_999
            )
            assert made is not None
            assert writer.put(made)
            kept[event_id] = (user, conversation)
        written = data.draw(st.booleans())  # else it finds the events in the queue
        assert not written or writer.flush(10)
        of, subject = data.draw(st.sampled_from([("user", "a"), ("conversation", "x"), ("user", "c")]))
        writer.keys.erase(of, subject, now_us())
        assert writer.close(60)
        for found in ContentReader(directory, ring).read_each(dict.fromkeys(kept, "")):
            erased = subject == kept[found.event_id][of == "conversation"]
            assert isinstance(found, Gone if erased else Opened)
            assert not isinstance(found, Gone) or found.why in ("erased", "missing")
