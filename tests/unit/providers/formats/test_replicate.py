from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Inspection, Reply
from weir.providers.formats.replicate import Replicate

DIALECT = Replicate()
ENDPOINT = Endpoint("replicate", "replicate", "predict")


def parse(doc: Any, endpoint: Endpoint = ENDPOINT) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), endpoint)


def read(doc: Any) -> Reply:
    reader = DIALECT.reader(parse({"input": {}}), "application/json")
    reader.feed(json.dumps(doc).encode())
    reader.close()
    return reader.reply()


@pytest.mark.parametrize(
    ("doc", "model"),
    [
        ({"version": "acme/parrot:5c7d5dc6", "input": {}}, "acme/parrot"),
        ({"version": "5c7d5dc6dd8bf75c", "input": {}}, "5c7d5dc6dd8bf75c"),
        ({"model": "acme/parrot", "input": {}}, "acme/parrot"),
        ({"version": "not a version", "input": {}}, ""),
    ],
)
def test_a_version_names_the_model(doc: Any, model: str) -> None:
    assert parse(doc).model == model


def test_the_path_names_it_first() -> None:
    there = Endpoint("replicate", "replicate", "predict", model="meta/llama-3")
    assert parse({"version": "acme/parrot:1", "input": {}}, there).model == "meta/llama-3"


def test_roles_within_the_input() -> None:
    found = {s.text: s.role for s in parse({"input": {"prompt": "a", "system_prompt": "b"}, "webhook": "c d"}).segments}
    assert found == {"a": "user", "b": "system", "c d": "parameter"}


def test_addresses_are_fetched_by_the_provider() -> None:
    assert parse({"input": {"audio": "https://a.example/x.wav"}}).inspection is Inspection.PARTIAL
    assert parse({"input": {"prompt": "https://a.example is down"}}).inspection is Inspection.INSPECTED


def test_what_is_made_is_fetched_later() -> None:
    assert parse({"input": {"seed": 1}}).parameters == {"seed": 1, "background": True}
    reply = read({"id": "p", "status": "processing", "output": None})
    assert reply.usage is None and reply.response_id == "p"


@pytest.mark.parametrize("took", [0, -1, "3", True, None, 1e300])
def test_time_that_is_none_is_not_counted(took: Any) -> None:
    used = read({"id": "p", "status": "succeeded", "metrics": {"predict_time": took}}).usage
    assert used is None or took is True


def test_the_request_in_a_reply_is_no_text_of_the_models() -> None:
    assert read({"id": "p", "input": {"prompt": "asked"}, "output": ["a", "b"], "logs": "made"}).text == "ab"


def test_the_abort_event_is_an_error() -> None:
    assert DIALECT.abort_event("No.", "r").strip() == b'event: error\ndata: {"detail":"No. (weir rule: r)"}'
