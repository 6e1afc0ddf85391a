"""Messages of Gemini's live interface: JSON, mostly in frames of bytes, one member a message telling what it is."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Usage
from weir.providers.formats.gemini_generate import GeminiGenerate, gemini_error, gemini_usage, instructed, short_model
from weir.providers.replies.frames import Frames, Turn
from weir.providers.replies.frames_web import web_frames
from weir.providers.replies.notes import Events, Notes, Place, Step, consistent
from weir.providers.replies.texts import texts_in
from weir.providers.wire.framing import compact
from weir.providers.wire.values import JsonObject, get_list, get_object, get_text, skeleton
from weir.providers.wire.words import plausible_model

__all__ = ["GeminiFrames", "frames_of"]

_TURNS_MAX: Final = 10_000
_LIVE: Final = "bidigeneratecontent"
_NO_TEXT: Final = frozenset({"inlineData", "fileData", "thoughtSignature", "id", "name", "languageCode"})
_SPOKEN: Final = {"inputTranscription": "input", "outputTranscription": "output", "interimInputTranscription": "heard"}
_CONTENT: Final = "/serverContent"


def frames_of(endpoint: Endpoint) -> Frames:
    """The dialect of a socket's messages, by the path that opened it."""
    return GeminiFrames() if _LIVE in endpoint.path_template.lower() else web_frames(endpoint)


class GeminiFrames(Frames):
    """``setup``, ``clientContent``, ``realtimeInput`` and ``toolResponse``; ``serverContent``, ``toolCall``, usage."""

    id = "gemini_frames"
    sections: ClassVar = {
        **GeminiGenerate.sections,
        "clientContent": "user",
        "client_content": "user",
        "realtimeInput": "user",
        "realtime_input": "user",
        "toolResponse": "tool",
        "tool_response": "tool",
        "serverContent": "assistant",
        "toolCall": "assistant",
    }
    types: ClassVar = {}
    members: ClassVar = {**GeminiGenerate.members, "tools": "tool_definition", "inputTranscription": "user"}
    scalars: ClassVar = GeminiGenerate.scalars

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; a session is set up one level down."""
        exchange = super().read(document, endpoint)
        setup = get_object(document, "setup")
        named = plausible_model(get_text(setup, "model"))
        segments = instructed(exchange.segments)
        exchange = replace(exchange, model=short_model(exchange.model or named), segments=segments)
        if get_text(get_object(setup, "sessionResumption"), "handle"):
            reason = "; ".join(filter(None, (exchange.reason, "earlier turns kept by the provider")))
            return replace(exchange, inspection=Inspection.PARTIAL, reason=reason)
        return exchange

    def tools(self, document: JsonObject) -> tuple[str, ...]:
        """Tools of a session, which its setup offers."""
        return tuple(GeminiGenerate().tools(get_object(document, "setup") or document))

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of a session."""
        return GeminiGenerate().parameters(get_object(document, "setup"))

    def events(self, exchange: Exchange) -> Events:
        """How the messages of the server are read."""
        return _LiveEvents()

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The last message before the socket is closed. The interface has none for errors: clients pass it over."""
        return compact({"error": gemini_error(403, self.say(message, rule_id), rule_id)})


class _LiveEvents:
    """A socket has many generations, and their usage adds up; within one a later count replaces an earlier one.

    Usage may come before what ends a generation, with it, or after it.
    """

    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self) -> None:
        self._before = Usage()  # of all generations that are over
        self._now: Usage | None = None
        self._over = False  # the generation has ended, but what it used is not known yet
        self._finish = ""
        self.turns: list[Turn] = []
        self._calls = 0
        self._told = self._chars = 0  # tool calls, and characters, of the generations that are over

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        content = get_object(doc, "serverContent")
        if self._over and ("modelTurn" in content or "toolCall" in doc):
            self._end(notes)
        said = gemini_usage(doc.get("usageMetadata"))
        self._now = self._now if said is None else consistent(said)
        if self._now is not None:
            notes.usage = self._before.plus(self._now)
        self._tool_calls(doc, notes)
        over = content.get("turnComplete") is True or content.get("interrupted") is True or "toolCall" in doc
        self._over = self._over or over
        if "toolCall" in doc:
            self._finish = "tool_call"
        if not content:
            if self._over and self._now is not None:
                self._end(notes)
            return Step(wholes=(("", doc),))
        places = self._places(content, notes)
        done = over or content.get("generationComplete") is True
        if done:
            word = "interrupted" if content.get("interrupted") is True else get_text(content, "turnCompleteReason")
            self._finish = word or "turn_complete"
            notes.name(finish_reason=self._finish)
            notes.complete = True
        if self._over and self._now is not None:
            self._end(notes)
        taken = {"modelTurn", *_SPOKEN}
        others = [(f"{_CONTENT}/{key}", value) for key, value in content.items() if key not in taken]
        return Step(places, ends=("",) if done else self._ends(places), wholes=others)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.keep_all(self.event("", doc, notes).places)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, frozenset({"role", "thought"}))
        return cut if isinstance(cut, dict) else doc

    @staticmethod
    def _places(content: JsonObject, notes: Notes) -> list[Place]:
        places: list[Place] = []
        for at, part in notes.each(get_list(get_object(content, "modelTurn"), "parts")):
            pointer = f"{_CONTENT}/modelTurn/parts/{at}"
            for found in texts_in(part, pointer, "", _NO_TEXT, notes.room):
                thought = isinstance(part, dict) and part.get("thought") is True
                channel = "thought" if thought else "text" if found.name == "text" else f"other{found.channel}"
                places.append(Place(found.pointer, channel, found.text))
            if get_object(part, "inlineData"):
                notes.mark(Inspection.PARTIAL, "audio")
        for member, channel in _SPOKEN.items():
            if text := get_text(get_object(content, member), "text"):
                # What the user said is no text of the model's.
                places.append(Place(f"{_CONTENT}/{member}/text", channel, text, kept=channel == "output"))
        return places

    @staticmethod
    def _ends(places: list[Place]) -> tuple[str, ...]:
        """Thoughts and answer follow each other: what is held back of the one goes before the other."""
        now = {place.channel for place in places}
        if "text" in now:
            return ("thought",)
        return ("text",) if "thought" in now else ()

    def _tool_calls(self, doc: JsonObject, notes: Notes) -> None:
        for _, call in notes.each(get_list(get_object(doc, "toolCall"), "functionCalls")):
            self._calls += 1
            notes.call(str(self._calls), get_text(call, "id"), get_text(call, "name"))
            notes.argue(str(self._calls), get_object(call, "args"))

    def _end(self, notes: Notes) -> None:
        """A generation is over; what it used is known, or was never told."""
        reply = notes.reply()
        if len(self.turns) < _TURNS_MAX:
            calls, text = reply.tool_calls[self._told :], reply.text[self._chars :]
            said = reply.arguments[self._told :]
            self.turns.append(Turn("", "", self._finish, self._now, calls, text=text, arguments=said))
        self._told, self._chars = len(reply.tool_calls), len(reply.text)
        self._before = self._before.plus(self._now or Usage(source=self._before.source))
        self._now, self._over, self._finish = None, False, ""
