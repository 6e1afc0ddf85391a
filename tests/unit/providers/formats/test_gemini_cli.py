from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Inspection
from weir.providers.formats.gemini_cli import GeminiCli

DIALECT = GeminiCli()
ENDPOINT = Endpoint("gemini-code-assist", "gemini_cli", "generate_content", stream=True)


def parse(doc: Any) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), ENDPOINT)


def test_pointers_lead_into_the_wrapped_request() -> None:
    inner = {
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "systemInstruction": {"role": "user", "parts": [{"text": "be brief"}]},
        "tools": [{"functionDeclarations": [{"name": "read_file"}]}],
    }
    body = json.dumps({"model": "gemini-2.5-pro", "request": inner, "extra": {"unknown": "kept as it is"}}, indent=1)
    found = DIALECT.parse(body.encode(), ENDPOINT)
    roles = {s.pointer: s.role for s in found.segments}
    assert roles["/request/contents/0/parts/0/text"] == "user"
    assert roles["/request/systemInstruction/parts/0/text"] == "system"
    assert roles["/extra/unknown"] == "parameter"
    assert (found.model, found.tools) == ("gemini-2.5-pro", ("read_file",))
    edited = DIALECT.replace(body.encode(), {"/request/contents/0/parts/0/text": "bye"})
    assert edited == body.replace("hello", "bye").encode()


def test_reasons_of_both_are_told_once() -> None:
    found = parse({"cachedContent": "c", "request": {"cachedContent": "c", "contents": []}})
    assert found.inspection is Inspection.PARTIAL and found.reason == "prompt kept by the provider"


def test_files_within_are_handed_on() -> None:
    data = base64.b64encode(b"%PDF-1.4 " + bytes(200)).decode()
    part = {"inlineData": {"mimeType": "application/pdf", "data": data}}
    found = parse({"request": {"contents": [{"role": "user", "parts": [part]}]}})
    assert [a.pointer for a in found.attachments] == ["/request/contents/0/parts/0/inlineData/data"]


def test_a_model_within_counts_where_none_stands_outside() -> None:
    assert parse({"request": {"model": "models/gemini-2.5-pro"}}).model == "gemini-2.5-pro"


@pytest.mark.parametrize("request_member", ["a text of somebody's", [{"contents": "a text of somebody's"}], 7])
def test_what_is_not_wrapped_is_read_as_it_stands(request_member: Any) -> None:
    found = parse({"request": request_member, "contents": [{"parts": [{"text": "hi"}]}]})
    texts = [s.text for s in found.segments]
    assert "hi" in texts and ("a text of somebody's" in texts or request_member == 7)


def test_so_many_texts_that_some_are_kept_together() -> None:
    found = parse({"request": {"contents": [{"parts": [{"text": f"text {n}"} for n in range(20_050)]}]}})
    assert found.segments[-1].pointer == "#rest#key" and "text 20049" in found.segments[-1].text
