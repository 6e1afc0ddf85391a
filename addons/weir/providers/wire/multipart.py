"""Multipart bodies, taken apart where every reader would cut them at the same places, and refused everywhere else.

A body that two parsers cut differently is a way past inspection. So: one boundary, in the form everybody writes; no
words before the first part or after the last; the boundary nowhere but where it cuts; headers that have one reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

from weir.model import Unparsed

__all__ = ["PARTS_MAX", "Part", "boundary_of", "parts_of", "spliced"]

PARTS_MAX: Final = 1000
_HEADERS_MAX: Final = 8
_HEAD_BYTES_MAX: Final = 8192
_TYPE = re.compile(r"multipart/(form-data|mixed|related)", re.IGNORECASE)
_PARAMETER = re.compile(r'\s*;\s*([A-Za-z0-9_*-]+)=(?:"([^"\\\r\n]*)"|([A-Za-z0-9!#$%&+.^_`|~\'-]+))')
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=?-]{1,70}")
_HEADER = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}):[ \t]*([^\r\n\x00]*?)[ \t]*")
_ENCODED_NAME = re.compile(r"utf-8'[A-Za-z0-9-]*'([^'\s]*)", re.IGNORECASE)
_BODY_ENCODINGS: Final = frozenset({"", "7bit", "8bit", "binary"})
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";,]*)", re.IGNORECASE)


class Part(NamedTuple):
    """One part: its field and file name, its declared type, and where its bytes stand in the body.

    ``file``: it has a file name, so that every reader takes it for a file. ``words``: what else its headers say.
    """

    field: str
    name: str
    file: bool
    media_type: str
    start: int
    end: int
    words: tuple[str, ...] = ()


def boundary_of(content_types: Sequence[str]) -> tuple[str, bytes] | None:
    """The subtype and the boundary of a multipart request; None when it is none. Raises Unparsed.

    ``content_types`` are all values of the header.
    """
    if not any("multipart/" in value.lower() for value in content_types):
        return None
    if len(content_types) != 1:
        raise Unparsed("multipart: several content types")
    value = content_types[0].strip()
    kind = _TYPE.match(value)
    if kind is None:
        raise Unparsed("multipart: of a kind that is not known")
    parameters = _parameters(value, kind.end())
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise Unparsed("multipart: no usable boundary")
    return kind[1].lower(), boundary.encode("ascii")


def _parameters(value: str, start: int) -> dict[str, str]:
    """Parameters of a header value from ``start`` to its end, names in lower case. Raises Unparsed."""
    found: dict[str, str] = {}
    while start < len(value):
        one = _PARAMETER.match(value, start)
        if one is None:
            raise Unparsed("multipart: a header that can be read in several ways")
        name = one[1].lower()
        if name in found or name.partition("*")[0] == "boundary" != name:
            raise Unparsed("multipart: a header that can be read in several ways")
        found[name] = one[2] if one[2] is not None else one[3]
        start = one.end()
    return found


def parts_of(body: bytes, boundary: bytes, *, form: bool) -> list[Part]:
    """The parts of ``body``; with ``form`` each has to name its field. Raises Unparsed."""
    mark = b"--" + boundary
    if not body.startswith(mark):
        raise Unparsed("multipart: does not begin with its boundary")
    found: list[Part] = []
    at = len(mark)
    while True:
        if body[at : at + 2] == b"--":
            if body[at + 2 :] not in (b"", b"\r\n"):
                raise Unparsed("multipart: goes on after its last boundary")
            return found
        if body[at : at + 2] != b"\r\n":
            raise Unparsed("multipart: a boundary that does not end its line")
        if len(found) >= PARTS_MAX:
            raise Unparsed("multipart: more parts than the limit")
        end = body.find(mark, at)
        if end < 0:
            raise Unparsed("multipart: no closing boundary")
        # The line end before a boundary belongs to it; without one the boundary stands inside the part.
        if body[end - 2 : end] != b"\r\n":
            raise Unparsed("multipart: its boundary inside a part")
        found.append(_part(body, at + 2, end - 2, form=form))
        at = end + len(mark)


def _part(body: bytes, start: int, end: int, *, form: bool) -> Part:
    if body.startswith(b"\r\n", start):
        head, begins = b"", start + 2
    else:
        close = body.find(b"\r\n\r\n", start, min(end + 2, start + _HEAD_BYTES_MAX))
        if close < 0:
            raise Unparsed("multipart: a part without the end of its headers")
        head, begins = body[start:close], close + 4
    if begins > end:
        raise Unparsed("multipart: a part without the end of its headers")
    headers = _headers(head)
    if headers.pop("content-transfer-encoding", "").lower() not in _BODY_ENCODINGS:
        raise Unparsed("multipart: an encoded part")
    media_type = headers.pop("content-type", "")
    charset = _CHARSET.search(media_type)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii", "binary"):
        raise Unparsed("multipart: charset other than UTF-8")
    if headers.pop("content-length", str(end - begins)) != str(end - begins):
        raise Unparsed("multipart: a part with another length than it says")
    field, name, file = _disposition(headers.pop("content-disposition", ""), form=form)
    return Part(field, name, file, media_type, begins, end, tuple(value for value in headers.values() if value))


def _headers(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    lines = head.split(b"\r\n") if head else []
    for line in lines:
        one = _HEADER.fullmatch(line)
        if one is None:
            raise Unparsed("multipart: a header that can be read in several ways")
        name = one[1].decode("ascii").lower()
        try:
            value = one[2].decode("utf-8")
        except UnicodeDecodeError:
            raise Unparsed("multipart: a header that is not UTF-8") from None
        if name in found or len(found) >= _HEADERS_MAX:
            raise Unparsed("multipart: a header given twice, or too many")
        found[name] = value
    return found


def _disposition(value: str, *, form: bool) -> tuple[str, str, bool]:
    """Field name, file name, and whether there is one."""
    kind = re.match(r"(?:form-data|attachment|inline)\b", value, re.IGNORECASE)
    if kind is None or (form and kind[0].lower() != "form-data"):
        if form or value:
            raise Unparsed("multipart: a part that is no field of a form")
        return "", "", False
    parameters = _parameters(value, kind.end())
    if not parameters.keys() <= {"name", "filename", "filename*", "size"} or (form and "name" not in parameters):
        raise Unparsed("multipart: a header that can be read in several ways")
    name = parameters.get("filename", "")
    if "filename*" in parameters:
        # Alone it is a file for some readers and a field for others.
        coded = _ENCODED_NAME.fullmatch(parameters["filename*"])
        if "filename" not in parameters or coded is None:
            raise Unparsed("multipart: a header that can be read in several ways")
        other = unquote(coded[1])
        name = name if name == other else f"{name} {other}"
    return unquote(parameters.get("name", "")), name, "filename" in parameters


def spliced(body: bytes, parts: Sequence[Part], texts: Mapping[int, str], boundary: bytes) -> bytes:
    """``body`` with new texts in the parts of these numbers; all else keeps its bytes. Raises Unparsed."""
    out: list[bytes] = []
    at = 0
    for number, part in enumerate(parts):
        if number not in texts:
            continue
        new = texts[number].encode("utf-8", "surrogatepass")
        if b"--" + boundary in new:
            raise Unparsed("multipart: a new text that holds the boundary")
        out += (body[at : part.start], new)
        at = part.end
    return b"".join((*out, body[at:]))
