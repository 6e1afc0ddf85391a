from __future__ import annotations

import pytest
import yaml

from weir.providers.services.operations import read_operations
from weir.providers.services.provider import Operation, Sign
from weir.providers.services.reader import FieldReader, compose

DIALECTS = frozenset({"openai_chat"})


def _read(lines: str) -> tuple[tuple[Operation, ...], list[str]]:
    root = compose("operations:\n" + lines, "f.yaml")
    assert isinstance(root, yaml.MappingNode)
    reader = FieldReader("f.yaml")
    return read_operations(reader, root.value[0][1], DIALECTS), reader.mistakes


def _one(members: str) -> Operation:
    operations, mistakes = _read(f"  - {{method: POST, operation: chat, {members}}}\n")
    assert not mistakes
    return operations[0]


def test_where_the_model_stands() -> None:
    assert _one("path: /chat").model_in == "body"
    assert _one("path: '/m/{model}'").model_in == "path"
    assert _one("path: '/d/{model}', model: deployment").model_in == "deployment"
    by_query = _one("path: /listen, model: {query: model}")
    assert (by_query.model_in, by_query.model_sign) == ("query", Sign(query="model"))
    by_header = _one("path: /chat, model: {header: X-Model}")
    assert (by_header.model_in, by_header.model_sign) == ("header", Sign(header="x-model"))


def test_what_tells_a_stream() -> None:
    assert _one("path: /chat, stream: true").stream
    operation = _one("path: /chat, stream: {header: X-SSE, is: Enable}")
    assert not operation.stream and operation.stream_sign == Sign(header="x-sse", value="enable")
    assert _one("path: /chat, shared: true").shared


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ("path: /chat, model: somewhere", "operations[0].model: is not known; write path, deployment, body"),
        ("path: /chat, model: path", "operations[0].model: is path, and the path says otherwise; write {model}"),
        ("path: /chat, model: deployment", "operations[0].model: is deployment, and the path says otherwise"),
        ("path: '/m/{model}', model: body", "operations[0].model: is body, and the path says otherwise; remove"),
        ("path: '/m/{model}', model: {query: m}", "operations[0].model: is said twice"),
        ("path: /chat, model: {query: m, header: x}", "operations[0].model: names no single place"),
        ("path: /chat, model: {cookie: m}", "operations[0].model.cookie: is not known"),
        ("path: /chat, model: {header: 'x y'}", "operations[0].model.header: is not a header's name"),
        ("path: /chat, stream: {header: x}", "operations[0].stream: does not say which value"),
        ("path: /chat, stream: maybe", "operations[0].stream: is not a yes or no"),
        ("path: /chat, shared: maybe", "operations[0].shared: is not a yes or no"),
        ("path: /chat, dialect: klingon", "operations[0].dialect: is not known; write one of openai_chat"),
        ("path: chat", "operations[0].path: not an absolute path"),
        ("path: /chat, colour: red", "operations[0].colour: is not known"),
    ],
)
def test_mistakes(members: str, said: str) -> None:
    _, mistakes = _read(f"  - {{method: POST, operation: chat, {members}}}\n")
    assert any(mistake.startswith(f"f.yaml:2: {said}") for mistake in mistakes), mistakes


@pytest.mark.parametrize(
    ("one", "other"),
    [("/chat", "/chat"), ("/Chat", "/chat/"), ("'/v1/{model}'", "'/v1/{id}'"), ("'/v1/{a}:go'", "'/v1/{b}:go'")],
)
def test_one_path_twice(one: str, other: str) -> None:
    line = "  - {{method: GET, operation: read, path: {}}}\n"
    _, mistakes = _read(line.format(one) + line.format(other))
    assert mistakes == ["f.yaml:3: operations[1]: stands twice; remove this or operations[0]"]
