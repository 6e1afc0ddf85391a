"""Laws of pseudonyms: out and back is identity however the reply is cut, and only our own come back."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from weir.dlp.conversations import Conversations
from weir.dlp.mask import ConversationMasker
from weir.dlp.pseudonyms import Pseudonyms, Restorer
from weir.model import Action, Finding, Segment

quick = settings(deadline=None, max_examples=300)

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
