"""Headers answer as mitmproxy's own methods do, which are taken from its source anew."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import mitmproxy.http
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.flow import Flow

from weir.edge.wire.quick import headers


def fresh() -> ModuleType:
    """mitmproxy's module again, beside the one that is in use."""
    spec = importlib.util.find_spec("mitmproxy.http")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # A flow's class enters itself into the table from which flows are read; the one in use has to stay there.
    Flow.__init_subclass__.__func__(mitmproxy.http.HTTPFlow)  # type: ignore[attr-defined]
    return module


STOCK = fresh().Headers
NAMES = st.sampled_from(["host", "Host", "ACCEPT", "x-a", "X-A", "ä", "\udcff", ""])
VALUES = st.sampled_from([b"", b"1", b"a, b", b"\xff", "ü".encode()])
FIELDS = st.lists(st.tuples(NAMES.map(lambda n: n.encode("utf-8", "surrogateescape")), VALUES), max_size=6)


def told(what: Any, *arguments: Any) -> tuple[str, Any]:
    """What came of a call, or the class of what it raised."""
    try:
        return "got", what(*arguments)
    except Exception as error:  # noqa: BLE001  which one it is, is what the test compares
        return "raised", type(error)


def test_they_are_in_place_and_the_others_are_not() -> None:
    assert mitmproxy.http.Headers.get is headers._get
    assert STOCK.__getitem__ is not headers._getitem


@settings(max_examples=50, deadline=None)
@given(FIELDS, NAMES, st.booleans())
def test_every_look_up_and_change_is_the_same(fields: list[tuple[bytes, bytes]], name: str, raw: bool) -> None:
    asked: Any = name.encode("utf-8", "surrogateescape") if raw else name
    ours, theirs = mitmproxy.http.Headers(list(fields)), STOCK(list(fields))
    for method in ("get_all", "get", "__getitem__", "__contains__"):
        assert told(getattr(ours, method), asked) == told(getattr(theirs, method), asked), method
    assert ours.get(asked, "none") == theirs.get(asked, "none")
    assert told(ours.__delitem__, asked) == told(theirs.__delitem__, asked)
    assert ours.fields == theirs.fields and bytes(ours) == bytes(theirs)
    ours[asked], theirs[asked] = "new", "new"
    assert (ours.pop(asked), ours.fields) == (theirs.pop(asked), theirs.fields)


@pytest.mark.parametrize("asked", [None, 1, bytearray(b"host"), ("host",)])
def test_names_that_are_none_fail_as_they_did(asked: Any) -> None:
    ours, theirs = mitmproxy.http.Headers([(b"Host", b"a")]), STOCK([(b"Host", b"a")])
    for method in ("get_all", "get", "__getitem__", "__contains__", "__delitem__"):
        assert told(getattr(ours, method), asked) == told(getattr(theirs, method), asked), method


@pytest.mark.parametrize(
    "fields", [[["host", "a"]], [(b"host", "a")], [[b"host", b"a"]], [(b"a",)], ((b"host", b"a"),), [], 7]
)
def test_headers_are_made_of_the_same_things(fields: Any) -> None:
    ours, theirs = told(mitmproxy.http.Headers, fields), told(STOCK, fields)
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1] if ours[0] == "raised" else ours[1].fields == theirs[1].fields
    assert mitmproxy.http.Headers(content_type="a").fields == STOCK(content_type="a").fields


def test_names_of_traffic_are_not_kept_for_ever() -> None:
    some = mitmproxy.http.Headers()
    for number in range(headers._KEYS_MAX + 200):
        assert some.get(f"x-{number}") is None
    assert len(headers._keys) <= headers._KEYS_MAX
