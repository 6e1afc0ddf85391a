from __future__ import annotations

from golden.swap import Swap
from weir.model import Endpoint, Exchange
from weir.providers.formats.anthropic_complete import AnthropicComplete

DIALECT = AnthropicComplete()
ENDPOINT = Endpoint("anthropic", DIALECT.id, "completions")


def test_the_prompt() -> None:
    found = DIALECT.parse(b'{"model": "claude-2.1", "prompt": "Human: hi", "max_tokens_to_sample": 5}', ENDPOINT)
    assert [(s.pointer, s.role) for s in found.segments][-1] == ("/prompt", "user")
    assert found.parameters == {"max_tokens": 5}


def test_what_is_held_back_comes_before_the_event_that_ends_it() -> None:
    reader = DIALECT.reader(Exchange(ENDPOINT, "", True), "text/event-stream", Swap({"<A_1>": "jane"}))
    first = b'event: completion\ndata: {"type":"completion","completion":"so <A","stop_reason":null,"model":"c"}\n\n'
    assert reader.feed(first) == first.replace(b"so <A", b"so ")
    last = b'event: completion\ndata: {"type":"completion","completion":"","stop_reason":"stop","model":"c"}\n\n'
    out = reader.feed(last)
    assert out.count(b"<A") == 1 and out.endswith(last) and reader.reply().complete


def test_an_error_ends_it() -> None:
    reader = DIALECT.reader(Exchange(ENDPOINT, "", True), "text/event-stream")
    reader.feed(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n')
    reader.close()
    assert reader.reply().finish_reason == "error" and not reader.reply().complete
