"""Google's ``predict`` and ``predictLongRunning``: pictures, films, vectors and custom models, by instances."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from weir.model import Exchange, Inspection, Usage
from weir.providers.formats.base import scalars_of
from weir.providers.formats.gemini_generate import GeminiGenerate, gemini_usage
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text

__all__ = ["GeminiPredict"]

# Pictures and films in base64, vectors, and what says how they were made.
_NO_TEXT: Final = frozenset(
    {"bytesBase64Encoded", "encodedVideo", "embeddings", "values", "mimeType", "gcsUri", "uri", "name", "@type"}
    | {"id", "role", "finish_reason", "deployedModelId", "model", "modelDisplayName", "modelVersionId"}
)
_MEDIA: Final = {"bytesBase64Encoded": "image", "encodedVideo": "video", "uri": "remote file", "gcsUri": "remote file"}


class GeminiPredict(GeminiGenerate):
    """``models/{model}:predict`` and ``:predictLongRunning``, on either of Google's hosts."""

    id = "gemini_predict"
    sections: ClassVar = {"instances": "user", "parameters": "parameter"}
    members: ClassVar = {"systemInstruction": "system", "context": "system"}
    scalars: ClassVar = {
        "sampleCount": "n",
        "maxOutputTokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "topK": "top_k",
        "seed": "seed",
        "aspectRatio": "aspect_ratio",
        "durationSeconds": "seconds",
        "outputDimensionality": "dimensions",
    }

    def tools(self, document: JsonObject) -> Iterable[str]:
        """None: nothing is called here."""
        return ()

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of ``parameters``."""
        return scalars_of(get_object(document, "parameters"), self.scalars)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _PredictEvents()


class _PredictEvents:
    array = True
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self.whole(doc, notes)
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(response_id=get_text(doc, "name"), finish_reason="error" if doc.get("error") else "")
        answer = get_object(doc, "response") or doc
        # Long-running work ends in a list of its own, or in one more object about it.
        made = get_object(answer, "generateVideoResponse") or answer
        things = get_list(made, "predictions") or get_list(made, "generatedSamples") or get_list(made, "videos")
        for _, thing in notes.each(things):
            self._media(thing, notes)
            for found in texts_in(thing, "", "", _NO_TEXT, notes.room):
                notes.keep(found.text)
        notes.usage = gemini_usage(doc.get("usageMetadata")) or _counted(answer) or notes.usage

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc

    @staticmethod
    def _media(thing: Json, notes: Notes) -> None:
        holders = [thing, get_object(thing, "video")]
        for name, what in _MEDIA.items():
            if any(get_text(holder, name) for holder in holders):
                notes.mark(Inspection.PARTIAL, what)


def _counted(answer: JsonObject) -> Usage | None:
    """Tokens that vectors, or text models in the older form, say they took."""
    asked = sum(
        get_count(get_object(get_object(thing, "embeddings"), "statistics"), "token_count")
        for thing in get_list(answer, "predictions")[:10_000]
    )
    counts = get_object(get_object(answer, "metadata"), "tokenMetadata")
    asked = asked or get_count(get_object(counts, "inputTokenCount"), "totalTokens")
    given = get_count(get_object(counts, "outputTokenCount"), "totalTokens")
    return Usage(input_tokens=asked, output_tokens=given, source="reported") if asked or given else None
