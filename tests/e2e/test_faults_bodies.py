"""Requests that can't be read: refused under ``enforce``, passed on byte by byte under ``observe``, always recorded."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.bombs import gzip_bomb
from harness.canary import CANARIES
from harness.doubles import Doubles
from harness.faultclients import OPENAI, Outcome, Raw, ask, chat, head
from harness.faults import Faults
from harness.processes import until
from harness.weir import PROVIDER_HOSTS, write_policy

pytestmark = pytest.mark.xdist_group("faults-bodies")  # one worker: its proxies are shared

LIMIT = 400_000
TARGET = "/v1/chat/completions"


def start(base: str, doubles: Doubles) -> Faults:
    artefacts = Path(os.environ["WEIR_TEST_RUN"]) / "artefacts"
    folder = Path(tempfile.mkdtemp(prefix=f"faults-bodies-{base}-", dir=artefacts))
    policy = write_policy(folder / "policy.yaml", base, dlp__processes=0, limits={"body_bytes_max": LIMIT})
    keys = {f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()}
    return Faults(folder, policy, doubles, environment=keys, hosts=PROVIDER_HOSTS)


@pytest.fixture(scope="module")
def enforcing(shared_doubles: Doubles) -> Iterator[Faults]:
    proxy = start("enforce", shared_doubles)
    yield proxy
    proxy.weir.stop()


@pytest.fixture(scope="module")
def observing(shared_doubles: Doubles) -> Iterator[Faults]:
    proxy = start("observe", shared_doubles)
    yield proxy
    proxy.weir.stop()


TEXT = chat()
UNREADABLE: dict[str, tuple[bytes, dict[str, str]]] = {
    "bad gzip": (b"\x1f\x8b\x08\x00" + TEXT, {"content-encoding": "gzip"}),
    "gzip cut short": (gzip.compress(chat("x" * 5000))[:-40], {"content-encoding": "gzip"}),
    "plain text said to be gzip": (TEXT, {"content-encoding": "gzip"}),
    "unknown coding": (TEXT, {"content-encoding": "compress"}),
    "ten codings": (TEXT, {"content-encoding": ", ".join(["gzip"] * 10)}),
    "gzip bomb": (gzip_bomb(64), {"content-encoding": "gzip"}),
    "invalid UTF-8": (TEXT.replace(b"How", b"H\xff\xfew"), {}),
    "UTF-16": (TEXT.decode().encode("utf-16"), {}),
    "duplicate keys": (b'{"model":"gpt-5-mini","messages":[],' + TEXT[1:], {}),
    "JSON cut short": (TEXT[:-2], {}),
    "two documents": (TEXT + TEXT, {}),
    "depth bomb": (b"[" * 100_000, {}),
    "depth bomb in a field": (TEXT[:-1] + b', "x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}),
    "NaN": (TEXT[:-1] + b', "temperature": NaN}', {}),
    "a list": (b"[1, 2, 3]", {}),
    "not JSON": (b"model=gpt-5-mini&prompt=hello", {}),
    "over the limit": (chat("x" * LIMIT), {}),
}


def send(proxy: Faults, body: bytes, headers: dict[str, str]) -> Outcome:
    key = f"Bearer {proxy.doubles.keys['openai']}"
    return ask(proxy.weir, body, authorization=key, **headers)


@pytest.mark.parametrize("name", UNREADABLE)
def test_enforcing_refuses_what_it_cannot_read(enforcing: Faults, name: str) -> None:
    body, headers = UNREADABLE[name]
    enforcing.begin()
    began = time.monotonic()
    outcome = send(enforcing, body, headers)
    assert 400 <= outcome.status < 600 and outcome.status != 502 and not outcome.cut, outcome
    assert enforcing.doubles.requests() == []
    record = until(enforcing.records, "a record")[-1]
    assert record["kind"] == "block" and record["action"] == "block" and record["rule_id"] == "on-failure"
    assert record["inspection"] in ("unparsed", "failed") and record["inspection_reason"]
    assert time.monotonic() - began < 45


@pytest.mark.parametrize("name", UNREADABLE)
def test_observing_passes_it_on_byte_by_byte(observing: Faults, name: str) -> None:
    body, headers = UNREADABLE[name]
    observing.begin()
    send(observing, body, headers)
    received = observing.doubles.only()
    assert received.complete and received.body == body
    assert received.header("content-encoding") == headers.get("content-encoding", "")
    # That of the exchange before may be written only now.
    records = until(
        lambda: [r for r in observing.records() if r["kind"] == "response" and r["req_bytes"] == len(body)],
        "the reply's record, with all its bytes",
    )
    assert records[-1]["inspection"] in ("unparsed", "failed")


def test_a_credential_in_a_body_nobody_can_parse_is_seen_all_the_same(observing: Faults) -> None:
    key = CANARIES.plant("AKIA" + "Z7Q3NLXW5KRVTB2D", "an AWS key in a broken body")
    observing.begin()
    send(observing, TEXT[:-2].replace(b"How", key.encode()), {})
    rows = until(lambda: [row for row in observing.records() if row["kind"] == "request"], "a record")
    assert (rows[-1]["verdict"], rows[-1]["rule_id"]) == ("block", "no-credentials-leave")


def test_a_refusal_reaches_a_client_that_still_uploads(enforcing: Faults) -> None:
    enforcing.begin()
    raw = Raw(enforcing.weir).tunnel()
    size = 100 * LIMIT
    raw.send(head(None, OPENAI, TARGET, "POST", {"Content-Length": str(size)}))
    sent = 0
    try:
        while sent < size:
            raw.send(b"x" * 65536)
            sent += 65536
    except OSError:  # it does not want any more
        pass
    assert sent < size // 2
    outcome = raw.reply()
    assert outcome.status in (0, 413), outcome  # 0: the reset outran the answer
    raw.close()
    assert enforcing.doubles.requests() == []
    record = enforcing.naming("body over the limit")
    assert (record["kind"], record["inspection"], record["action"]) == ("block", "failed", "block")


def test_chunked_requests_are_read_like_all_others(enforcing: Faults) -> None:
    key = f"Bearer {enforcing.doubles.keys['openai']}"
    mine = CANARIES.plant("AKIA" + "Y6P2MKWV4JQUSA3C", "an AWS key in chunks")
    for text, status, seen in (("How are you?", 200, 1), (f"use {mine}", 403, 0)):
        enforcing.begin()
        body = chat(text)
        raw = Raw(enforcing.weir).tunnel()
        raw.send(head(None, OPENAI, TARGET, "POST", {"Transfer-Encoding": "chunked", "Authorization": key}))
        for start_ in range(0, len(body), 7):
            piece = body[start_ : start_ + 7]
            raw.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        outcome = raw.reply_to(b"0\r\n\r\n")
        raw.close()
        assert outcome.status // 100 == status // 100, outcome
        received = enforcing.doubles.requests()
        assert len(received) == seen and all(one.body == body for one in received)


def test_expect_100_continue(enforcing: Faults) -> None:
    enforcing.begin()
    key = f"Bearer {enforcing.doubles.keys['openai']}"
    raw = Raw(enforcing.weir).tunnel()
    raw.send(
        head(
            None,
            OPENAI,
            TARGET,
            "POST",
            {"Expect": "100-continue", "Content-Length": str(len(TEXT)), "Authorization": key},
        )
    )
    raw.sock.settimeout(10)
    assert raw.sock.recv(25).startswith(b"HTTP/1.1 100")
    raw.send(TEXT)
    outcome = raw.reply()
    raw.close()
    assert outcome.status == 200
    assert enforcing.doubles.only().body == TEXT


def test_an_empty_body_holds_nothing_and_says_so(enforcing: Faults) -> None:
    enforcing.begin()
    send(enforcing, b"", {})
    record = next(row for row in enforcing.records() if row["kind"] in ("request", "block"))
    assert (record["inspection"], record["inspection_reason"]) == ("partial", "no body")


def test_a_body_shorter_than_it_says_is_never_forwarded(enforcing: Faults) -> None:
    enforcing.begin()
    raw = Raw(enforcing.weir).tunnel()
    raw.send(head(None, OPENAI, TARGET, "POST", {"Content-Length": "500"}) + TEXT)
    raw.close()
    assert until(enforcing.records, "a record")[-1]["host"] == OPENAI
    assert enforcing.doubles.requests() == []


def test_json_answers_are_the_providers_own_shape(enforcing: Faults) -> None:
    enforcing.begin()
    outcome = send(enforcing, TEXT[:-2], {})
    assert outcome.rule == "on-failure"
    assert json.loads(outcome.body)["error"]["message"]
