"""Requests that carry files: forms, bodies that are one file, and the JSON that comes before or after them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Self

from weir.model import Attachment, Endpoint, Exchange, Inspection, Segment, Unparsed
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.openai_chat import openai_usage
from weir.providers.formats.openai_images import ImageEvents
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.replies.results import TextReader
from weir.providers.requests.batchlines import BatchLines, Lines, looks_like_batch
from weir.providers.requests.walk import KEY_SUFFIX, REST
from weir.providers.wire.multipart import Part, boundary_of, parts_of, spliced
from weir.providers.wire.values import JsonObject, get_text, skeleton, token
from weir.providers.wire.words import SHORT, is_plain_word, plausible_model

__all__ = ["PIECE", "Upload"]

PIECE: Final = "part of a larger file"
_USER: Final = frozenset({"prompt", "negative_prompt", "instructions", "text", "input"})
_NAMED: Final = ("purpose", "response_format")
_PLAIN: Final = re.compile(r"[a-z]{1,12}(?:_[a-z]{1,12})?")
_TEXT_TYPES: Final = ("", "text/plain", "application/json")
_ON_THE_WAY: Final = frozenset({"type", "index"})


class Upload(BaseDialect):
    """Files for a provider, whose own shapes of an error come from the dialect of its ``family``.

    As it stands it reads JSON. What the headers of a request say of its body makes another one of it, see `bound`.
    """

    sections: ClassVar = {"prompt": "user", "instructions": "user", "input": "user"}

    def __init__(
        self, dialect_id: str, family: BaseDialect, *, raw: bool = False, lines: BatchLines | None = None
    ) -> None:
        self.id = dialect_id
        self._family = family
        self._lines = lines  # reads files of requests
        self._raw_allowed = raw  # a body that is no form may be a file as it is
        self._form = ""  # subtype of a multipart body
        self._boundary = b""
        self._raw = False
        self._media_type = ""
        self._piece = False
        self._why = ""
        self._name = ""

    def bound(self, headers: Sequence[tuple[str, str]]) -> Self:
        """The same dialect for the body that these request headers announce. Does not raise: `parse` will."""
        found: dict[str, list[str]] = {}
        for name, value in headers:
            found.setdefault(name.lower(), []).append(value)
        one = copy.copy(self)
        types = found.get("content-type", [])
        try:
            multipart = boundary_of(types)
        except Unparsed as error:
            one._why = str(error)
            return one
        one._media_type = types[0] if len(types) == 1 else ""
        if multipart is not None:
            one._form, one._boundary = multipart
        else:
            one._raw = self._raw_allowed
        one._name = "\n".join(found.get("x-goog-upload-file-name", []))
        command = ",".join(found.get("x-goog-upload-command", [])).lower()
        offset = ",".join(found.get("x-goog-upload-offset", ["0"])).strip()
        one._piece = "upload" in command and ("finalize" not in command or offset != "0")
        return one

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """Read a decoded request body. Raises Unparsed, and nothing else, whatever the bytes."""
        if self._why:
            raise Unparsed(self._why)
        # A file in pieces can only be read piece by piece, and what a piece shows may be less than the file does.
        piece = PIECE if self._piece or endpoint.path_template.endswith("/parts") else ""
        marks = Inspection.PARTIAL if piece else Inspection.INSPECTED
        if self._raw:
            whole = Attachment("", body, self._name, self._media_type)
            return Exchange(endpoint, plausible_model(endpoint.model), False, (), (whole,), (), {}, marks, piece)
        if not self._form:
            return super().parse(body, endpoint)
        segments, attachments, fields, batch = self._read(body)
        named = plausible_model(fields.get("model", "")) or (next(iter(batch.models), "") if batch else "")
        reasons = tuple(filter(None, (piece, *(batch.reasons if batch else ()))))
        return Exchange(
            endpoint=endpoint,
            model=plausible_model(endpoint.model) or named,
            stream=endpoint.stream or fields.get("stream", "").lower() in ("true", "1"),
            segments=tuple(segments),
            attachments=tuple(attachments),
            tools=batch.tools if batch else (),
            parameters={
                name: fields[name] for name in ("response_format", "purpose") if is_plain_word(fields.get(name, ""))
            },
            inspection=Inspection.PARTIAL if reasons else marks,
            reason="; ".join(reasons),
        )

    def _batch(self, place: str, parts: Sequence[tuple[str, Part]], body: bytes) -> Lines | None:
        """The requests in the file at ``place``; None when it is another file. Raises Unparsed."""
        if self._lines is None:
            return None
        files = {pointer: part for pointer, part in parts if part.file}
        part = files.get(place)
        if part is None:
            return None
        data = body[part.start : part.end]
        meant = any(p.field == "purpose" and body[p.start : p.end].strip().lower() == b"batch" for _, p in parts)
        if not meant and not looks_like_batch(data):
            return None
        try:
            found = self._lines.read(data, place)
        except Unparsed:
            if meant:
                raise
            return None
        if len(found.models) > 1:
            raise Unparsed("batch: several models in one file")
        return found

    def _read(self, body: bytes) -> tuple[list[Segment], list[Attachment], dict[str, str], Lines | None]:
        segments: list[Segment] = []
        attachments: list[Attachment] = []
        fields: dict[str, str] = {}
        words: dict[str, None] = {}
        batch: Lines | None = None
        parts = self._parts(body)
        for pointer, part in parts:
            words |= dict.fromkeys((part.field, part.media_type, *part.words))
            data = body[part.start : part.end]
            text = _field_text(part, data) if self._form == "form-data" else None
            role = "user" if part.field in _USER else "parameter"
            if text is None and (lines := self._batch(pointer, parts, body)) is not None:
                if batch is not None:
                    raise Unparsed("batch: several files of requests")
                batch = lines
                segments += lines.segments
                attachments += lines.attachments
                words |= dict.fromkeys((part.name,))
            elif text is None:
                attachments.append(Attachment(pointer, data, part.name, part.media_type))
            elif text:
                if part.field in ("model", "stream", "purpose", "response_format"):
                    if part.field in fields:
                        raise Unparsed(f"multipart: {part.field} given twice")
                    fields[part.field] = text
                named = part.field == "model" and plausible_model(text)
                segments.append(Segment(pointer + (KEY_SUFFIX if named else ""), role, text))
        rest = "\n".join(word for word in words if len(word) >= SHORT and not is_plain_word(word))
        if rest:
            segments.append(Segment(REST, "parameter", rest))
        return segments, attachments, fields, batch

    def _parts(self, body: bytes) -> list[tuple[str, Part]]:
        """Each part with its pointer: its field's name and which one of that name it is."""
        counts: dict[str, int] = {}
        out: list[tuple[str, Part]] = []
        for part in parts_of(body, self._boundary, form=self._form == "form-data"):
            at = counts[part.field] = counts.get(part.field, -1) + 1
            out.append((f"/{token(part.field)}/{at}", part))
        return out

    def replace(self, body: bytes, texts: Mapping[str, str]) -> bytes:
        """Set the fields at the given pointers; every other byte stays. Raises Unparsed when one can't be set."""
        if not self._form:
            return super().replace(body, texts)
        parts = self._parts(body)
        numbers = {pointer: number for number, (pointer, part) in enumerate(parts) if not part.file}
        changed = {numbers[pointer]: text for pointer, text in texts.items() if pointer in numbers}
        left = {pointer: text for pointer, text in texts.items() if pointer not in numbers}
        for number, (place, part) in enumerate(parts):
            inside = {p.removeprefix(place): text for p, text in left.items() if p.startswith(f"{place}/")}
            if inside and part.file and self._lines is not None:
                changed[number] = BatchLines.replace(body[part.start : part.end], inside).decode()
                left = {p: text for p, text in left.items() if not p.startswith(f"{place}/")}
        if left:
            raise Unparsed("no field of the form")
        return spliced(body, [part for _, part in parts], changed, self._boundary)

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read."""
        return _UploadEvents()

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for the reply, which may be plain text: transcripts come as such, or as subtitles."""
        return TextReader(self.events(exchange), content_type, exchange.stream, text)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """The error body of the family."""
        return self._family.refusal(status, message, rule_id)

    def refusal_headers(self, status: int) -> Mapping[str, str]:
        """Those of the family; where pieces are sent, that this upload is over: Google's SDK tries again without."""
        own = {"x-goog-upload-status": "final"} if self._raw_allowed else {}
        return {**self._family.refusal_headers(status), **own}

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The error event of the family."""
        return self._family.abort_event(message, rule_id)


def _field_text(part: Part, data: bytes) -> str | None:
    """The text of a form's field; None when it is a file."""
    if part.file or part.media_type.partition(";")[0].strip().lower() not in _TEXT_TYPES:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


class _UploadEvents(ImageEvents):
    """Transcripts, plain or streamed, and pictures; of everything else the model, the id and the usage."""

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "type") or name
        if kind == "transcript.text.delta":
            delta = get_text(doc, "delta")
            return Step((Place("/delta", "transcript", delta),)) if delta else NO_STEP
        return super().event(name, doc, notes)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        super().whole(doc, notes)
        notes.name(response_id=get_text(doc, "id"))
        notes.keep(get_text(doc, "text"))
        if notes.usage is None and "duration" in doc and get_text(doc, "task"):
            # As it was before there was a usage: what is said of the sound is its length.
            notes.usage = openai_usage({"type": "duration", "seconds": doc["duration"]})

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc
