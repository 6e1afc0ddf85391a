"""OpenAI chat completions and legacy completions, as most other providers speak them too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Unparsed, Usage
from weir.providers.formats.base import BaseDialect
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.texts import Text, texts_in
from weir.providers.wire.jsondoc import loads, splice_set
from weir.providers.wire.pointers import Room
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text, skeleton

__all__ = ["OpenAIChat", "openai_usage", "token_ids"]

_NO_TEXT: Final = frozenset(
    {
        "role",
        "id",
        "type",
        "name",
        "format",
        "signature",
        "encrypted_content",
        "data",
        "annotations",
        "index",
        "expires_at",
        "thoughtSignature",
    }
)
_TOP: Final = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier", "provider"})
_ON_THE_WAY: Final = frozenset({"index", "type"})
_RUNNING_MAX: Final = 1024
# Where the details of the counts stand: in chat completions, in responses, in realtime and audio.
_ASKED: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_GIVEN: Final = ("completion_tokens_details", "output_tokens_details", "output_token_details")
_TIERS: Final = frozenset({"flex", "priority", "fast", "scale", "batch"})  # default and auto are the usual price
_SECONDS_MAX: Final = 10_000_000


class OpenAIChat(BaseDialect):
    """``/v1/chat/completions`` and ``/v1/completions``."""

    id = "openai_chat"
    sections: ClassVar = {
        "messages": "user",
        "prompt": "user",
        "suffix": "user",
        "prediction": "assistant",
        "tools": "tool_definition",
        "functions": "tool_definition",
    }
    scalars: ClassVar = {
        "max_tokens": "max_tokens",
        "max_completion_tokens": "max_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "n": "n",
        "best_of": "best_of",
        "seed": "seed",
        "stream": "stream",
        "store": "store",
        "logprobs": "logprobs",
        "echo": "echo",
        "parallel_tool_calls": "parallel_tool_calls",
        "reasoning_effort": "reasoning_effort",
        "service_tier": "service_tier",
    }

    def __init__(self, usage_always: frozenset[str] = frozenset()) -> None:
        self._usage_always = usage_always

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """A prompt may be given as token ids."""
        yield token_ids(document.get("prompt"))

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Names of tools, and of functions in the older form."""
        yield from super().tools(document)
        for function in get_list(document, "functions"):
            if name := get_text(function, "name"):
                yield name

    def reports_usage(self, document: JsonObject, endpoint: Endpoint, stream: bool) -> bool:
        """Streams report usage only when asked, except with some providers."""
        asked = get_object(document, "stream_options").get("include_usage") is True
        return not stream or asked or endpoint.service in self._usage_always

    def ask_usage(self, body: bytes) -> bytes | None:
        """``body`` with ``stream_options.include_usage`` on; None when it does not stream or asks already.

        Raises Unparsed when the body is not a JSON object.
        """
        document = loads(body)
        if not isinstance(document, dict):
            raise Unparsed("not a JSON object")
        options = get_object(document, "stream_options")
        if document.get("stream") is not True or options.get("include_usage") is True:
            return None
        return splice_set(body, "stream_options", {**options, "include_usage": True})

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _ChatEvents()


def token_ids(value: Json) -> str:
    """The reason when a text is given as token ids, alone or in a list of such texts; else ``""``."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, list):
        first = first[0] if first else None
    return "text given as token ids" if isinstance(first, int) and not isinstance(first, bool) else ""


def openai_usage(usage: Json, tier: str = "") -> Usage | None:
    """OpenAI's usage object, in the names of chat completions, responses, realtime or audio; None when it is none.

    ``tier`` is the ``service_tier`` that the reply names.
    """
    if not isinstance(usage, dict):
        return None
    if get_text(usage, "type") == "duration":
        return _seconds(usage.get("seconds"))
    if not any(k in usage for k in ("prompt_tokens", "input_tokens", "total_tokens")):
        return None
    asked, given = _first_object(usage, _ASKED), _first_object(usage, _GIVEN)
    return Usage(
        input_tokens=get_count(usage, "prompt_tokens", "input_tokens"),
        output_tokens=get_count(usage, "completion_tokens", "output_tokens"),
        cache_read_tokens=get_count(asked, "cached_tokens") or get_count(usage, "prompt_cache_hit_tokens"),
        cache_write_tokens=get_count(asked, "cache_write_tokens"),
        reasoning_tokens=get_count(given, "reasoning_tokens") or get_count(usage, "reasoning_tokens"),
        source="reported",
        parts=_parts(asked, given),
        tier=tier if tier in _TIERS else "",
    )


def _first_object(usage: JsonObject, names: tuple[str, ...]) -> JsonObject:
    return next((found for name in names if (found := get_object(usage, name))), {})


def _parts(asked: JsonObject, given: JsonObject) -> tuple[tuple[str, int], ...]:
    """Sound and pictures among the tokens: they have prices of their own."""
    cached = get_object(asked, "cached_tokens_details")
    named = (
        ("input_audio_tokens", get_count(asked, "audio_tokens")),
        ("input_image_tokens", get_count(asked, "image_tokens")),
        ("cache_audio_read_tokens", get_count(cached, "audio_tokens")),
        ("cache_image_read_tokens", get_count(cached, "image_tokens")),
        ("output_audio_tokens", get_count(given, "audio_tokens")),
        ("output_image_tokens", get_count(given, "image_tokens")),
    )
    return tuple((name, count) for name, count in named if count)


def _seconds(seconds: Json) -> Usage | None:
    """Sound that is paid by its length and has no tokens."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < _SECONDS_MAX:
        return None
    return Usage(source="reported", parts=(("audio_ms", round(seconds * 1000)),))


class _ChatEvents:
    steady = True  # see runs.py
    array = False
    end_marks = frozenset({b"[DONE]"})

    def __init__(self) -> None:
        # Text channels of each choice that may still hold something back.
        self._running: dict[str, set[str]] = {}

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self._head(doc, notes)
        if doc.get("error"):
            notes.name(finish_reason="error")
            return Step(ends=("",), wholes=(("", doc),))
        choices = doc.get("choices")
        if isinstance(choices, list) and not choices:
            return Step(usage_only=isinstance(doc.get("usage"), dict))
        places: list[Place] = []
        ends: list[str] = []
        for at, choice in notes.each(get_list(doc, "choices")):
            index = _choice_index(choice, at)
            found = list(_places(choice, f"/choices/{at}", index, notes.room))
            places += found
            _calls(choice, index, notes)
            finish = get_text(choice, "finish_reason")
            notes.name(finish_reason=finish)
            ends += self._ended(index, found, bool(finish))
        return Step(places, ends)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._head(doc, notes)
        if doc.get("error"):
            notes.name(finish_reason="error")
        for at, choice in notes.each(get_list(doc, "choices")):
            index = _choice_index(choice, at)
            notes.keep_all(list(_places(choice, f"/choices/{at}", index, notes.room)))
            _calls(choice, index, notes)
            notes.name(finish_reason=get_text(choice, "finish_reason"))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        choices = get_list(cut, "choices")
        for choice in choices:
            if isinstance(choice, dict):
                choice["finish_reason"] = None
        return {**{key: value for key, value in doc.items() if key in _TOP}, "choices": choices}

    @staticmethod
    def _head(doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id"))
        tier = get_text(doc, "service_tier")
        usage = openai_usage(doc.get("usage"), tier) or openai_usage(get_object(doc, "x_groq").get("usage"))
        notes.usage = usage or notes.usage

    def _ended(self, index: str, found: list[Place], finished: bool) -> list[str]:
        """Channels of a choice that end: all when it is finished, a text when another part of the choice goes on."""
        if finished:
            self._running.pop(index, None)
            return [f"{index}."]
        now = {place.channel for place in found}
        if not now:
            return []
        before = self._running.pop(index, set())
        if len(self._running) < _RUNNING_MAX:
            # Parallel tool calls may take turns; texts don't.
            self._running[index] = {channel for channel in now if ".tool_calls." not in channel}
        return sorted(before - now)


def _choice_index(choice: Json, at: int) -> str:
    stated = choice.get("index") if isinstance(choice, dict) else None
    return str(stated if type(stated) is int else at)  # true is no place, though it equals 1


def _places(choice: Json, pointer: str, index: str, room: Room) -> Iterator[Place]:
    for member in ("delta", "message"):
        for text in texts_in(get_object(choice, member), f"{pointer}/{member}", f"{index}.", _NO_TEXT, room):
            kept = ".reasoning_details." not in text.channel
            inner = text.name == "arguments"
            yield Place(text.pointer, text.channel, text.text, inner, kept, _call_of(text, index))
    if legacy := get_text(choice, "text"):
        yield Place(f"{pointer}/text", f"{index}..text", legacy)


def _call_of(text: Text, index: str) -> str:
    """The key of the tool call whose arguments ``text`` is; "" when it is none, see `_calls`."""
    if text.name not in ("arguments", "input"):
        return ""
    _, found, after = text.channel.partition(".tool_calls.")
    if found:
        return f"{index}.{after.partition('.')[0]}"
    return f"{index}.function" if ".function_call." in text.channel else ""


def _calls(choice: Json, index: str, notes: Notes) -> None:
    for member in ("delta", "message"):
        said = get_object(choice, member)
        for at, call in notes.each(get_list(said, "tool_calls")):
            stated = call.get("index") if isinstance(call, dict) else None
            function = get_object(call, "function") or get_object(call, "custom")
            key = f"{index}.{stated if isinstance(stated, int) else at}"
            notes.call(key, get_text(call, "id"), get_text(function, "name"))
        notes.call(f"{index}.function", "", get_text(get_object(said, "function_call"), "name"))
