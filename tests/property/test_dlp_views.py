"""Laws of the readings: what is disguised is read, where it stands is known, and no text makes them endless."""

from __future__ import annotations

import base64
import codecs
import gzip
import random
import sysconfig
import textwrap
import zlib
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from pydoc_data import topics

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.bombs import gzip_bomb
from harness.effort import within
from weir.dlp.views import Readings, readings
from weir.dlp.views.joins import joins
from weir.dlp.views.reader import DEFAULT
from weir.dlp.views.view import SEPARATOR
from weir.model import Segment

quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

KEY = (
    "sk-"
    + "proj-"
    + "".join(random.Random(11).choices("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789_", k=90))
)


def wide(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def pieces(text: str) -> list[str]:
    return [text[at : at + 29] for at in range(0, len(text), 29)]


Encoder = Callable[[str], str]
ENCODERS: dict[str, Encoder] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 unpadded": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 wrapped": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 escaped": lambda text: base64.encodebytes(text.encode()).decode().replace("\n", "\\n"),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex colons": lambda text: text.encode().hex(":"),
    "hex bytes": lambda text: textwrap.fill(", ".join(f"0x{byte:02x}" for byte in text.encode()), 72),
    "hex escapes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode("latin-1", "replace")),
    "url": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "json": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "html": lambda text: "".join(f"&#x{ord(one):x};" for one in text),
    "gzip": lambda text: base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode(),
    "zlib": lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
    "deflate": lambda text: base64.b64encode(zlib.compress(text.encode(), wbits=-15)).decode(),
    "utf-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "concat": lambda text: '"' + '" + "'.join(pieces(text)) + '"',
}
# Applied to the key alone: in what is encoded already there is nothing for them to hold on to.
INNER: dict[str, Encoder] = {
    "invisible": lambda text: "\u200b".join(text),
    "wide": wide,
    "look-alike": lambda text: text.replace("p", "\u0440", 1).replace("o", "\u03bf", 1),
    "reversed": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "spaced": lambda text: " ".join(text),
    "some escapes": lambda text: text.replace("-", "\\u002d"),
    "some percent": lambda text: text.replace("-", "%2D"),
}
# What these make is not what the other can be undone in: an escape a byte is another text than what it stands for,
# UTF-16 is told by its zeros, and no string literal begins or ends with a blank.
NOT = {
    *((name, "hex escapes") for name in INNER),
    *(("invisible", "utf-16"), ("wide", "utf-16")),
    *((name, "concat") for name in ("hex bytes", "spaced")),
}
SURROUND = ("Please have a look at this value: ", " and tell me what it is for.")


def origins(result: Readings, key: str) -> list[tuple[int, int]]:
    """Where each reading of ``key`` came from."""
    found = []
    for view in result.views:
        at = view.text.find(key)
        while at >= 0:
            found.append(view.origin(at, at + len(key)))
            at = view.text.find(key, at + 1)
    return found


def covers(text: str, begin: int, end: int) -> bool:
    """Whether a reading of the key leads to all of the encoded stretch, but for padding and quotes at its edges."""
    margin = max(14, (end - begin) // 8)  # padding of an inner encoding, written in an outer one
    return any(
        start >= begin and stop <= end and start - begin <= margin and end - stop <= margin
        for start, stop in origins(readings(text), KEY)
    )


CHAINS = [
    *((name,) for name in (*ENCODERS, *INNER)),
    *product(ENCODERS, ENCODERS),
    *product(INNER, ENCODERS),
    *(tuple(random.Random(seed).choices(list(ENCODERS), k=3)) for seed in range(150)),
]
CHAINS = [chain for chain in CHAINS if NOT.isdisjoint(pairwise(chain))]


@pytest.mark.parametrize("part", range(4))
def test_a_key_is_read_through_up_to_three_encodings(part: int) -> None:
    missed = []
    for chain in CHAINS[part::4]:
        encoded = KEY
        for name in chain:
            encoded = {**ENCODERS, **INNER}[name](encoded)
        encoded = encoded.strip()
        text = encoded.join(SURROUND)
        if not covers(text, len(SURROUND[0]), len(SURROUND[0]) + len(encoded)):
            missed.append(chain)
    assert missed == []


anything = st.text(st.characters(), max_size=400)
marks = st.sampled_from(
    (
        *("%", "%25", "%2D", "\\", "\\u00", "\\u002d", "\\x2d", "&#", "&amp;", "&#45;", '"', "' + '", "=\n", "A", "="),
        *("\n", " ", "0x", "ab ", "QUJD", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo", "736b2d70726f6a2d", "-ks", "AKIA"),
        *("\u0440", "\u200b", "H4sI", "eJw", "\ud83d", "AIKA", "fx-", "s k ", ".", "-", "_", "/", "join("),
    )
)
telling = st.lists(marks, max_size=60).map("".join)
texts = st.one_of(anything, telling, st.tuples(telling, anything, telling).map("".join))


def hold(text: str, result: Readings) -> None:
    """What is true of the readings of every text."""
    decoded = [view for view in result.views if view.kind != "normal"]
    separators = sum(view.text.count(SEPARATOR) for view in decoded) * len(SEPARATOR)
    assert sum(len(view.text) for view in decoded) - separators <= max(DEFAULT.ratio * len(text), DEFAULT.chars)
    assert all(view.kind.count(">base") + view.kind.count(">hex") <= 2 for view in decoded)
    for view in result.views:
        step = max(1, len(view.text) // 40)
        places = [*range(0, len(view.text), step)]
        spans = [view.origin(at, min(at + step, len(view.text))) for at in places]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        if spans:
            whole = view.origin(0, len(view.text))
            assert all(whole[0] <= start and end <= whole[1] for start, end in spans)


@quick
@given(texts)
def test_any_text_keeps_the_bounds_and_every_origin_lies_in_it(text: str) -> None:
    result = readings(text)
    hold(text, result)
    again = readings(text)
    assert [(view.text, view.kind) for view in result.views] == [(view.text, view.kind) for view in again.views]


@quick
@given(telling, st.lists(st.sampled_from(list(ENCODERS)), min_size=1, max_size=4))
def test_whatever_is_encoded_keeps_the_bounds(text: str, chain: list[str]) -> None:
    for name in chain:
        text = ENCODERS[name](text.encode("utf-8", "replace").decode())
    hold(text, readings(text))


@quick
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=40, max_size=300), st.data())
def test_the_origin_decodes_to_the_reading(said: str, data: st.DataObject) -> None:
    encoded = base64.b64encode(said.encode()).decode()
    text = f"see {encoded} there"
    for view in readings(text).views:
        at = view.text.find(said)
        if view.kind == "base64" and at >= 0:
            first = data.draw(st.integers(0, len(said) - 1))
            last = data.draw(st.integers(first, len(said) - 1))
            start, end = view.origin(at + first, at + last + 1)
            back = base64.b64decode(text[start:end] + "==").decode()
            assert said[first : last + 1] in back and len(back) <= last + 1 - first + 4
            return
    raise AssertionError("not read")


RNG = random.Random(2)
HOSTILE = {
    "A": "A" * 100_000,
    "percent": "%25" * 33_333,
    "percent nested": "%" + "25" * 50_000,
    "backslashes": "\\" * 100_000,
    "quotes escaped": '\\"' * 50_000,
    "u005c": "\\u005c" * 16_666,
    "u005c nested": "\\" + "u005c" * 20_000,
    "hex": "6b" * 50_000,
    "hex pairs": "ab " * 33_333,
    "not quite pairs": "ab cd xx " * 11_111,
    "spaced": "A " * 50_000,
    "not quite spaced": "a b.c d." * 12_500,
    "ampersands": "&" + "amp;" * 25_000,
    "entities": "&#65;" * 20_000,
    "quotes": '"a" ' * 25_000,
    "concat": 'a"+"b' * 20_000,
    "quote and blanks": ('a"' + " " * 39) * 2_500,
    "quoted": "a=\n" * 33_333,
    "needles": "AIKA" * 25_000,
    "needles apart": "fx-abcdefghijklmnop " * 5_000,
    "short lines": ("A" * 24 + "\n") * 4_000,
    "lines": ("QUFB" * 6 + "\n") * 4_000,
    "words": "abcdefghijklmnopqrstuvwxyz " * 3_700,
    "both alphabets": "-+" * 50_000,
    "paths": "abcdefghijklmnopqrstuvwxyz-/" * 3_500,
    "zlib heads": " ".join(base64.b64encode(b"\x78\x9c" + RNG.randbytes(20)).decode() for _ in range(2_900)),
    "deflate heads": " ".join(base64.b64encode(b"\x05" + RNG.randbytes(20)).decode() for _ in range(3_400)),
    "bomb": base64.b64encode(gzip_bomb(50)).decode()[:100_000],
    "look-alikes": "\u0440a" * 50_000,
    "invisible": "\u200ba" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_end_soon(name: str) -> None:
    text = HOSTILE[name]
    hold(text, within(0.25, lambda: readings(text)))  # at rest no one of them takes 0.1 s


def test_what_is_nested_too_deep_or_swells_is_said() -> None:
    nested = b"this is the text that all this is about"
    while len(nested) < 70_000:
        nested = base64.b64encode(nested)
    assert readings(nested.decode()).reason == "nested deeper than 3"
    assert readings(HOSTILE["u005c nested"]).reason == "nested deeper than 3"
    assert readings(HOSTILE["bomb"]).reason == "decoded text over the limit"


def clean(pattern: str, total: int) -> str:
    paths = sorted(Path(sysconfig.get_paths()["stdlib"]).glob(pattern))
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in paths)
    out = ""
    for text in texts:
        out += text[:20_000]
        if len(out) >= total:
            break
    return out[:total]


def test_clean_code_and_prose_give_few_views() -> None:
    code = clean("[a-z]*.py", 1_000_000)
    prose = "\n".join(topics.topics.values())[:100_000]
    views = [view for at in range(0, len(code), 100_000) for view in readings(code[at : at + 100_000]).views]
    decoded = sum(len(view.text) for view in views if view.kind != "normal")
    print(f"{len(views) / 10:.1f} views and {decoded / 10:.0f} decoded characters per 100 KB of code")
    assert len(views) <= 50
    assert decoded <= 0.10 * len(code)
    assert sum(len(view.text) for view in readings(prose).views if view.kind != "normal") <= 0.05 * len(prose)
    assert readings(code[:100_000]).reason == ""


cuts = st.lists(st.integers(1, len(KEY) - 1), min_size=1, max_size=6, unique=True).map(sorted)
seams = st.sampled_from(["", " ", "\n", '"', "  \n", "…"])


@quick
@given(cuts, st.data())
def test_a_key_cut_anywhere_is_joined(places: list[int], data: st.DataObject) -> None:
    parts = [KEY[one:other] for one, other in pairwise([0, *places, len(KEY)])]
    loose = [data.draw(seams) + part + data.draw(seams) for part in parts]
    loose[0], loose[-1] = "my key is " + loose[0], loose[-1] + " thanks"
    given_ = [Segment(f"/{n}", "user", text) for n, text in enumerate(loose)]
    found = [joined.origin(at, at + len(KEY)) for joined in joins(given_) if (at := joined.text.find(KEY)) >= 0]
    assert found
    assert ["".join(given_[n].text[start:end] for n, start, end in spans) for spans in found] == [KEY] * len(found)


@quick
@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), texts), max_size=12))
def test_joined_texts_are_what_stands_in_the_segments(rows: list[tuple[str, str]]) -> None:
    given_ = [Segment(f"/{n}", role, text) for n, (role, text) in enumerate(rows)]
    for joined in joins(given_):
        spans = joined.origin(0, len(joined.text))
        assert "".join(given_[n].text[start:end] for n, start, end in spans) == joined.text
        assert len(joined.text) <= 512 and len({n for n, _, _ in spans}) >= 2
