from __future__ import annotations

import base64
import gzip

import pytest

from weir.dlp.core.patterns import Deadline
from weir.dlp.views import readings
from weir.dlp.views.reader import DEFAULT, Bounds, reads_plainly

SAID = "the secret of the house is sk-abc_12345-XYZ and no more than that"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def gz(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


def written(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


@pytest.mark.parametrize("text", ["", "plain", "日本語", "def f() -> int:\n    return 1\n" * 100, "x" * 100])
def test_a_text_without_disguise_has_no_views(text: str) -> None:
    result = readings(text)
    assert result.views == () and result.reason == ""


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (b64(SAID), ["base64"]),
        (b64(b64(SAID)), ["base64", "base64>base64"]),
        (b64(written(SAID)), ["base64", "base64>escapes"]),
        (written(b64(SAID)), ["escapes", "escapes>base64"]),
        (gz(b64(written(SAID))), ["base64>gzip", "base64>gzip>base64", "base64>gzip>base64>escapes"]),
        ("\u200b" + b64(SAID), ["normal", "base64"]),
        (b64(SAID).encode().hex(), ["hex", "hex>base64"]),
    ],
)
def test_kinds_name_what_was_undone(text: str, kinds: list[str]) -> None:
    result = readings(text)
    assert [view.kind for view in result.views] == kinds
    assert result.reason == ""
    assert SAID in result.views[-1].text
    at = result.views[-1].text.index(SAID)
    start, end = result.views[-1].origin(at, at + len(SAID))
    assert 0 <= start < end <= len(text)


def test_a_disguise_within_a_disguise_leads_back_to_its_place() -> None:
    text = f"first {b64('nothing at all is in here')} then {b64('x ' * 20 + 'sk-pr%2Doj now, and some more')} end"
    (view,) = (view for view in readings(text).views if view.kind == "base64>url")
    at = view.text.index("sk-pr-oj")
    start, end = view.origin(at, at + 8)
    inside = base64.b64decode(text[start:end]).decode()
    assert "sk-pr%2Doj" in inside and len(inside) <= 14


def test_a_blob_cut_up_by_invisible_characters_is_read() -> None:
    text = "\u200b".join(b64(SAID))
    view = readings(text).views[-1]
    at = view.text.index("sk-abc")
    start, end = view.origin(at, at + 6)
    assert base64.b64decode(text[start:end].replace("\u200b", "")) in SAID.encode()


def test_what_was_encoded_is_read_normally_too() -> None:
    text = b64("key sk-\u200bpr\u043ej-abc１２３ and so on")
    (view,) = readings(text).views
    assert view.text == "key sk-proj-abc123 and so on" and view.kind == "base64"
    at = view.text.index("sk-proj")
    start, end = view.origin(at, at + 7)
    assert "sk-\u200bpr\u043ej".encode() in base64.b64decode(text[start:end])


def test_deeper_than_three_is_said() -> None:
    text = SAID
    for depth in range(1, 6):
        text = b64(text)
        result = readings(text)
        assert result.reason == ("" if depth <= 3 else "nested deeper than 3")
        assert len(result.views) == min(depth, 3)


def test_depth_is_a_bound() -> None:
    result = readings(b64(b64(SAID)), bounds=Bounds(depth=1))
    assert (len(result.views), result.reason) == (1, "nested deeper than 1")


@pytest.mark.parametrize(
    "bounds",
    [Bounds(ratio=0, chars=100), Bounds(pieces=2)],
    ids=["characters", "pieces"],
)
def test_what_is_over_a_bound_is_said_and_the_rest_is_read(bounds: Bounds) -> None:
    text = " ".join(b64(f"text number {n} of all those") for n in range(50))
    result = readings(text, bounds=bounds)
    assert result.reason == "decoded text over the limit"
    assert 0 < sum(len(view.text) for view in result.views) <= 110
    assert "text number 0 of" in result.views[0].text


def test_what_swells_is_over_the_limit() -> None:
    result = readings(gz("abc " * 1_000_000))
    assert result.reason == "decoded text over the limit"
    assert sum(len(view.text) for view in result.views) == DEFAULT.chars


def test_the_same_reading_is_not_given_twice() -> None:
    text = " ".join([b64(SAID)] * 100)
    assert [view.text for view in readings(text).views] == [SAID]


def test_out_of_time_is_a_reason() -> None:
    result = readings("naïve " + b64(SAID), Deadline(0.0))
    assert result.reason == "out of time"
    result = readings(b64(SAID), Deadline(0.0))
    assert result.reason == "out of time"
    assert readings("plain", Deadline(0.0)).reason == ""


def test_what_was_read_before_the_time_ran_out_is_there() -> None:
    ticks = iter(range(1000))
    deadline = Deadline(20.5, lambda: float(next(ticks)))
    result = readings(" ".join(b64(f"text number {n} of all those") for n in range(50)), deadline)
    assert result.reason == "out of time"
    assert "text number 0 of" in result.views[0].text and "text number 49 of" not in result.views[0].text


def test_no_repr_and_no_reason_shows_a_text() -> None:
    assert "secret of" not in repr(readings(b64(SAID)))
    assert "secret of" not in repr(readings(b64(SAID) * 2, bounds=Bounds(ratio=0, chars=10)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "two words, no more",
        "x" * 23,
        "a\tb\nc",
        b64(SAID),
        written(SAID),
        "a\u200bb",
        "nul\0",
        "50% off",
        "日本語",
        "x " * 20,
        "s k - a b c d e f g h i j k l m",
        "0x41 0x42 0x43 0x44 0x45",
        "'a' + 'b' + 'cdefgh'",
        "%41%42%43 and so on",
    ],
)
def test_a_text_that_reads_plainly_has_no_views(text: str) -> None:
    result = readings(text)
    if reads_plainly(text):
        assert result.views == () and result.reason == ""
    else:  # a closer look is taken; beyond ASCII always
        assert result.views or not text.isascii() or len(text) > 12


def test_most_texts_read_plainly() -> None:
    assert reads_plainly("Write a reply about the delay, and be kind.") and not reads_plainly(b64(SAID))
