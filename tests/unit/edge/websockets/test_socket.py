"""What weir remembers of one socket from message to message."""

from __future__ import annotations

import base64
import json

import pytest

from harness import papers
from weir.dlp.core.patterns import Deadline
from weir.dlp.files import FileLimits
from weir.dlp.standins.conversations import Conversations
from weir.dlp.standins.mask import ConversationMasker
from weir.edge.websockets.socket import LiveMap, Socket, opening
from weir.model import Action, Endpoint, Exchange, Finding, Inspection, Segment, Verdict
from weir.providers.replies.frames import FrameReader, Frames

ENDPOINT = Endpoint("openai", "frames", "realtime")


@pytest.fixture
def socket() -> Socket:
    dialect = Frames()
    return Socket(ENDPOINT, "m", dialect, FrameReader(dialect.events(Exchange(ENDPOINT, "", True))))


def said(text: str, **more: object) -> bytes:
    return json.dumps({"text": text, **more}).encode()


def test_the_request_that_opens_it_names_the_model() -> None:
    unread = Exchange(ENDPOINT, "", False, inspection=Inspection.PARTIAL, reason="no body")
    opened = opening(unread, {"model": "gpt-realtime"})
    assert (opened.model, opened.inspection, opened.reason, opened.stream) == ("gpt-realtime", "inspected", "", True)
    assert opening(unread, {"deployment": "mine"}).model == "mine" and opening(unread, {}).model == ""


def test_the_end_of_a_message_stands_before_the_next_of_the_same_sender(socket: Socket) -> None:
    socket.read(said("x" * 1000 + "first"), is_text=True, from_client=True)
    assert socket.before == ()
    socket.read(said("reply"), is_text=True, from_client=False)
    assert socket.before == ()
    socket.read(said("second"), is_text=True, from_client=True)
    (before,) = socket.before
    assert before.text.endswith("first") and len(before.text) == 256 and socket.number == 3


def test_findings_count_from_the_message_and_those_before_it_are_dropped(socket: Socket) -> None:
    socket.before = (Segment("/text", "user", "tail"),)
    old, new = (Finding("secret/x", "secret", place, 0, 3, 1.0) for place in (0, 1))
    assert [f.segment for f in socket.take_findings((old, new))] == [0]
    assert socket.counts == {"secret/x": 1}


def test_the_worst_message_is_what_the_socket_was(socket: Socket) -> None:
    socket.unread("", Inspection.INSPECTED)
    assert socket.inspection is Inspection.INSPECTED
    socket.unread("bytes", Inspection.UNPARSED)
    socket.unread("image", Inspection.PARTIAL)
    assert socket.inspection is Inspection.UNPARSED and socket.reasons == ["bytes", "image"]


def test_the_first_of_the_strongest_verdicts_is_kept(socket: Socket) -> None:
    for action, rule in ((Action.ALERT, "a"), (Action.BLOCK, "b"), (Action.BLOCK, "c"), (Action.ALLOW, "d")):
        socket.decided(Verdict(action, rule))
    assert socket.verdict.rule_id == "b"


def test_the_model_named_last_is_the_model(socket: Socket) -> None:
    socket.read(json.dumps({"session": {"model": "gpt-other"}}).encode(), is_text=True, from_client=True)
    socket.read(said("x"), is_text=True, from_client=True)
    assert socket.model == "gpt-other"


def test_last_words_are_said_once(socket: Socket) -> None:
    socket.refuse("No.", "rule-1")
    (words,) = socket.take_last_words()
    assert json.loads(words)["error"]["code"] == "rule-1" and socket.take_last_words() == ()


def test_what_is_pseudonymised_later_comes_back_in_later_channels() -> None:
    masker = ConversationMasker(Conversations(b"k" * 32).get("c"))
    live = LiveMap(masker)
    assert live.feed("a", "<EMAIL_ADDRESS_1>") == "<EMAIL_ADDRESS_1>"
    finding = Finding("pii/EMAIL_ADDRESS", "pii", 0, 0, 5, 1.0)
    masker.edits([Segment("/x", "user", "a@b.c")], [finding], [Action.PSEUDONYMISE])
    assert live.feed("b", "<EMAIL_ADDR") + live.feed("b", "ESS_1>") + live.flush("b") == "a@b.c"


def test_files_in_a_message_are_read_before_it_is_scanned(socket: Socket) -> None:
    coded = base64.b64encode(papers.PNG + b"a readable caption").decode()
    socket.read(said("look", image_url=f"data:image/png;base64,{coded}"), is_text=True, from_client=True)
    assert socket.exchange is not None and len(socket.exchange.attachments) == 1
    found = socket.read_files(FileLimits(), Deadline(5))
    assert (found.inspection, found.reason) == (Inspection.PARTIAL, "image")
    assert any("a readable caption" in s.text and s.frame == 1 for s in found.segments)
    assert socket.exchange is found and socket.read_files(FileLimits(), Deadline(5)) is found


@pytest.mark.parametrize("pieces", [2, 3, 5, 10])
def test_what_is_cut_over_many_messages_stands_together(socket: Socket, pieces: int) -> None:
    words = [f"piece-{number}" for number in range(pieces)]
    for word in words:
        socket.read(said(word, event_id="event_0123456789abcdef"), is_text=True, from_client=True)
    assert [s.text for s in socket.before] == words[:-1]
    for _ in range(100):
        socket.read(said("x" * 40), is_text=True, from_client=True)
    assert sum(len(s.text) for s in socket.before) <= 256


def test_a_document_within_a_text_of_a_message_is_read(socket: Socket) -> None:
    coded = base64.b64encode(papers.docx("alder-brook-4711-cedar")).decode()
    socket.read(said(f"This is it: {coded}"), is_text=True, from_client=True)
    found = socket.read_files(FileLimits(), Deadline(5))
    assert any("alder-brook" in s.text and s.frame == 1 for s in found.segments), found.reason


def test_a_reply_that_names_what_it_goes_on_from_hides_nothing(socket: Socket) -> None:
    def turn(number: int, previous: str | None) -> list[str]:
        ask: dict[str, object] = {"type": "response.create", "model": "m", "input": "hello"}
        asked = json.dumps({**ask, **({"previous_response_id": previous} if previous else {})}).encode()
        begun = {"id": f"resp_{number}", "object": "response", "previous_response_id": previous, "output": []}
        reply = json.dumps({"type": "response.created", "response": begun}).encode()
        found = [
            socket.read(asked, is_text=True, from_client=True),
            socket.read(reply, is_text=True, from_client=False),
        ]
        return [str(exchange.inspection) for exchange in found]

    assert turn(1, None) == ["inspected", "inspected"]
    assert turn(2, "resp_1") == ["inspected", "inspected"]
    assert turn(3, "resp_of_another_day") == ["partial", "partial"]


def going_on(response_id: str, **more: object) -> bytes:
    said = {"type": "response.create", "previous_response_id": response_id, "input": "go on", **more}
    return json.dumps(said).encode()


def begun(response_id: str) -> bytes:
    return json.dumps({"type": "response.created", "sequence_number": 0, "response": {"id": response_id}}).encode()


def test_what_goes_on_from_a_turn_of_this_socket_has_been_seen(socket: Socket) -> None:
    assert socket.read(going_on("resp_1"), is_text=True, from_client=True).inspection is Inspection.PARTIAL
    socket.read(begun("resp_1"), is_text=True, from_client=False)
    assert socket.read(going_on("resp_1"), is_text=True, from_client=True).inspection is Inspection.INSPECTED
    assert socket.read(going_on("resp_2"), is_text=True, from_client=True).inspection is Inspection.PARTIAL


def test_what_goes_on_from_elsewhere_too_has_not(socket: Socket) -> None:
    socket.read(begun("resp_1"), is_text=True, from_client=False)
    reference = [{"type": "item_reference", "id": "msg_1"}]
    for more in ({"input": reference}, {"conversation": "conv_1"}):
        found = socket.read(going_on("resp_1", **more), is_text=True, from_client=True)
        assert found.inspection is Inspection.PARTIAL


def test_nothing_is_known_of_a_socket_that_was_not_seen_whole(socket: Socket) -> None:
    socket.read(begun("resp_1"), is_text=True, from_client=False)
    socket.unread("earlier turns kept by the provider")
    assert socket.read(going_on("resp_1"), is_text=True, from_client=True).inspection is Inspection.PARTIAL
