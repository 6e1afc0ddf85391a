from __future__ import annotations

import json

import pytest

from weir.model import Endpoint, Exchange, Inspection, Unparsed
from weir.providers.formats.dialects import dialects
from weir.providers.requests.uploads import PIECE, Upload

KEY = "alder_brook_4711_cedar"


def upload(dialect: str = "openai_upload", *headers: tuple[str, str]) -> Upload:
    found = dialects(frozenset())[dialect]
    assert isinstance(found, Upload)
    return found.bound(headers)


FORM = ("Content-Type", "multipart/form-data; boundary=x")


def form(*parts: tuple[str, bytes]) -> bytes:
    head = "--x\r\nContent-Disposition: form-data; {}\r\n\r\n"
    return b"".join(head.format(words).encode() + body + b"\r\n" for words, body in parts) + b"--x--\r\n"


def parse(one: Upload, body: bytes, path: str = "/v1/files", model: str = "") -> Exchange:
    return one.parse(body, Endpoint("openai", one.id, "audio", path, model))


BODY = form(
    ('name="file"; filename="call.wav"', b"RIFF\x00"),
    ('name="model"', b"whisper-1"),
    ('name="stream"', b"true"),
    ('name="prompt"', "caf\u00e9 talk".encode()),
    ('name="timestamp_granularities[]"', b"word"),
    ('name="timestamp_granularities[]"', b"segment"),
)


def test_fields_are_texts_and_files_are_attachments() -> None:
    found = parse(upload("openai_upload", FORM), BODY)
    assert (found.model, found.stream, found.inspection) == ("whisper-1", True, Inspection.INSPECTED)
    assert [(s.pointer, s.role, s.text) for s in found.segments] == [
        ("/model/0#key", "parameter", "whisper-1"),
        ("/stream/0", "parameter", "true"),
        ("/prompt/0", "user", "caf\u00e9 talk"),
        ("/timestamp_granularities[]/0", "parameter", "word"),
        ("/timestamp_granularities[]/1", "parameter", "segment"),
        ("#rest#key", "parameter", "timestamp_granularities[]"),
    ]
    assert [(a.pointer, a.name, a.data) for a in found.attachments] == [("/file/0", "call.wav", b"RIFF\x00")]


def test_only_the_field_is_edited() -> None:
    one = upload("openai_upload", FORM)
    assert one.replace(BODY, {}) == BODY
    assert one.replace(BODY, {"/timestamp_granularities[]/1": "<A>"}) == BODY.replace(b"segment", b"<A>")
    for pointer in ("/file/0", "/model/0#key", "/nowhere/0"):
        with pytest.raises(Unparsed):
            one.replace(BODY, {pointer: "x"})


def test_field_names_and_part_headers_are_read() -> None:
    body = form((f'name="{KEY}/~"\r\nX-Note: {KEY}2', b"x"))
    found = parse(upload("openai_upload", FORM), body)
    assert [s.pointer for s in found.segments] == [f"/{KEY}~1~0/0", "#rest#key"]
    assert found.segments[-1].text.splitlines() == [f"{KEY}/~", f"{KEY}2"]


def test_a_field_that_is_no_text_is_a_file() -> None:
    found = parse(upload("openai_upload", FORM), form(('name="image"', b"\xff\xd8\xff")))
    assert found.segments == () and len(found.attachments) == 1


@pytest.mark.parametrize("name", ["model", "stream"])
def test_a_model_given_twice_is_anybodys_guess(name: str) -> None:
    with pytest.raises(Unparsed, match="given twice"):
        parse(upload("openai_upload", FORM), form((f'name="{name}"', b"a"), (f'name="{name}"', b"b")))


def test_the_path_names_the_model() -> None:
    assert parse(upload("openai_upload", FORM), BODY, model="deployed").model == "deployed"


def test_json_as_everywhere() -> None:
    one = upload("openai_upload", ("content-type", "application/json"))
    body = json.dumps({"prompt": "draw jane", "model": "gpt-image-1", "purpose": "x"}).encode()
    found = parse(one, body)
    assert (found.model, (found.segments[0].pointer, found.segments[0].role)) == ("gpt-image-1", ("/prompt", "user"))
    assert one.replace(body, {"/prompt": "draw <A>"}) == body.replace(b"draw jane", b"draw <A>")


@pytest.mark.parametrize("value", ["multipart/form-data", "multipart/form-data; boundary=x; boundary=y"])
def test_headers_with_two_readings(value: str) -> None:
    with pytest.raises(Unparsed, match="multipart"):
        parse(upload("openai_upload", ("content-type", value)), BODY)


def test_a_body_that_is_neither() -> None:
    with pytest.raises(Unparsed):
        parse(upload("openai_upload", ("content-type", "application/octet-stream")), b"%PDF-1.7")


START = ("X-Goog-Upload-Command", "start")
LAST = ("X-Goog-Upload-Command", "upload, finalize")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([("content-type", "application/json"), START], ""),
        ([LAST, ("X-Goog-Upload-Offset", "0"), ("X-Goog-Upload-File-Name", "plan.pdf")], ""),
        ([("content-type", "application/pdf")], ""),
        ([("X-Goog-Upload-Command", "upload"), ("X-Goog-Upload-Offset", "0")], PIECE),
        ([LAST, ("X-Goog-Upload-Offset", "8388608")], PIECE),
    ],
)
def test_a_body_that_is_a_file(headers: list[tuple[str, str]], reason: str) -> None:
    found = parse(upload("gemini_upload", *headers), b"%PDF-1.7")
    assert [a.data for a in found.attachments] == [b"%PDF-1.7"]
    assert (found.inspection, found.reason) == (Inspection.PARTIAL if reason else Inspection.INSPECTED, reason)


def test_a_part_of_an_upload_is_a_piece() -> None:
    assert parse(upload("openai_upload", FORM), BODY, "/v1/uploads/{id}/parts").reason == PIECE


def test_bound_leaves_the_shared_one_alone() -> None:
    shared = dialects(frozenset())["openai_upload"]
    assert isinstance(shared, Upload)
    shared.bound([FORM])
    with pytest.raises(Unparsed):
        shared.parse(BODY, Endpoint("openai", "openai_upload", "files"))


def test_refusals_in_the_shape_of_the_family() -> None:
    assert b'"type":"error"' in upload("anthropic_upload").refusal(400, "no", "r")
    assert b'"status"' in upload("gemini_upload").refusal(400, "no", "r")
    assert b'"code":"r"' in upload("openai_upload").refusal(400, "no", "r")
    assert upload("gemini_upload").refusal_headers(400) == {"x-goog-upload-status": "final"}
    assert upload("openai_upload").refusal_headers(400) == {}
    assert b"event: error" in upload("anthropic_upload").abort_event("no", "r")


def test_transcripts_are_read() -> None:
    one = upload("openai_upload", FORM)
    exchange = parse(one, BODY)
    reader = one.reader(exchange, "application/json")
    data = b'{"text":"hello river","usage":{"type":"tokens","input_tokens":3,"output_tokens":2,"total_tokens":5}}'
    assert reader.feed(data) == data
    reader.close()
    reply = reader.reply()
    assert reply.text == "hello river" and reply.usage is not None and reply.usage.input_tokens == 3


def test_streamed_transcripts_are_read() -> None:
    one = upload("openai_upload", FORM)
    reader = one.reader(parse(one, BODY), "text/event-stream")
    for value in ("hello ", "river"):
        reader.feed(b"data: " + json.dumps({"type": "transcript.text.delta", "delta": value}).encode() + b"\n\n")
    reader.feed(b'data: {"type":"transcript.text.done","text":"hello river"}\n\n')
    reader.close()
    assert reader.reply().complete and reader.reply().text.startswith("hello river")


def batch_form(*lines: str, purpose: str = "batch") -> bytes:
    return form(('name="purpose"', purpose.encode()), ('name="file"; filename="a.jsonl"', "\n".join(lines).encode()))


def ask(text: str, model: str = "gpt-4o-mini") -> str:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return json.dumps({"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": body})


@pytest.mark.parametrize("purpose", ["batch", "user_data"])
def test_a_file_of_requests_is_read_line_by_line(purpose: str) -> None:
    one, body = upload("openai_upload", FORM), batch_form(ask("hello jane"), ask("and joe"), purpose=purpose)
    found = parse(one, body)
    texts = {s.text: s.pointer for s in found.segments if s.role == "user"}
    assert texts == {"hello jane": "/file/0/0/body/messages/0/content", "and joe": "/file/0/1/body/messages/0/content"}
    assert (found.model, found.attachments) == ("gpt-4o-mini", ())
    edited = one.replace(body, {texts["and joe"]: "and <A>", "/purpose/0": "fine-tune"})
    assert edited == body.replace(b"and joe", b"and <A>").replace(purpose.encode(), b"fine-tune")


def test_a_batch_that_cannot_be_read_is_no_file_like_others() -> None:
    with pytest.raises(Unparsed, match="line 2"):
        parse(upload("openai_upload", FORM), batch_form(ask("hello"), "{broken"))
    with pytest.raises(Unparsed, match="several models"):
        parse(upload("openai_upload", FORM), batch_form(ask("hello"), ask("hello", "gpt-5")))
    assert (
        len(parse(upload("openai_upload", FORM), batch_form(ask("hello"), "{broken", purpose="evals")).attachments) == 1
    )
    assert len(parse(upload("anthropic_upload", FORM), batch_form(ask("hello"))).attachments) == 1


def test_an_edit_that_would_end_the_form_is_refused() -> None:
    body = batch_form(ask("hello jane"))
    with pytest.raises(Unparsed, match="boundary"):
        upload("openai_upload", FORM).replace(body, {"/file/0/0/body/messages/0/content": "--x--"})


@pytest.mark.parametrize("kind", ["text/plain", "text/vtt; charset=utf-8"])
def test_transcripts_as_plain_text(kind: str) -> None:
    one = upload("openai_upload", FORM)
    reader = one.reader(parse(one, BODY), kind)
    data = "[music] WEBVTT \u00fcber\n".encode()
    assert reader.feed(data[:9]) + reader.feed(data[9:]) + reader.close() == data
    assert reader.reply().text == data.decode() and reader.reply().inspection is Inspection.INSPECTED


def test_sound_that_is_paid_by_its_length() -> None:
    one = upload("openai_upload", FORM)
    for data in (b'{"text":"x","usage":{"type":"duration","seconds":12.5}}', b'{"task":"transcribe","duration":12.5}'):
        reader = one.reader(parse(one, BODY), "application/json")
        reader.feed(data)
        reader.close()
        used = reader.reply().usage
        assert used is not None and used.parts == (("audio_ms", 12500),)
