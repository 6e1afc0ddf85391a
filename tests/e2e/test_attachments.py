"""Files that the real SDKs send: in forms, inside JSON, and as bodies of their own."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anthropic
import openai
import pytest
from google.genai import errors, types

from e2e.sdks import Anthropic, Gemini, OpenAI
from e2e.support import ADDRESS, STAND_IN, House, Stored, access_key
from harness import papers

FOUND = "secret/aws-access-key-id"
CLEAN = "The river stands low today, and nobody knows when it is going to rise."
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)

KINDS: dict[str, Callable[[str], bytes]] = {
    "notes.txt": str.encode,
    "rows.csv": lambda text: f"id,note\n1,{text}\n".encode(),
    "batch.jsonl": papers.jsonl,
    "plan.pdf": papers.pdf,
    "plan.docx": papers.docx,
    "staff.xlsx": papers.xlsx,
    "talk.pptx": papers.pptx,
    "all.zip": lambda text: papers.zipped({"inner/plan.pdf": papers.pdf(text), "a.txt": "nothing here"}),
}


@dataclass
class Way:
    """One way of an SDK to send a file."""

    name: str
    refused: type[Exception]
    send: Callable[[House, str, bytes], object] = field(repr=False)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def openai_file(house: House, name: str, data: bytes) -> object:
    with OpenAI(house.weir, house.doubles.keys["openai"]).client as client:
        return client.files.create(file=(name, io.BytesIO(data)), purpose="user_data")


def openai_inline(house: House, name: str, data: bytes) -> object:
    address = f"data:application/octet-stream;base64,{base64_of(data)}"
    content: Any = [
        {"type": "text", "text": "What does it say?"},
        {"type": "file", "file": {"filename": name, "file_data": address}},
    ]
    with OpenAI(house.weir, house.key).client as client:
        return client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": content}])


def anthropic_inline(house: House, name: str, data: bytes) -> object:
    source = {"type": "base64", "media_type": "application/pdf", "data": base64_of(data)}
    content: Any = [{"type": "document", "title": name, "source": source}, {"type": "text", "text": "What is it?"}]
    with Anthropic(house.weir, house.key).client as client:
        return client.messages.create(
            model="claude-sonnet-4-5", max_tokens=50, messages=[{"role": "user", "content": content}]
        )


def anthropic_file(house: House, name: str, data: bytes) -> object:
    with Anthropic(house.weir, house.doubles.keys["anthropic"]).client as client:
        return client.beta.files.upload(file=(name, io.BytesIO(data), "application/pdf"))


def gemini_inline(house: House, name: str, data: bytes) -> object:
    client = Gemini(house.weir, house.key).client
    contents: Any = [types.Part.from_bytes(data=data, mime_type="application/pdf"), "What does it say?"]
    return client.models.generate_content(model="gemini-2.5-flash", contents=contents)


def gemini_file(house: House, name: str, data: bytes) -> object:
    client = Gemini(house.weir, house.doubles.keys["gemini"]).client
    return client.files.upload(file=io.BytesIO(data), config=types.UploadFileConfig(mime_type="application/pdf"))


WAYS = [
    Way("openai files", openai.BadRequestError, openai_file),
    Way("openai inline", openai.BadRequestError, openai_inline),
    Way("anthropic files", anthropic.BadRequestError, anthropic_file),
    Way("anthropic inline", anthropic.BadRequestError, anthropic_inline),
    Way("gemini files", errors.ClientError, gemini_file),
    Way("gemini inline", errors.ClientError, gemini_inline),
]
each = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


def carried(body: bytes, data: bytes) -> bool:
    """Whether a request brought ``data``, as it is or in base64."""
    return any(form in body for form in (data, base64.b64encode(data), base64.urlsafe_b64encode(data)))


def refused(way: Way, house: House) -> dict[str, Any]:
    """The record of the refusal, the only one: no SDK tries again."""
    (row,) = house.until(1, "block")
    return row


@each
def test_a_clean_document_arrives_as_it_is(way: Way, house: House) -> None:
    data = papers.pdf(CLEAN)
    way.send(house, "plan.pdf", data)
    arrived = [row for row in house.doubles.requests() if carried(row.body, data)]
    assert len(arrived) == 1
    lengths = [value for name, value in arrived[0].headers if name.lower() == "content-length"]
    assert lengths in ([], [str(len(arrived[0].body))])
    rows = house.until(len(house.doubles.requests()), "response")
    assert {(row["inspection"], row["action"]) for row in rows} <= {("inspected", "allow"), ("inspected", "alert")}


@each
def test_a_credential_in_a_file_stays_here(way: Way, house: House, stored: Stored) -> None:
    blocked = []
    for name, made in KINDS.items():
        secret = access_key()
        house.begin()
        with pytest.raises(way.refused) as raised:
            way.send(house, name, made(f"Deploy it with {secret} now."))
        said = str(raised.value)
        assert "no-credentials-leave" in said and secret not in said, name
        assert not any(carried(row.body, secret.encode()) for row in house.doubles.requests()), name
        block = refused(way, house)
        told = (block["action"], block["rule_id"], block["inspection"])
        assert told == ("block", "no-credentials-leave", "inspected"), name
        blocked.append(block["exchange_id"])
    found = "select distinct exchange_id::varchar, detector from findings where list_contains(?, exchange_id::varchar)"
    stored(f"{found} order by all", blocked, [(exchange, FOUND) for exchange in sorted(blocked)])


DISGUISES: dict[str, Callable[[str], bytes]] = {
    "behind the end of an archive": lambda text: papers.zipped({"a": "x"}) + text.encode(),
    "a lock that is none": lambda text: papers.locked_zip(text, truly=False),
    "a picture's mark": lambda text: b"\x89PNG\r\n\x1a\n" + text.encode(),
    "a byte order mark": lambda text: b"\xff\xfe" + text.encode() + b" " * (len(text) % 2),
    "a property of a PDF": lambda text: papers.pdf("x").replace(b"/Title ()", b"/Company (%s)" % text.encode()),
    "cut by a remark": lambda text: f"<p>{text[:20]}<!-- -->{text[20:]}</p>".encode(),
    "lines of base64": lambda text: b"Attached:\n\n" + base64.encodebytes(papers.docx(text)),
}


@pytest.mark.parametrize("kind", DISGUISES)
@pytest.mark.parametrize("way", [WAYS[0], WAYS[1]], ids=lambda way: way.name)
def test_no_disguise_takes_a_credential_out(kind: str, way: Way, house: House) -> None:
    secret = access_key()
    with pytest.raises(way.refused) as raised:
        way.send(house, "notes.txt", DISGUISES[kind](f"Deploy it with {secret} now."))
    assert "no-credentials-leave" in str(raised.value) and house.doubles.requests() == []
    assert refused(way, house)["rule_id"] == "no-credentials-leave"


@pytest.mark.parametrize(
    "address",
    [
        'data:application/pdf;name="a b.pdf";base64,{}',
        " data:application/pdf; base64 ,{}",
        "data:application/pdf;base64,={}",
        "Have a look at {} please",
    ],
)
@pytest.mark.parametrize("member", ["text", "content", "file_data"])
def test_no_odd_address_takes_a_document_out(address: str, member: str, house: House) -> None:
    secret = access_key()
    said = address.format(base64_of(papers.docx(f"Deploy it with {secret} now.")))
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": [{"type": "file", member: said}]}]}
    headers = {"authorization": f"Bearer {house.key}"}
    with house.client() as client:
        reply = client.post("https://api.openai.com/v1/chat/completions", json=body, headers=headers)
    assert reply.status_code == 400 and reply.json()["error"]["code"] == "no-credentials-leave"
    assert house.doubles.requests() == [] and house.only("block")["inspection"] in ("inspected", "partial")


@each
def test_a_bomb_is_not_inspected_and_does_not_pass(way: Way, house: House) -> None:
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError, errors.APIError)) as raised:
        way.send(house, "all.zip", papers.zip_bomb())
    assert "on-failure" in str(raised.value)
    block = refused(way, house)
    assert (block["inspection"], block["rule_id"]) == ("failed", "on-failure")
    assert "unpacks to more than the limit" in block["reason"]


def test_an_image_is_partial_and_policy_decides(house: House) -> None:
    openai_inline(house, "river.png", papers.PNG)
    row = house.only("response")
    assert (row["inspection"], row["inspection_reason"], row["action"]) == ("partial", "image", "allow")


def test_a_rule_may_refuse_what_is_not_seen_whole(start_house: Callable[..., House]) -> None:
    rule = {"id": "seen-whole", "if": {"inspection": "partial"}, "then": "block", "say": "No pictures, please."}
    house = start_house(rules=[rule])
    with pytest.raises(openai.APIStatusError) as raised:
        openai_inline(house, "river.png", papers.PNG)
    assert "seen-whole" in str(raised.value) and house.doubles.requests() == []


def test_personal_data_in_a_form_field_is_changed_and_nothing_else(house: House) -> None:
    with OpenAI(house.weir, house.key).client as client:
        done = client.audio.transcriptions.create(
            model="whisper-1", file=("call.wav", WAV), prompt=f"A call from {ADDRESS} about the river"
        )
    got = house.doubles.only()
    assert done.text == f"You said: A call from {ADDRESS} about the river"
    assert ADDRESS.encode() not in got.body and STAND_IN.encode() in got.body and WAV in got.body
    assert [value for name, value in got.headers if name.lower() == "content-length"] == [str(len(got.body))]
    row = house.only("response")
    assert (row["request_model"], row["operation"], row["inspection"]) == ("whisper-1", "audio", "partial")
    assert (row["inspection_reason"], row["action"]) == ("audio", "pseudonymise")


def test_personal_data_in_a_file_cannot_be_changed(house: House) -> None:
    with pytest.raises(openai.BadRequestError):
        openai_file(house, "people.csv", f"name,mail\nJane,{ADDRESS}\n".encode())
    assert "in an attached file, which cannot be changed" in house.only("block")["reason"]


def test_a_form_that_can_be_read_in_two_ways_does_not_pass(house: House) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\none\r\n--x--\r\n--x--\r\n'
    headers = {
        "content-type": "multipart/form-data; boundary=x",
        "authorization": f"Bearer {house.doubles.keys['openai']}",
    }
    with house.client() as client:
        reply = client.post("https://api.openai.com/v1/files", content=body, headers=headers)
    assert reply.status_code in (400, 403) and json.loads(reply.content)["error"]["code"] == "on-failure"
    block = house.only("block")
    assert block["inspection"] == "unparsed" and "multipart" in block["reason"]
