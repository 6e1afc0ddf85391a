"""The texts of one event, and their form as bytes: what is encrypted.

Every text comes back exactly as it was, whatever it holds: lone surrogates, NULs, nothing at all. That is why this is
not JSON, whose reader joins two lone surrogates into one character.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = [
    "CALL", "REPLY", "REQUEST", "BadParts", "CalledTool", "Content", "Part", "Text", "bounded", "content_of",
    "parts_of", "struck",
]  # fmt: skip

REQUEST, REPLY, CALL = 1, 2, 3  # kinds of part
CALLS_MAX = 60_000
_LENGTH = struct.Struct(">I")


class BadParts(ValueError):
    """Bytes that are no part. The message never quotes them."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a request: where it stood (JSON pointer) and whose it is (user, system, assistant, tool …)."""

    role: str
    text: str = field(repr=False)
    pointer: str = ""
    frame: int = 0


@dataclass(frozen=True, slots=True)
class CalledTool:
    """A tool call that the model asked for, with its arguments as the model wrote them (usually JSON)."""

    name: str
    arguments: str = field(repr=False)
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """The texts of one event. ``cut``: characters that were left out because there were too many."""

    segments: tuple[Text, ...] = ()
    reply: str = field(default="", repr=False)
    calls: tuple[CalledTool, ...] = ()
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """What is encrypted by itself: the request, the reply, or tool call number ``ord``."""

    kind: int
    ord: int
    data: bytes = field(repr=False)


def parts_of(content: Content) -> list[Part]:
    """The parts of a content; none for one that is empty. Raises ValueError for more than 60,000 tool calls."""
    if len(content.calls) > CALLS_MAX:
        raise ValueError(f"an event has at most {CALLS_MAX} tool calls")
    parts = []
    if content.segments or content.cut:
        flat = [str(content.cut)]
        for one in content.segments:
            flat += (one.role, one.pointer, str(one.frame), one.text)
        parts.append(Part(REQUEST, 0, _pack(flat)))
    if content.reply:
        parts.append(Part(REPLY, 0, _pack([content.reply])))
    for number, call in enumerate(content.calls):
        parts.append(Part(CALL, number, _pack([call.name, call.call_id, call.arguments])))
    return parts


def content_of(parts: Iterable[Part]) -> Content:
    """The content that these parts were made of. Raises BadParts."""
    segments: tuple[Text, ...] = ()
    reply, cut = "", 0
    calls: dict[int, CalledTool] = {}
    for part in parts:
        texts = _unpack(part.data)
        try:
            if part.kind == REQUEST:
                cut, rest = int(texts[0]), texts[1:]
                rows = zip(rest[::4], rest[1::4], rest[2::4], rest[3::4], strict=True)
                segments = tuple(Text(role, text, pointer, int(frame)) for role, pointer, frame, text in rows)
            elif part.kind == REPLY:
                (reply,) = texts
            elif part.kind == CALL:
                name, call_id, arguments = texts
                calls[part.ord] = CalledTool(name, arguments, call_id)
            else:
                raise BadParts("a part of a kind that is not known")
        except (ValueError, IndexError) as error:
            raise error if isinstance(error, BadParts) else BadParts("a part without its texts") from None
    return Content(segments, reply, tuple(calls[number] for number in sorted(calls)), cut)


def bounded(content: Content, bytes_max: int) -> Content:
    """The content with at most ``bytes_max`` bytes (UTF-8) of text, ``cut`` saying how many characters are gone.

    A conversation is sent anew with every turn, so what is oldest is known from earlier events and goes first: of the
    request's texts those at its beginning, after them the reply's and the calls' ends.
    """
    if _size(content) <= bytes_max:
        return content
    left, cut = bytes_max, content.cut
    calls = []
    for call in content.calls:
        arguments, left, gone = _fit(call.arguments, left)
        calls.append(CalledTool(call.name, arguments, call.call_id))
        cut += gone
    reply, left, gone = _fit(content.reply, left)
    cut += gone
    kept = []
    for one in reversed(content.segments):
        text, left, gone = _fit(one.text, left)
        cut += gone
        if text or not one.text:
            kept.append(Text(one.role, text, one.pointer, one.frame))
    return Content(tuple(reversed(kept)), reply, tuple(calls), cut)


def struck(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    """``text`` with each (start, end, name) replaced by ``[name]``: a credential is kept nowhere, encrypted or not.

    Spans may overlap; what several cover is named by the one that begins first.
    """
    out: list[str] = []
    at = 0
    for start, end, name in sorted(spans):
        if end <= at:
            continue
        if start >= at:
            out += (text[at:start], f"[{name}]")
        at = end
    return "".join((*out, text[at:]))


def _size(content: Content) -> int:
    texts = [one.text for one in content.segments] + [content.reply] + [call.arguments for call in content.calls]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _fit(text: str, room: int) -> tuple[str, int, int]:
    """The beginning of ``text`` that fits, the room left, and how many characters are gone."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= room:
        return text, room - len(data), 0
    end = room
    while end and data[end] & 0xC0 == 0x80:  # not in the middle of a character
        end -= 1
    kept = data[:end].decode("utf-8", "surrogatepass")
    return kept, 0, len(text) - len(kept)


def _pack(texts: Iterable[str]) -> bytes:
    out: list[bytes] = []
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        out += (_LENGTH.pack(len(data)), data)
    return b"".join(out)


def _unpack(data: bytes) -> list[str]:
    texts, at = [], 0
    try:
        while at < len(data):
            (length,) = _LENGTH.unpack_from(data, at)
            end = at + _LENGTH.size + length
            if end > len(data):
                raise BadParts("a part that ends too early")
            texts.append(data[at + _LENGTH.size : end].decode("utf-8", "surrogatepass"))
            at = end
    except (struct.error, UnicodeDecodeError):
        raise BadParts("a part that can't be read") from None
    return texts
