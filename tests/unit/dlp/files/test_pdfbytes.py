from __future__ import annotations

import zlib

import pytest

from harness.effort import within
from weir.dlp.files.job import FileLimits, Job, Stop
from weir.dlp.files.pdfbytes import beside_pages

WORD = "alder-brook-4711-cedar"
XMP = f"<x:xmpmeta><dc:title>{WORD}</dc:title></x:xmpmeta>".encode()
DRAWING = b"BT /F1 12 Tf 20 700 Td (%s) Tj ET" % WORD.encode()


def read(data: bytes, limits: FileLimits | None = None) -> str:
    job = Job(limits or FileLimits(), None, lambda *_: "")
    beside_pages(job, b"%PDF-1.7\n" + data + b"\nxref\n0000000016 00000 n\n%%EOF\n", "")
    return "\n".join(text.text for text in job.result("").texts)


def stream(marks: bytes, body: bytes) -> bytes:
    return b"7 0 obj\n<<%s/Length %d>>stream\n%s\nendstream\nendobj\n" % (marks, len(body), body)


@pytest.mark.parametrize(
    "data",
    [
        b"<</Title(x)/Company(%s)>>" % WORD.encode(),
        b"<</OpenAction<</S/JavaScript/JS(var k = f\\(1\\) + '%s';)>>>>" % WORD.encode(),
        b"<</Company(alder-brook-4711\\055ced\\\nar)>>",
        b"<</Company(a (nested) %s)>>" % WORD.encode(),
        b"<</Company<%s>>>" % WORD.encode().hex().encode(),
        b"<</Company<%s>>>" % (b"\xfe\xff" + WORD.encode("utf-16-be")).hex().encode(),
        b"% a remark: " + WORD.encode(),
        b"<</alder#2dbrook-4711-cedar 1>>",
        stream(b"/Type/Metadata/Subtype/XML", XMP),
        stream(b"/Type/Metadata/Subtype/XML/Filter/FlateDecode", zlib.compress(XMP)),
        stream(b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode", zlib.compress(b"8 0 <</Company(%s)>>" % WORD.encode())),
        stream(b"/Filter/FlateDecode", zlib.compress(b"var key = '%s'" % WORD.encode())),
    ],
)
def test_every_place_beside_the_pages(data: bytes) -> None:
    assert WORD in read(data)


def test_what_follows_the_end() -> None:
    job = Job(FileLimits(), None, lambda *_: "")
    beside_pages(job, b"%PDF-1.7\n%%EOF\n" + WORD.encode() + b"\n", "")
    assert [text.text for text in job.result("").texts] == [WORD]


def test_drawings_and_pictures_are_not_read_here() -> None:
    assert WORD not in read(stream(b"", DRAWING))
    assert WORD not in read(stream(b"/Subtype/Image", XMP))
    assert "0000000016" not in read(b"")


def test_bombs_end() -> None:
    with pytest.raises(Stop, match="more than the limit"):
        read(stream(b"/Filter/FlateDecode", zlib.compress(bytes(4 << 20))), FileLimits(bytes_max=1 << 20))


@pytest.mark.parametrize("piece", [b"(", b"(a", b"\\(", b"<", b"<4", b"%", b"/", b"stream\n", b" BT", b"(()", b"obj<<"])
def test_hostile_bytes_take_linear_time(piece: bytes) -> None:
    within(2, lambda: read(piece * (400_000 // len(piece))))
