"""No bytes make a file's reader raise, and a text is found in whatever it is wrapped."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from harness import papers
from weir.dlp.files.job import FileLimits
from weir.dlp.files.read import read_here

WORD = "alder-brook-4711-cedar"
WRAPS: tuple[Callable[[bytes], bytes], ...] = (
    gzip.compress,
    lambda data: papers.zipped({"a": data}),
    lambda data: papers.tar({"a": data}),
    lambda data: papers.eml("x", attached=data),
)
SEEDS = (
    papers.docx(WORD),
    papers.xlsx(WORD),
    papers.tar({"a": WORD.encode()}),
    papers.eml(WORD, attached=WORD.encode()),
    papers.jsonl(WORD),
    gzip.compress(WORD.encode()),
    rb"{\rtf1 " + WORD.encode() + b"}",
)


@given(st.lists(st.sampled_from(WRAPS), max_size=4))
def test_found_in_any_wrapping(wraps: list[Callable[[bytes], bytes]]) -> None:
    data = WORD.encode()
    for wrap in wraps:
        data = wrap(data)
    found = read_here(data, "", "", FileLimits(), None, heavy=True)
    assert found.complete and any(WORD in text.text for text in found.texts)


@settings(max_examples=150)
@given(st.sampled_from(SEEDS), st.data())
def test_damage_never_raises(seed: bytes, data: st.DataObject) -> None:
    body = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    found = read_here(bytes(body[:cut]), "", "", FileLimits(bytes_max=1 << 20), None, heavy=True)
    assert found.complete == (not found.reason)


@given(st.binary(max_size=2000))
def test_any_bytes(data: bytes) -> None:
    found = read_here(data, "", "", FileLimits(bytes_max=1 << 20), None, heavy=True)
    assert found.complete == (not found.reason)
