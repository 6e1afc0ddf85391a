from __future__ import annotations

from weir.audit.content.gather import both, of_reply, of_request
from weir.audit.content.parts import CalledTool, Content, Text
from weir.model import Endpoint, Exchange, Finding, Reply, Segment

EXCHANGE = Exchange(
    Endpoint("openai", "openai-chat", "chat"),
    "gpt-5",
    False,
    (
        Segment("/messages/0/content", "system", "Be brief."),
        Segment("/messages/1/content", "user", "key abcdef to a@b"),
    ),
)


def found(detector: str, start: int, end: int, segment: int = 1, direction: str = "request") -> Finding:
    category = detector.partition("/")[0]
    return Finding(detector, category, segment, start, end, 1.0, direction=direction)


def test_what_was_sent_is_kept_without_its_credentials() -> None:
    findings = [found("secret/x", 4, 10), found("pii/EMAIL", 14, 17), found("secret/y", 0, 3, 1, "response")]
    content = of_request(EXCHANGE, findings)
    assert content.segments == (
        Text("system", "Be brief.", "/messages/0/content"),
        Text("user", "key [secret/x] to a@b", "/messages/1/content"),
    )
    assert of_request(EXCHANGE, findings, ("secret", "pii")).segments[1].text == "key [secret/x] to [pii/EMAIL]"
    assert of_request(EXCHANGE, findings, ()).segments[1].text == "key abcdef to a@b"


def test_a_finding_of_nowhere_harms_nothing() -> None:
    assert of_request(EXCHANGE, [found("secret/x", 0, 3, 77)]).segments[1].text == "key abcdef to a@b"


def test_a_credential_that_is_a_members_name_is_struck_out_of_places_too() -> None:
    segments = (
        Segment("/metadata/ab~1cdef#key", "parameter", "ab/cdef"),
        Segment("/metadata/ab~1cdef/x", "user", "hi"),
    )
    content = of_request(Exchange(EXCHANGE.endpoint, "gpt-5", False, segments), [found("secret/x", 0, 7, 0)])
    assert [(one.text, one.pointer) for one in content.segments] == [
        ("[secret/x]", "/metadata/[secret~1x]#key"),
        ("hi", "/metadata/[secret~1x]/x"),
    ]


def test_what_was_answered() -> None:
    reply = Reply(text="Hello", tool_calls=(("c1", "send"), ("c2", "stop")), arguments=('{"to":1}', ""))
    content = of_reply(reply)
    assert content == Content((), "Hello", (CalledTool("send", '{"to":1}', "c1"), CalledTool("stop", "", "c2")))
    assert of_reply(Reply(tool_calls=(("c1", "send"),))).calls == (CalledTool("send", "", "c1"),)  # nothing was read
    whole = both(of_request(EXCHANGE, []), content)
    assert (len(whole.segments), whole.reply, len(whole.calls)) == (2, "Hello", 2)
