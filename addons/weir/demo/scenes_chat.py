"""Scenes of traffic that nothing is wrong with: plain and streamed chats through each SDK."""

from __future__ import annotations

from contextlib import closing

from weir.demo.clients import Sdk
from weir.demo.scenes_model import Cast, Row, Scene, need, only, reply_to

__all__ = ["CLEAN", "QUESTION", "STREAMED"]

QUESTION = "Why does a weir have a fish ladder?"
HOSTS = ("api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com")
_ROWS = tuple(Row(host, read=QUESTION) for host in HOSTS)


def clean(cast: Cast) -> str:
    """Ask through each SDK; the provider must have read the question, the client must have its answer."""
    for sdk in cast.sdks:
        mark = cast.upstream.mark()
        said = sdk.chat(cast.key, QUESTION)
        came = only(cast.upstream.arrived(mark), sdk.name)
        need(came.holds(QUESTION), f"{sdk.name}: the provider was asked something else")
        need(said == reply_to(QUESTION), f"{sdk.name}: the client got another answer")
    return f"{len(cast.sdks)} questions upstream, {len(cast.sdks)} answers back, word for word"


def streamed(cast: Cast) -> str:
    """Stream through each SDK while the provider is held back after its first event."""
    sent = [_one_stream(cast, sdk) for sdk in cast.sdks]
    return "first event at the client while " + ", ".join(f"1 of {count}" for count in sent) + " was sent"


def _one_stream(cast: Cast, sdk: Sdk) -> int:
    mark, gate = cast.upstream.mark(), f"demo-{sdk.kind}"
    cast.upstream.hold(sdk.host, gate)
    with closing(sdk.stream(cast.key, QUESTION)) as events:
        try:
            pieces = [next(events, "")]
            held = only(cast.upstream.arrived(mark), sdk.name)
        finally:
            cast.upstream.release(gate)
        need(held.events == 1 and not held.ended, f"{sdk.name}: {held.events} events were sent before the first came")
        pieces += events
    need("".join(pieces) == reply_to(QUESTION), f"{sdk.name}: the stream says something else")
    return only(cast.upstream.arrived(mark), sdk.name).events


CLEAN = Scene(
    "A clean chat",
    "Each SDK asks its provider something harmless.",
    "question and answer pass unchanged",
    clean,
    _ROWS,
)
STREAMED = Scene(
    "A streamed chat",
    "The same as a stream, the provider held after its first event.",
    "the first event comes before the second is sent",
    streamed,
    _ROWS,
)
