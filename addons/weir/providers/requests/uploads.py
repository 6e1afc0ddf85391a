"""Requests that carry files: forms, bodies that are one file, and the JSON that comes before or after them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Self

from weir.model import Attachment, Endpoint, Exchange, Inspection, Segment, Unparsed
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.openai_chat import openai_usage
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.requests.walk import KEY_SUFFIX, REST
from weir.providers.wire.multipart import Part, boundary_of, parts_of, spliced
from weir.providers.wire.values import JsonObject, get_text, skeleton, token
from weir.providers.wire.words import SHORT, is_plain_word, plausible_model

__all__ = ["PIECE", "Upload"]

PIECE: Final = "part of a larger file"
_USER: Final = frozenset({"prompt", "instructions", "text", "input"})
_TEXT_TYPES: Final = ("", "text/plain", "application/json")
_ON_THE_WAY: Final = frozenset({"type", "index"})


class Upload(BaseDialect):
    """Files for a provider, whose own shapes of an error come from the dialect of its ``family``.

    As it stands it reads JSON. What the headers of a request say of its body makes another one of it, see `bound`.
    """

    sections: ClassVar = {"prompt": "user", "instructions": "user", "input": "user"}

    def __init__(self, dialect_id: str, family: BaseDialect, *, raw: bool = False) -> None:
        self.id = dialect_id
        self._family = family
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
        segments, attachments, fields = self._read(body)
        return Exchange(
            endpoint=endpoint,
            model=plausible_model(endpoint.model) or plausible_model(fields.get("model", "")),
            stream=endpoint.stream or fields.get("stream", "").lower() in ("true", "1"),
            segments=tuple(segments),
            attachments=tuple(attachments),
            inspection=marks,
            reason=piece,
        )

    def _read(self, body: bytes) -> tuple[list[Segment], list[Attachment], dict[str, str]]:
        segments: list[Segment] = []
        attachments: list[Attachment] = []
        fields: dict[str, str] = {}
        words: dict[str, None] = {}
        for pointer, part in self._parts(body):
            words |= dict.fromkeys((part.field, part.media_type, *part.words))
            data = body[part.start : part.end]
            text = _field_text(part, data) if self._form == "form-data" else None
            role = "user" if part.field in _USER else "parameter"
            if text is None:
                attachments.append(Attachment(pointer, data, part.name, part.media_type))
            elif text:
                if part.field in ("model", "stream"):
                    if part.field in fields:
                        raise Unparsed(f"multipart: {part.field} given twice")
                    fields[part.field] = text
                named = part.field == "model" and plausible_model(text)
                segments.append(Segment(pointer + (KEY_SUFFIX if named else ""), role, text))
        rest = "\n".join(word for word in words if len(word) >= SHORT and not is_plain_word(word))
        if rest:
            segments.append(Segment(REST, "parameter", rest))
        return segments, attachments, fields

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
        if not texts.keys() <= numbers.keys():
            raise Unparsed("no field of the form")
        changed = {numbers[pointer]: text for pointer, text in texts.items()}
        return spliced(body, [part for _, part in parts], changed, self._boundary)

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read."""
        return _UploadEvents()

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """The error body of the family."""
        return self._family.refusal(status, message, rule_id)

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


class _UploadEvents:
    """Transcripts, plain or streamed; of everything else the model, the id and the usage."""

    array = False
    end_marks: frozenset[bytes] = frozenset({b"[DONE]"})

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "type") or name
        if kind == "transcript.text.delta":
            delta = get_text(doc, "delta")
            return Step((Place("/delta", "transcript", delta),)) if delta else NO_STEP
        notes.usage = openai_usage(doc.get("usage")) or notes.usage
        if kind.endswith((".done", ".completed")):
            notes.complete = True
            return Step(ends=("",), wholes=(("", doc),))
        return NO_STEP if "partial_image" in kind else Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id"))
        notes.name(finish_reason="error" if doc.get("error") else "")
        notes.usage = openai_usage(doc.get("usage")) or notes.usage
        notes.keep(get_text(doc, "text"))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc
