"""Laws of looking at replies: nothing depends on how a text was cut, and what is taken out is taken out whole."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from weir.dlp.core.engine import Engine
from weir.dlp.replies.listen import Listener, look_at
from weir.dlp.replies.reply import Guard, Scanned, segment_of
from weir.dlp.replies.replytail import HOLD_CHARS_MAX, Shapes, tail_start
from weir.model import Action, Endpoint, Exchange, Finding
from weir.providers.services.registry import Registry

SECRETS = (
    "AKIA" + "3QZ7TX5NWJ2KDLPV",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"[:30] + "2kUPxb",
    "glpat-" + "x9Y8z7W6v5U4t3S2r1Q0",
)
PEOPLE = ("jane.doe@example.org", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "a+b_c@mail.example.com")
WORDS = ("The", "river", "stands", "low", "in", "2024,", "so", "we", "wait.", "I", "sk", "key", "don't", "(see", "3)",
         "<EMAIL_ADDRESS_1>", "你好世界", "weir-house", "https://example.com/a", "\n\n", "x=1;", "é")  # fmt: skip
SECRETS_ONLY = Shapes()
WITH_PEOPLE = Shapes(words=1, groups=True)

REGISTRY = Registry.load()


@functools.cache
def engine() -> Engine:
    return Engine.load(fingerprint_key=b"k" * 32)


def look(text: str) -> Scanned:
    scan = engine().scan(segment_of(text), "response")
    return scan.findings, scan.reason


def strike(findings: Sequence[Finding]) -> Sequence[Action]:
    return [Action.REDACT for _ in findings]


def strike_secrets(findings: Sequence[Finding]) -> Sequence[Action]:
    return [Action.REDACT if finding.category == "secret" else Action.ALERT for finding in findings]


words = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
spaces = st.sampled_from([" ", "\n", ": ", " - ", "; "])


def texts(values: Sequence[str]) -> st.SearchStrategy[str]:
    planted = st.tuples(words, spaces, st.sampled_from(values), spaces, words).map("".join)
    return st.lists(st.one_of(planted, words), min_size=1, max_size=6).map(" ".join)


cuts = st.lists(st.integers(0, 700), max_size=30)


def pieces(text: str, places: list[int]) -> list[str]:
    ends = sorted({place for place in places if 0 < place < len(text)} | {len(text)})
    return [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def guarded(parts: Sequence[str], shapes: Shapes, judge: object = strike) -> tuple[str, list[tuple[str, int, int]]]:
    guard = Guard(look, judge, shapes)  # type: ignore[arg-type]
    out = "".join(guard.feed("0.content", part) for part in parts) + guard.flush("0.content")
    assert not guard.found.failed and not guard.stopped
    return out, sorted((f.detector, f.start, f.end) for f in guard.found.findings)


@given(texts(SECRETS + PEOPLE), cuts)
@settings(max_examples=150, deadline=None)
def test_what_is_found_and_sent_does_not_depend_on_the_cuts(text: str, places: list[int]) -> None:
    whole = guarded([text], WITH_PEOPLE)
    assert guarded(pieces(text, places), WITH_PEOPLE) == whole
    assert guarded(list(text), WITH_PEOPLE) == whole


@given(texts(SECRETS), cuts)
@settings(max_examples=100, deadline=None)
def test_with_credentials_only_words_go_at_once_and_nothing_changes(text: str, places: list[int]) -> None:
    whole = guarded([text], SECRETS_ONLY, strike_secrets)
    assert guarded(pieces(text, places), SECRETS_ONLY, strike_secrets) == whole
    assert guarded(list(text), SECRETS_ONLY, strike_secrets) == whole


@given(texts(SECRETS + PEOPLE), cuts)
@settings(max_examples=100, deadline=None)
def test_what_is_taken_out_leaves_no_part_of_itself(text: str, places: list[int]) -> None:
    out, found = guarded(pieces(text, places), WITH_PEOPLE)
    for _, start, end in found:
        assert text[start:end] not in out
    assert not [f for f in look(out)[0] if f.category in ("secret", "pii")]
    for secret in SECRETS:
        if secret in text:
            assert secret[4:14] not in out


@given(texts(SECRETS + PEOPLE), cuts)
@settings(max_examples=100, deadline=None)
def test_findings_of_a_stream_are_those_of_its_text(text: str, places: list[int]) -> None:
    expected = sorted((f.detector, f.start, f.end) for f in look(text)[0])
    assert guarded(pieces(text, places), WITH_PEOPLE)[1] == expected


@given(texts(SECRETS + PEOPLE), cuts, st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_listening_changes_nothing_and_finds_the_same(text: str, places: list[int], length: int) -> None:
    text = text + " " + "The weir holds the water back. " * (120 * length) + text

    def listened(parts: Sequence[str]) -> list[tuple[str, int, int]]:
        listener = Listener()
        assert [listener.feed("0.content", part) for part in parts] == list(parts)
        assert listener.flush("0.content") == ""
        windows = listener.windows()
        listener.take(windows, look_at(windows, look))
        assert not listener.found.failed
        return sorted((f.detector, f.start, f.end) for f in listener.found.findings)

    assert listened(pieces(text, places)) == listened([text])
    if len(text) < 8000:
        assert listened([text]) == sorted((f.detector, f.start, f.end) for f in look(text)[0])


@given(st.text(max_size=600), st.sampled_from([SECRETS_ONLY, WITH_PEOPLE, Shapes(4, groups=True)]))
@settings(max_examples=150, deadline=None)
def test_what_waits_is_bounded(text: str, shapes: Shapes) -> None:
    start = tail_start(text, shapes)
    assert 0 <= start <= len(text)
    if "-----BEGIN " not in text and "eyJ" not in text:
        assert len(text) - start <= HOLD_CHARS_MAX + 160


@given(texts(SECRETS + PEOPLE), cuts, cuts)
@settings(max_examples=60, deadline=None)
def test_a_stream_of_events_cut_anywhere(text: str, places: list[int], chunks: list[int]) -> None:
    """The same through a dialect: deltas of any size, bytes cut anywhere, arguments of a tool beside the text."""
    arguments = json.dumps({"note": text, "n": [1, text[:40]]})
    frames = [{"content": part} for part in pieces(text, places)]
    frames += [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in pieces(arguments, places)]
    stream = b"".join(
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n" for delta in frames
    )
    stream += b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

    def run(parts: list[bytes]) -> tuple[str, str]:
        guard = Guard(look, strike, WITH_PEOPLE)
        exchange = Exchange(Endpoint("", "openai_chat", ""), "m", True)
        reader = REGISTRY.dialect("openai_chat").reader(exchange, "text/event-stream", guard)
        out = b"".join(reader.feed(part) for part in parts) + reader.close()
        said = called = ""
        for line in out.splitlines():
            if line.startswith(b"data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    said += choice["delta"].get("content") or ""
                    for call in choice["delta"].get("tool_calls") or ():
                        called += call["function"]["arguments"]
        return said, called

    said, called = run([stream])
    ends = sorted({place * 7 for place in chunks if place * 7 < len(stream)} | {len(stream)})
    assert run([stream[a:b] for a, b in zip([0, *ends], ends, strict=False)]) == (said, called)
    assert said == guarded([text], WITH_PEOPLE)[0]
    assert json.loads(called)["note"] == said
