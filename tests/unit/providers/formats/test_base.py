from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import ClassVar

import pytest

from weir.model import Endpoint, Exchange, Inspection, Unparsed
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.replies.notes import Events

ENDPOINT = Endpoint("s", "plain", "chat", model="from-path")


class Plain(BaseDialect):
    id = "plain"
    sections: ClassVar = {"say": "user"}
    scalars: ClassVar = {"max": "max_tokens"}

    def events(self, exchange: Exchange) -> Events:
        raise AssertionError("not read here")


def test_parse() -> None:
    found = Plain().parse(
        b'{"say":"hi","max":3,"stream":true,"tools":[{"name":"t"},{"type":"u"},{"name":"t"}]}', ENDPOINT
    )
    assert (found.model, found.stream, found.tools) == ("from-path", True, ("t", "u"))
    assert found.parameters == {"max_tokens": 3}
    assert found.inspection is Inspection.INSPECTED
    assert "hi" not in repr(found)


def test_the_path_names_the_model_first() -> None:
    """A model that is allowed in the body must not hide one that is not in the path."""
    assert Plain().parse(b'{"model":"in-body"}', ENDPOINT).model == "from-path"
    assert Plain().parse(b'{"model":"in-body"}', replace(ENDPOINT, model="")).model == "in-body"


@pytest.mark.parametrize("model", ["in body with words", "gpt-5#say=this", "m" * 300, "gpt-5\u0000y"])
def test_only_a_plausible_name_is_a_model(model: str) -> None:
    found = Plain().parse(json.dumps({"model": model}).encode(), replace(ENDPOINT, model=model))
    assert found.model == ""
    assert found.segments[0].text == model


@pytest.mark.parametrize("body", [b"[]", b"", b"1", b"{", b"\xff"])
def test_unparsed(body: bytes) -> None:
    with pytest.raises(Unparsed):
        Plain().parse(body, ENDPOINT)


def test_a_members_name_is_not_edited() -> None:
    dialect = Plain()
    body = b'{"x":{"ann@corp.example":"v"}}'
    found = dialect.parse(body, ENDPOINT)
    assert [s.pointer for s in found.segments] == ["/x/0#key", "/x/ann@corp.example"]
    with pytest.raises(Unparsed, match="name"):
        dialect.replace(body, {"/x/0#key": "y"})
    assert dialect.replace(body, {"/x/ann@corp.example": "y"}) == b'{"x":{"ann@corp.example":"y"}}'


def test_scalars() -> None:
    names = {k: k for k in "abcdefg"}
    document = {"a": 1, "b": 0.5, "c": True, "d": math.inf, "e": "low", "f": "not a word", "g": [1]}
    assert scalars_of(document, names) == {"a": 1, "b": 0.5, "c": True, "e": "low"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (401, "authentication_error"), (403, "permission_error"), (503, "server_error")],
)
def test_refusal(status: int, kind: str) -> None:
    error = json.loads(Plain().refusal(status, "No.", "r-1"))["error"]
    assert error == {"message": "No. (weir rule: r-1)", "type": kind, "param": None, "code": "r-1"}


def test_compact_is_one_line() -> None:
    assert compact({"a": "x\r\n\u2028é"}) == b'{"a":"x\\r\\n\\u2028\\u00e9"}'


def test_headers_say_nothing_unless_a_format_has_some() -> None:
    assert Plain().header_usage({"x-usage": "5"}) is None
    assert Plain().refusal_headers(403) == {}
