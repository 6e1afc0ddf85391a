from __future__ import annotations

import pytest

from weir.model import Unparsed
from weir.providers.wire.multipart import PARTS_MAX, boundary_of, parts_of, spliced

FILE = b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n'
FIELD = b'Content-Disposition: form-data; name="model"\r\n'


def form(*parts: tuple[bytes, bytes]) -> bytes:
    return b"".join(b"--x\r\n" + head + b"\r\n" + body + b"\r\n" for head, body in parts) + b"--x--\r\n"


@pytest.mark.parametrize(
    ("values", "want"),
    [
        (["multipart/form-data; boundary=x"], ("form-data", b"x")),
        (['Multipart/Form-Data;boundary="a_b"'], ("form-data", b"a_b")),
        (["multipart/related; type=x; boundary=----7d"], ("related", b"----7d")),
        (["application/json"], None),
        ([], None),
    ],
)
def test_boundary(values: list[str], want: tuple[str, bytes] | None) -> None:
    assert boundary_of(values) == want


@pytest.mark.parametrize(
    "values",
    [
        ["multipart/form-data"],
        ["multipart/form-data; boundary="],
        ["multipart/form-data; boundary=x; boundary=y"],
        ["multipart/form-data; boundary=x; Boundary=x"],
        ["multipart/form-data; boundary*=utf-8''x"],
        ["multipart/form-data; boundary*0=x; boundary=y"],
        ['multipart/form-data; boundary="x\\y"'],
        ["multipart/form-data; boundary=x y"],
        ["multipart/form-data boundary=x"],
        ["multipart/form-data; boundary=x", "multipart/form-data; boundary=x"],
        ["application/json", "multipart/form-data; boundary=x"],
        ["application/json, multipart/form-data; boundary=x"],
        ["multipart/alternative; boundary=x"],
        ["multipart/form-data; boundary=" + "x" * 71],
    ],
)
def test_a_boundary_with_two_readings_is_none(values: list[str]) -> None:
    with pytest.raises(Unparsed, match="multipart"):
        boundary_of(values)


def test_parts() -> None:
    body = form((FILE, b"one\r\n-- two"), (FIELD, b"whisper-1"))
    parts = parts_of(body, b"x", form=True)
    assert [(p.field, p.name, p.file, p.media_type) for p in parts] == [
        ("file", "a.txt", True, "text/plain"), ("model", "", False, "")
    ]  # fmt: skip
    assert [body[p.start : p.end] for p in parts] == [b"one\r\n-- two", b"whisper-1"]
    assert parts_of(b"--x--", b"x", form=True) == []


@pytest.mark.parametrize(
    ("head", "field", "name", "file"),
    [
        ('form-data; name="a"', "a", "", False),
        ("form-data; name=a; filename=b.txt", "a", "b.txt", True),
        ('form-data; name="a"; filename=""', "a", "", True),
        ('form-data; name="a%22b"; filename="c d.txt"', 'a"b', "c d.txt", True),
        ("form-data; name=a; filename=\"b.txt\"; filename*=utf-8''b.txt", "a", "b.txt", True),
        ("form-data; name=a; filename=\"b.txt\"; filename*=UTF-8''%C3%A4.txt", "a", "b.txt \u00e4.txt", True),
    ],
)
def test_dispositions(head: str, field: str, name: str, file: bool) -> None:
    (part,) = parts_of(form((f"Content-Disposition: {head}\r\n".encode(), b"x")), b"x", form=True)
    assert (part.field, part.name, part.file) == (field, name, file)


ODD = [
    ("words before", b"hello\r\n" + form((FIELD, b"v"))),
    ("a line end before", b"\r\n" + form((FIELD, b"v"))),
    ("words after", form((FIELD, b"v")) + b"more"),
    ("two ends", form((FIELD, b"v")) + b"--x--\r\n"),
    ("no end", form((FIELD, b"v"))[:-6]),
    ("bare line feeds", form((FIELD, b"v")).replace(b"\r\n", b"\n")),
    ("blanks after a boundary", form((FIELD, b"v")).replace(b"--x\r\n", b"--x \r\n")),
    ("a longer boundary within", form((FIELD, b"a\r\n--xy\r\nb"))),
    ("the boundary within a line", form((FIELD, b"a --x b"))),
    ("no disposition", form((b"", b"v"))),
    ("no name", form((b"Content-Disposition: form-data\r\n", b"v"))),
    ("two names", form((b'Content-Disposition: form-data; name="a"; name="b"\r\n', b"v"))),
    ("two dispositions", form((FIELD + FIELD, b"v"))),
    ("attachment", form((b'Content-Disposition: attachment; name="a"\r\n', b"v"))),
    ("a quote escaped", form((b'Content-Disposition: form-data; name="a\\"; filename=\\"b"\r\n', b"v"))),
    ("an extended name alone", form((b"Content-Disposition: form-data; name=a; filename*=utf-8''b\r\n", b"v"))),
    ("a name in pieces", form((b'Content-Disposition: form-data; name=a; filename*0="b"\r\n', b"v"))),
    ("a folded header", form((b'Content-Disposition: form-data;\r\n name="a"\r\n', b"v"))),
    ("a blank before the colon", form((b'Content-Disposition : form-data; name="a"\r\n', b"v"))),
    ("base64", form((FIELD + b"Content-Transfer-Encoding: base64\r\n", b"dg=="))),
    ("a charset", form((FIELD + b"Content-Type: text/plain; charset=utf-16\r\n", b"v"))),
    ("another length", form((FIELD + b"Content-Length: 7\r\n", b"v"))),
    ("a zero in a header", form((FIELD + b"X: a\0b\r\n", b"v"))),
    ("no end of the headers", b"--x\r\n" + FIELD + b"--x--\r\n"),
    ("too many parts", form(*[(FIELD, b"v")] * (PARTS_MAX + 1))),
    ("empty", b""),
]


@pytest.mark.parametrize("body", [row[1] for row in ODD], ids=[row[0] for row in ODD])
def test_what_two_readers_cut_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Unparsed, match="multipart"):
        parts_of(body, b"x", form=True)


def test_plain_lengths_and_encodings_are_fine() -> None:
    head = FIELD + b"Content-Length: 1\r\nContent-Transfer-Encoding: 8bit\r\nX-Own: some words\r\n"
    (part,) = parts_of(form((head, b"v")), b"x", form=True)
    assert part.words == ("some words",)


def test_related_parts_need_no_name() -> None:
    body = form((b"Content-Type: application/json\r\n", b"{}"), (b"Content-Type: application/pdf\r\n", b"%PDF-"))
    parts = parts_of(body, b"x", form=False)
    assert [(p.field, p.file, p.media_type) for p in parts] == [
        ("", False, "application/json"), ("", False, "application/pdf")
    ]  # fmt: skip


def test_edits_keep_every_other_byte() -> None:
    body = form((FIELD, b"one"), (FILE, b"\x00\xff"), (FIELD, b"two"))
    parts = parts_of(body, b"x", form=True)
    assert spliced(body, parts, {}, b"x") == body
    assert spliced(body, parts, {2: "\u00e4"}, b"x") == body.replace(b"two", "\u00e4".encode())
    with pytest.raises(Unparsed, match="boundary"):
        spliced(body, parts, {0: "a --x b"}, b"x")
