from __future__ import annotations

import json

from weir.model import Endpoint
from weir.providers.formats.sagemaker import SageMaker
from weir.providers.wire.eventstream import Cutter

DIALECT = SageMaker()
ENDPOINT = Endpoint("sagemaker", "sagemaker", "invoke", model="my-endpoint")


def test_any_servers_prompt_is_the_users() -> None:
    for doc in ({"inputs": "hi"}, {"prompt": "hi"}, {"messages": [{"role": "user", "content": "hi"}]}):
        found = DIALECT.parse(json.dumps(doc).encode(), ENDPOINT)
        assert [(s.text, s.role) for s in found.segments] == [("hi", "user")] and found.model == "my-endpoint"


def test_a_document_is_read_as_its_servers() -> None:
    for doc in ([{"generated_text": "hi"}], {"choices": [{"message": {"content": "hi"}}]}, {"outputs": ["hi"]}):
        reader = DIALECT.reader(DIALECT.parse(b"{}", ENDPOINT), "application/json")
        reader.feed(json.dumps(doc).encode())
        reader.close()
        assert reader.reply().text == "hi"


def test_the_error_has_the_name_that_sdks_look_for() -> None:
    assert DIALECT.refusal_headers(429) == {"x-amzn-errortype": "ThrottlingException"}
    (message,) = Cutter(1 << 20).feed(DIALECT.abort_event("No.", "r"))
    assert message.headers[":exception-type"] == "ModelStreamError" and b"No. (weir rule: r)" in message.payload
