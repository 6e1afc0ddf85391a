from __future__ import annotations

import base64
import gzip
import random
import textwrap

import pytest

from weir.dlp.views.blobs import pieces_of
from weir.dlp.views.gate import look
from weir.dlp.views.unpack import TooMuch
from weir.dlp.views.view import Piece

SAID = "the secret of the house is sk-abc_12345-XYZ?~>/ and no more than that, by my word, I tell you"
DATA = SAID.encode()
B64, URL = base64.b64encode(DATA).decode(), base64.urlsafe_b64encode(DATA).decode().rstrip("=")
NOISE = random.Random(7).randbytes(300)


def pieces(text: str, left: int = 10_000) -> list[Piece]:
    return list(pieces_of(text, look(text), lambda: left))


ENCODED = {
    "base64": ("base64", B64),
    "no padding": ("base64", B64.rstrip("=")),
    "wrapped": ("base64", textwrap.fill(B64, 64) + "\n"),
    "wrapped at 76": ("base64", base64.encodebytes(DATA).decode()),
    "crlf": ("base64", textwrap.fill(B64, 64).replace("\n", "\r\n")),
    "indented": ("base64", textwrap.fill(B64, 64).replace("\n", "\n      ")),
    "escaped": ("base64", base64.encodebytes(DATA).decode().replace("\n", "\\n")),
    "escaped twice": ("base64", base64.encodebytes(DATA).decode().replace("\n", "\\\\r\\\\n")),
    "base64url": ("base64url", URL),
    "data url": ("base64", "data:text/plain;base64," + B64),
    "glued": ("base64", "abcde" + B64),
    "in a path": ("base64url", "/v1/x/" + URL),
    "compressed": ("base64>gzip", base64.b64encode(gzip.compress(DATA)).decode()),
    "powershell": ("base64>utf-16", "powershell -enc " + base64.b64encode(SAID.encode("utf-16-le")).decode()),
    "base32": ("base32", base64.b32encode(DATA).decode()),
    "hex": ("hex", DATA.hex()),
    "upper hex": ("hex", DATA.hex().upper()),
    "0x": ("hex", "0x" + DATA.hex()),
    "x''": ("hex", f"x'{DATA.hex()}'"),
    "spaces": ("hex", DATA.hex(" ")),
    "colons": ("hex", DATA.hex(":")),
    "dashes": ("hex", DATA.hex("-")),
    "rows": ("hex", textwrap.fill(DATA.hex(" "), 48)),
    "bytes": ("hex", ", ".join(f"0x{byte:02X}" for byte in DATA)),
    "rows of bytes": ("hex", textwrap.fill(", ".join(f"0x{byte:02x}" for byte in DATA), 60)),
}


@pytest.mark.parametrize("name", ENCODED)
def test_what_is_encoded_is_read(name: str) -> None:
    kind, encoded = ENCODED[name]
    text = f"look: {encoded}"
    (piece,) = pieces(text)
    assert piece.kind == kind
    assert SAID in piece.text
    at = piece.text.index(SAID)
    start, end = piece.spans.span(at, at + len(SAID))
    assert text.index(encoded) <= start < end <= len(text)
    assert len(text) - end <= 8  # no more is left out than padding and a line's end


@pytest.mark.parametrize("name", [name for name in ENCODED if name != "compressed"])
def test_a_part_leads_to_its_part(name: str) -> None:
    text = f"look: {ENCODED[name][1]}"
    (piece,) = pieces(text)
    at = piece.text.index("sk-abc_12345-XYZ")
    start, end = piece.spans.span(at, at + 16)
    assert end - start <= 0.35 * len(ENCODED[name][1])
    characters = "".join(part for part in text[start:end].split() if part not in (",", ":"))
    assert characters
    if name == "base64":
        assert "sk-abc_12345-XYZ" in base64.b64decode(text[start:end]).decode()
    if name == "hex":
        assert bytes.fromhex(text[start:end]) == b"sk-abc_12345-XYZ"


def test_readable_stretches_of_a_binary_are_read() -> None:
    text = base64.b64encode(b"\x89PNG\r\n\x1a\n" + NOISE + DATA + NOISE).decode()
    found = [piece for piece in pieces(text) if SAID in piece.text]
    assert len(found) == 1
    at = found[0].text.index(SAID)
    start, end = found[0].spans.span(at, at + len(SAID))
    assert SAID in base64.b64decode(text[start:end]).decode("latin-1")
    assert end - start <= len(B64) + 8


def test_the_name_of_a_value_is_read_with_it() -> None:
    text = f'  "db_password": "{B64}"'
    (piece,) = pieces(text)
    assert piece.text == f'db_password": "{SAID}'
    assert piece.spans.span(0, len(piece.text)) == (3, len(text) - 1 - B64.count("="))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 64 + " " + "0" * 64 + " " + NOISE[:32].hex(),
        "x" * 1000,
        base64.b64encode(b"\0" * 300).decode(),
        "/usr/share/doc/python-something/examples/readme",
        "SomeVeryLongClassNameFactoryBuilderImplementation.getInstance",
        "some-very-long-slug-of-a-post-about-nothing-in-particular",
        "12 34 56 78 90 12 34 56 78",
        "at 11:22:33:44:55:66 and fe:dc:ba:98:76:54",
    ],
)
def test_what_is_no_text_gives_nothing(text: str) -> None:
    assert pieces(text) == []


def test_random_data_gives_next_to_nothing() -> None:
    text = " ".join(base64.b64encode(random.Random(n).randbytes(64)).decode() for n in range(1000))
    assert sum(len(piece.text) for piece in pieces(text)) < len(text) // 100


def test_lines_that_are_blobs_of_their_own_are_read() -> None:
    one, other = (base64.b64encode(text).decode() for text in (b"first text, a bit longer", b"\xff\xfe" + NOISE[:40]))
    assert [piece.text for piece in pieces(f"{one}\n{other}\n")] == ["first text, a bit longer"]


def test_what_swells_gives_its_beginning_and_then_raises() -> None:
    text = base64.b64encode(gzip.compress(b"abc " * 100_000)).decode()
    found = []
    with pytest.raises(TooMuch):
        for piece in pieces_of(text, look(text), lambda: 4000):
            found.append(piece.text)
    assert found == ["abc " * 1000]


@pytest.mark.parametrize(
    "data",
    [DATA + bytes(1000), bytes(999) + DATA, bytes(999) + DATA + bytes(999), gzip.compress(DATA + bytes(1_000_000))],
    ids=["behind", "before", "around", "packed"],
)
def test_zeros_hide_no_text(data: bytes) -> None:
    """In base64 they are a run of "A", which might be hexadecimal."""
    found = pieces(base64.b64encode(data).decode(), 2_000_000)
    assert any(SAID in piece.text for piece in found)
