"""Scoring is total: any input gives a sighting, and more evidence never makes less of it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from weir.shadow.catalogue import Catalogue
from weir.shadow.clients import KINDS, client_of
from weir.shadow.downloads import FORMATS, download_of
from weir.shadow.signals import GROUPS, score

CATALOGUE = Catalogue.load()

TEXT = st.text(max_size=200)
HEADERS = st.lists(st.tuples(TEXT, TEXT), max_size=20)
KEYS = (
    "model",
    "messages",
    "role",
    "content",
    "input",
    "prompt",
    "contents",
    "parts",
    "jsonrpc",
    "method",
    "params",
    "object",
    "choices",
    "delta",
    "usage",
    "type",
    "candidates",
    "response",
    "request",
    "data",
    "result",
    "tools",
    "inputs",
    "parameters",
    "id",
    "done",
    "output",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
BODY = st.binary(max_size=500) | JSON.map(lambda v: json.dumps(v).encode())
START = BODY | BODY.map(lambda b: b"data: " + b + b"\n\n")


@given(TEXT, TEXT, TEXT, HEADERS, st.none() | BODY, HEADERS, START)
def test_any_exchange_has_a_sighting(method, host, path, headers, body, reply_headers, start) -> None:
    sighting = score(method, host, path, headers, body, reply_headers, start)
    assert 0 <= sighting.score <= 100
    assert set(sighting.groups) <= set(GROUPS)
    assert sighting.is_ai == (len(sighting.groups) >= 2 and sighting.score >= 50)
    assert bool(sighting.kind) == sighting.is_ai


@given(HEADERS, BODY, START)
def test_a_reply_only_adds(headers, body, start) -> None:
    before = score("POST", "h", "/v1/messages", headers, body)
    after = score("POST", "h", "/v1/messages", headers, body, (), start)
    assert after.score >= before.score
    assert set(after.signals) >= set(before.signals)
    assert after.is_ai or not before.is_ai


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=6),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())
PLAIN = {"User-Agent": "python-httpx/0.28.1", "Accept": "*/*", "Content-Type": "application/json"}
PATHS = st.sampled_from(
    ["/v1/responses", "/v1/messages", "/v1/completions", "/api/chat", "/generate", "/v1/embeddings"]
)


@given(PATHS, ANY_JSON, ANY_JSON)
def test_random_documents_are_never_ai_even_where_ai_would_be(path, body, reply) -> None:
    sighting = score("POST", "app.example.com", path, PLAIN, body, {"Server": "uvicorn"}, reply)
    assert not sighting.is_ai, sighting


@given(JSON.map(lambda value: json.dumps(value).encode()), ANY_JSON)
def test_random_documents_of_ai_words_are_never_ai_by_themselves(body, reply) -> None:
    sighting = score("POST", "app.example.com", "/v1/items", PLAIN, body, {}, reply)
    assert not sighting.is_ai, sighting
    sighting = score("POST", "app.example.com", "/v1/items", PLAIN, reply, {}, body)
    assert not sighting.is_ai, sighting


@given(TEXT, TEXT, HEADERS, START)
def test_clients_and_downloads_of_anything(host, path, headers, start) -> None:
    client = client_of(headers)
    assert client is None or client.kind in KINDS
    found = download_of("GET", host, path, headers, start)
    assert found is None or (found.format in FORMATS and len(found.name) <= 200)


@given(st.text(max_size=300), st.none() | st.text(max_size=300))
def test_any_host_and_path_can_be_looked_up(host, path) -> None:
    found = CATALOGUE.by_host(host, path)
    assert found is None or found.id in CATALOGUE.services


@given(
    st.sampled_from(sorted(h for h in CATALOGUE.hosts if "*" not in h)), st.text(alphabet="abcdefghij.-", max_size=20)
)
def test_what_only_ends_or_begins_like_a_known_host_is_not_it(host, extra) -> None:
    label = "x" + extra.replace(".", "")
    assert CATALOGUE.by_host(f"{host}.{label}zz.invalid") is None
    found = CATALOGUE.by_host(label + host)
    assert found is None or any(p.startswith("*") or ".*." in p for p in CATALOGUE.entries[found.id].hosts), (
        "only a pattern may match a longer name"
    )
