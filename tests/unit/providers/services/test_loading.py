from __future__ import annotations

from pathlib import Path

import pytest

from weir.model import AuthPlace
from weir.providers.services.loading import ProviderFileError, load_directory, read_directory, read_text
from weir.providers.services.provider import MANAGED, Noted

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


RICH = """\
id: rich
name: Rich
hosts:
  - api.rich.example
  - "run.*.rich.example"
shared_hosts:
  - "*.shared.example"
key_hosts: [api.rich.example]
auth:
  - {header: x-key}
  - {subprotocol: rich-key.}
key_patterns:
  - {kind: api, regex: 'rk-[a-z]{4}'}
headers:
  request: [X-Project]
  response: [x-request-id, 'x-ratelimit-*']
session_cookies: [rich-session*]
bearer: api
shapes: true
evidence:
  - sdk
  - https://rich.example/docs
unverified:
  - key_patterns
  - "run.*.rich.example"
  - /v1/go
  - x-project
operations:
  - {method: POST, path: /v1/chat, dialect: openai_chat, operation: chat, shared: true}
  - {method: POST, path: /v1/go, operation: files}
"""


def test_all_of_the_schema() -> None:
    provider = read_text(RICH, "rich.yaml", DIALECTS)
    assert provider.hosts == ("api.rich.example", "run.*.rich.example")
    assert provider.shared_hosts == ("*.shared.example",)
    assert provider.bound_hosts == ("api.rich.example",)
    nowhere = read_text(RICH.replace("key_hosts: [api.rich.example]", "key_hosts: []"), "rich.yaml", DIALECTS)
    assert nowhere.bound_hosts == ()
    assert provider.auth == (AuthPlace(header="x-key"), AuthPlace(subprotocol="rich-key."))
    assert provider.headers == Noted(("x-project",), ("x-request-id", "x-ratelimit-*"))
    assert provider.session_cookies == ("rich-session*",) and provider.bearer == "api"
    assert provider.shapes and provider.evidence == ("sdk", "https://rich.example/docs")
    assert provider.unverified == ("key_patterns", "run.*.rich.example", "/v1/go", "x-project")
    assert [o.shared for o in provider.operations] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("api.rich.example\n", "co.uk*\n", ":4: hosts[0]: is too wide"),
        ("run.*.rich.example", "*.co.uk", ":5: hosts[1]: would catch everybody's domains below co.uk"),
        ("*.shared.example", "api.rich.example", ":7: shared_hosts[0]: stands in hosts and in shared_hosts"),
        ("[api.rich.example]", "[other.example]", ":8: key_hosts[0]: is no host of this provider"),
        ("{header: x-key}", "{scheme: Bearer}", ":10: auth[0]: names no single place"),
        ("rich-key.}", "a, scheme: b}", ":11: auth[1].scheme: stands beside no header"),
        ("{subprotocol: rich-key.}", "{subprotocol: a, query: b}", ":11: auth[1]: names no single place"),
        ("rk-[a-z]{4}", "[a-z]*", ":13: key_patterns[0].regex: matches the empty text"),
        ("kind: api,", "", ":13: key_patterns[0]: is not whole"),
        ("[X-Project]", "['X Project']", ":15: headers.request[0]: is not a header's name"),
        ("[X-Project]", "[Authorization]", ":15: headers.request[0]: holds credentials"),
        ("request: [", "sent: [", ":15: headers.sent: is not known"),
        ("bearer: api", "bearer: oauth", ":18: bearer: is no kind of key here"),
        ("shapes: true", "shapes: often", ":19: shapes: is not a yes or no"),
        ("- sdk", "- hearsay", ":21: evidence[0]: is not a source"),
        ("- /v1/go\n", "- /v1/gone\n", ":26: unverified[2]: does not stand in this file"),
        ("- key_patterns\n", "- stream_usage\n", ":24: unverified[0]: does not stand in this file"),
        (", shared: true", "", ":7: shared_hosts: don't fit the operations; mark the operations"),
    ],
)
def test_mistakes_in_all_of_the_schema(old: str, new: str, said: str) -> None:
    assert old in RICH
    with pytest.raises(ProviderFileError) as caught:
        read_text(RICH.replace(old, new, 1), "rich.yaml", DIALECTS)
    assert any(said in mistake and "; " in mistake for mistake in caught.value.mistakes), caught.value


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
    for said in (f"b.yaml:3: api.acme.example: is already taken by {tmp_path}/a.yaml:3", "UTF-8", "is larger than"):
        assert said in text


SECOND = GOOD.replace("id: acme", "id: second")
SHARED = GOOD.replace("hosts:", "shared_hosts:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("hosts: [api.acme.example", "hosts: [x.other.example"), "b.yaml:1: acme: is already taken by"),
        (
            SECOND.replace('[api.acme.example, "*.acme.example"]', "[one.acme.example]"),
            "b.yaml:3: one.acme.example: ov",
        ),
        (SECOND.replace('[api.acme.example, "*.acme.example"]', "[one.acme2.example]"), ""),
        (SHARED.replace("id: acme", "id: second"), ""),
    ],
)
def test_two_files(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(text)
    if not said:
        assert len(read_directory(tmp_path, DIALECTS)) == 2
        return
    with pytest.raises(ProviderFileError) as caught:
        read_directory(tmp_path, DIALECTS)
    assert any(said in mistake for mistake in caught.value.mistakes), caught.value


def test_two_that_claim_the_same_path_of_a_shared_host(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SHARED)
    (tmp_path / "b.yaml").write_text(SHARED.replace("id: acme", "id: second"))
    with pytest.raises(
        ProviderFileError, match=r"b\.yaml:3: .*: POST /v1/chat/completions there is also in .*a\.yaml:3"
    ):
        read_directory(tmp_path, DIALECTS)


def test_a_trusted_directory_is_not_asked_for_public_suffixes(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace("*.acme.example", "*.co.uk"))
    (loaded,) = load_directory(tmp_path, DIALECTS, trusted=True)
    assert loaded.places == {"acme": f"{tmp_path}/a.yaml:1", "api.acme.example": f"{tmp_path}/a.yaml:3",
                             "*.co.uk": f"{tmp_path}/a.yaml:3"}  # fmt: skip
    with pytest.raises(ProviderFileError, match="everybody"):
        read_directory(tmp_path, DIALECTS)
