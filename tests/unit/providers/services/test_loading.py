from __future__ import annotations

from pathlib import Path

import pytest

from weir.model import AuthPlace
from weir.providers.services.loading import ProviderFileError, read_directory, read_text
from weir.providers.services.provider import MANAGED

DIALECTS = frozenset({"openai_chat"})
GOOD = """\
id: acme
name: Acme
hosts: [api.acme.example, "*.acme.example"]
auth:
  - {header: Authorization, scheme: Bearer}
  - {query: key}
key_patterns:
  - {kind: api, regex: 'ak-[a-z]{4}'}
stream_usage: always
operations:
  - {method: POST, path: /v1/chat/completions, dialect: openai_chat, operation: chat}
  - {method: POST, path: '/v1/{model}:go', operation: files, stream: true}
"""


def test_a_good_file() -> None:
    provider = read_text(GOOD, "acme.yaml", DIALECTS)
    assert (provider.id, provider.name, provider.stream_usage) == ("acme", "Acme", "always")
    assert provider.auth == (AuthPlace(header="Authorization", scheme="Bearer"), AuthPlace(query="key"))
    pattern, kind = provider.key_patterns[0]
    assert kind == "api" and pattern.fullmatch("ak-abcd")
    assert [o.stream for o in provider.operations] == [False, True]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: acme", "id: Acme Co", ":1: id: is not an id"),
        ("id: acme\n", "", ":1: id: is missing"),
        ("name: Acme", "naem: Acme", ":2: provider.naem: is not known"),
        ("name: Acme", "name: Acme\nname: B", ":3: provider.name: stands twice"),
        ("api.acme.example,", "'https://x',", ":3: hosts[0]: is not a host"),
        ("api.acme.example,", "'*.acme.example',", ":3: hosts[1]: stands twice"),
        ("{query: key}", "{query: key, header: x}", ":6: auth[1]: names no single place"),
        ("{query: key}", "[query]", ":6: auth[1]: is not a mapping"),
        ("ak-[a-z]{4}", "ak-[", ":8: key_patterns[0].regex: is not a regex"),
        ("stream_usage: always", "stream_usage: maybe", ":9: stream_usage: is not known"),
        ("method: POST, path: /v1/chat", "method: SEND, path: /v1/chat", ":11: operations[0].method: is not known"),
        ("dialect: openai_chat", "dialect: klingon", ":11: operations[0].dialect: is not known"),
        ("operation: chat", "operation: Chat!", ":11: operations[0].operation: is not a word"),
        ("/v1/{model}:go", "v1", ":12: operations[1].path: not an absolute path"),
        ("stream: true", "stream: perhaps", ":12: operations[1].stream: is not a yes or no"),
        ("/v1/{model}:go", "/v1/chat/completions", ":12: operations[1]: stands twice"),
        ("id: acme", "id: [", ": file: is not YAML"),
        ("operations:\n", "operations: 3\nx:\n", ":10: operations: is not a list"),
    ],
)
def test_mistakes_name_their_line(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ProviderFileError) as caught:
        read_text(GOOD.replace(old, new, 1), "acme.yaml", DIALECTS)
    assert any(said in mistake and "; " in mistake for mistake in caught.value.mistakes), caught.value


def test_what_a_virtual_key_opens() -> None:
    assert read_text(GOOD, "acme.yaml", DIALECTS).virtual_key_operations == MANAGED
    provider = read_text(GOOD + "virtual_key_operations: [files]\n", "acme.yaml", DIALECTS)
    assert provider.virtual_key_operations == {"files"}
    assert read_text(GOOD + "virtual_key_operations: []\n", "acme.yaml", DIALECTS).virtual_key_operations == frozenset()
    with pytest.raises(ProviderFileError, match=r":13: virtual_key_operations\[0\]: is no operation of this provider"):
        read_text(GOOD + "virtual_key_operations: [messages]\n", "acme.yaml", DIALECTS)


def test_all_mistakes_at_once() -> None:
    with pytest.raises(ProviderFileError) as caught:
        read_text(GOOD.replace("acme", "ACME").replace("POST", "SEND"), "acme.yaml", DIALECTS)
    assert len(caught.value.mistakes) >= 4


def test_an_empty_file() -> None:
    with pytest.raises(ProviderFileError, match="is empty"):
        read_text("", "e.yaml", DIALECTS)


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    assert [p.id for p in read_directory(tmp_path, DIALECTS)] == ["acme"]
    (tmp_path / "b.yaml").write_text(GOOD.replace("id: acme", "id: other"))
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    (tmp_path / "d.yaml").write_text("#" * 300_000)
    with pytest.raises(ProviderFileError) as caught:
        read_directory(tmp_path, DIALECTS)
    text = str(caught.value)
    for said in ("is already taken by a.yaml", "is not UTF-8", "is larger than"):
        assert said in text
