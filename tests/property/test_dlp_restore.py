"""Laws of pseudonyms: out and back is identity however the reply is cut, and only our own come back."""

from __future__ import annotations

import functools
import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from weir import sections
from weir.dlp.core.engine import Engine
from weir.dlp.standins.conversation import masker_for
from weir.dlp.standins.conversations import Conversations
from weir.dlp.standins.mask import ConversationMasker
from weir.dlp.standins.pseudonyms import Pseudonyms, Restorer
from weir.model import Action, Endpoint, Exchange, Finding, Segment
from weir.providers.formats.dialects import dialects

ENGINE = functools.cache(lambda: Engine.load(fingerprint_key=b"property-test-fingerprint-key"))
quick = settings(deadline=None, max_examples=150)

plain = st.text(alphabet="ab <>_1EMAILADRSX\n日", max_size=12)
literal = st.builds(
    lambda kind, tag, n: f"<{kind}{tag}_{n}>",
    st.sampled_from(["EMAIL_ADDRESS", "PERSON"]),
    st.sampled_from(["", "_A", "_B"]),
    st.integers(0, 30),
)
value = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters='"\\'), min_size=1, max_size=9
)


@st.composite
def prompts(draw: st.DrawFn) -> tuple[str, list[Finding]]:
    """A text of plain pieces, literals in a placeholder's form, and marked values."""
    text, findings = "", []
    for kind in draw(st.lists(st.sampled_from(["plain", "literal", "value"]), max_size=10)):
        if kind == "value":
            piece = draw(value)
            detector = draw(st.sampled_from(["pii/EMAIL_ADDRESS", "pii/PERSON"]))
            findings.append(Finding(detector, "pii", 0, len(text), len(text) + len(piece), 1.0))
        else:
            piece = draw(literal if kind == "literal" else plain)
        text += piece
    return text, findings


def cut(draw: st.DrawFn, text: str) -> list[str]:
    at = sorted(draw(st.lists(st.integers(0, len(text)), max_size=20)))
    return [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]


@quick
@given(st.data(), st.lists(prompts(), min_size=1, max_size=3))
def test_out_and_back_is_identity_for_any_chunks_over_several_channels(
    data: st.DataObject, drawn: list[tuple[str, list[Finding]]]
) -> None:
    segments = [Segment(f"/{n}", "user", text) for n, (text, _) in enumerate(drawn)]
    findings = [
        Finding(f.detector, f.category, n, f.start, f.end, f.score) for n, (_, found) in enumerate(drawn) for f in found
    ]
    masker = ConversationMasker(Pseudonyms(b"key", 1000))
    edits = masker.edits(segments, findings, [Action.PSEUDONYMISE] * len(findings))
    restorer = masker.restorer()
    if restorer is None:
        assert not edits
        return
    # The channels' chunks arrive interleaved.
    queues = {s.pointer: cut(data.draw, edits.get(s.pointer, s.text)) for s in segments}
    out = dict.fromkeys(queues, "")
    while queues:
        channel = data.draw(st.sampled_from(sorted(queues)))
        if queues[channel]:
            out[channel] += restorer.feed(channel, queues[channel].pop(0))
        else:
            out[channel] += restorer.flush(channel)
            del queues[channel]
    assert out == {segment.pointer: segment.text for segment in segments}


@quick
@given(st.data(), st.sets(st.integers(1, 12), max_size=5), st.lists(st.one_of(plain, literal), max_size=8).map("".join))
def test_chunks_do_not_matter_and_what_was_not_issued_passes(data: st.DataObject, issued: set[int], text: str) -> None:
    values = {f"<EMAIL_ADDRESS_{n}>": f"[{n}]" for n in issued}
    expected = re.sub("<EMAIL_ADDRESS_[0-9]+>", lambda match: values.get(match[0], match[0]), text)
    restorer = Restorer(values)
    chunks = cut(data.draw, text)
    assert "".join(restorer.feed("c", chunk) for chunk in chunks) + restorer.flush("c") == expected


@quick
@given(st.lists(st.one_of(plain, literal), max_size=6).map("".join))
def test_what_is_held_back_is_short(text: str) -> None:
    restorer = Restorer({"<EMAIL_ADDRESS_1>": "x"})
    passed = restorer.feed("c", text)
    assert len(restorer.flush("c")) < len("<EMAIL_ADDRESS_1>")
    assert passed == passed.replace("<EMAIL_ADDRESS_1>", "x")


@quick
@given(st.lists(value, min_size=1, max_size=20), st.integers(1, 20))
def test_a_conversation_numbers_its_values_the_same_after_it_was_forgotten(values: list[str], turn: int) -> None:
    wanted = [("EMAIL_ADDRESS", one) for one in values]
    known = Conversations(b"key", max_conversations=1)
    known.get("a").issue(wanted[:turn])
    first = known.get("a").issue(wanted)
    known.get("b")  # pushes a out
    assert known.get("a").issue(wanted) == first
    assert len(set(first)) == len(set(values))


# A reply as it comes: texts and tool-call arguments (JSON inside a string), in SSE, cut into bytes anywhere.


def events(pieces: list[tuple[str, str]]) -> bytes:
    """A streamed chat completion: each piece is the next text of ``content`` or ``arguments``."""
    out = []
    for kind, text in pieces:
        call = {"index": 0, "id": "c", "type": "function", "function": {"name": "note", "arguments": text}}
        delta = {"content": text} if kind == "content" else {"tool_calls": [call]}
        out.append({"id": "r", "model": "m", "choices": [{"index": 0, "delta": delta}]})
    lines = [f"data: {json.dumps(one)}\n\n" for one in (*out, {"choices": [{"delta": {}, "finish_reason": "stop"}]})]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def read(stream: bytes) -> tuple[str, str]:
    """The content and the arguments that a client puts together."""
    content, arguments = "", ""
    for line in stream.split(b"\n\n"):
        if line.startswith(b"data: {"):
            delta = json.loads(line[6:])["choices"][0]["delta"]
            content += delta.get("content") or ""
            arguments += "".join(call["function"]["arguments"] for call in delta.get("tool_calls", ()))
    return content, arguments


@settings(deadline=None, max_examples=150)
@given(st.data(), prompts())
def test_out_and_back_through_a_stream_cut_anywhere(data: st.DataObject, drawn: tuple[str, list[Finding]]) -> None:
    text, findings = drawn
    masker = ConversationMasker(Pseudonyms(b"key", 1000))
    sent = masker.edits([Segment("/0", "user", text)], findings, [Action.PSEUDONYMISE] * len(findings)).get("/0", text)
    restorer = masker.restorer()
    if restorer is None:
        return
    arguments = json.dumps({"to": sent, "n": [1, sent]}, ensure_ascii=data.draw(st.booleans()))
    pieces = [("content", one) for one in cut(data.draw, sent)] + [("arguments", o) for o in cut(data.draw, arguments)]
    stream = events(pieces)
    at = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    dialect = dialects(frozenset())["openai_chat"]
    exchange = Exchange(Endpoint("openai", "openai_chat", "chat"), "m", True)
    reader = dialect.reader(exchange, "text/event-stream", restorer)
    out = b"".join(reader.feed(stream[a:b]) for a, b in zip([0, *at], [*at, len(stream)], strict=True)) + reader.close()
    content, called = read(out)
    assert content == text
    assert json.loads(called) == {"to": text, "n": [1, text]}


@quick
@given(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(["a", "b", "c"])), min_size=2, max_size=12))
def test_only_what_was_said_behind_a_reply_comes_back(turns: list[tuple[str, str]]) -> None:
    """Callers with the same words and the same reply ids, each going on from the reply before."""
    known, kept = Conversations(b"key"), sections.Pseudonyms()
    said: dict[str, set[str]] = {"ann": set(), "bob": set()}
    for number, (who, name) in enumerate(turns):
        address = f"{who}.{name}@x.com"
        exchange = Exchange(Endpoint("o", "d", "responses"), "m", False, (Segment("/input", "user", address),))
        body = json.dumps({"previous_response_id": "resp"} if said[who] else {}).encode()
        masker = masker_for(known, kept, b"key", who, exchange, body)
        found = Finding("pii/EMAIL_ADDRESS", "pii", 0, 0, len(address), 1.0)
        masker.edits(exchange.segments, [found], [Action.PSEUDONYMISE])
        masker.answered("resp")
        said[who].add(address)
        restorer = masker.restorer()
        assert restorer is not None
        asked = "".join(f"<EMAIL_ADDRESS_{n}>" for n in range(1, 20))
        back = re.sub(r"<[A-Z_0-9]+>", " ", restorer.feed("c", asked) + restorer.flush("c")).split()
        got = {one + "@x.com" for part in back for one in part.split("@x.com") if one}
        assert got == said[who], number


scanned = st.lists(
    st.one_of(
        st.sampled_from(["jane.doe@example.org", "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111", "10.20.30.40"]),
        st.just("AKIA" + "3QZ7TX5NWJ2KDLPV"),
        st.sampled_from([" mail ", " card ", ", ", "\n", " and ", ": ", "<EMAIL_ADDRESS_1>", "key=", "\u200b"]),
    ),
    max_size=8,
).map("".join)


@settings(deadline=None, max_examples=100)
@given(texts=st.lists(scanned, min_size=1, max_size=3), action=st.sampled_from([Action.REDACT, Action.PSEUDONYMISE]))
def test_what_was_treated_is_not_found_again(texts: list[str], action: Action) -> None:
    segments = [Segment(f"/{n}", "user", text) for n, text in enumerate(texts)]
    before = ENGINE().scan(segments, deadline_s=30)
    treatments = [action] * len(before.findings)
    masker = ConversationMasker(Pseudonyms(b"key", 1000), rescan=lambda now: ENGINE().scan(now).findings)
    edits = masker.edits(segments, before.findings, treatments)
    after = ENGINE().scan([Segment(s.pointer, s.role, edits.get(s.pointer, s.text)) for s in segments], deadline_s=30)
    assert before.complete and after.complete
    treated = {finding.detector for finding in before.findings}
    marks = re.compile(r"<[A-Z_0-9]+>|\[REDACTED:[^\]]+\]")
    for finding in after.findings:
        pointer, text = segments[finding.segment].pointer, segments[finding.segment].text
        found = edits.get(pointer, text)[finding.start : finding.end]
        assert finding.detector not in treated or not marks.sub("", found)
