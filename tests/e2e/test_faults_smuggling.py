"""Requests that two readers may read in two ways: what weir saw is what the provider gets, or nothing is sent."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.doubles import Doubles
from harness.faultclients import OPENAI, Raw, chat
from harness.faults import Faults
from harness.processes import until
from harness.weir import PROVIDER_HOSTS, write_policy

pytestmark = pytest.mark.xdist_group("faults-smuggling")  # one worker: its proxies are shared

BODY = chat()
LINE = b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
PLAIN = LINE + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
INNER = b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 0\r\n\r\n"

# Every one of these is refused: an honest client sends none.
REFUSED = {
    "length and chunks": LINE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "two lengths": LINE + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "a negative length": LINE + b"Content-Length: -1\r\n\r\n" + BODY,
    "a length with a plus": LINE + b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY,
    "chunked twice": LINE + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked under another name": LINE + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a folded header": LINE + b"X-A: b\r\n c\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "a space before the colon": LINE + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "NUL in a header": LINE + b"X-A: b\0c\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "CR in a header": LINE + b"X-A: b\rContent-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "a broken chunk size": LINE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "another host in the target": b"POST https://api.anthropic.com" + PLAIN.removeprefix(b"POST "),
    "another host in the header": b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.anthropic.com\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "chunks and length": LINE
    + b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    + b"0\r\n\r\n"
    + INNER,
    "chunked and something else": LINE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + INNER,
    "chunked, identity": LINE + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    "two lengths in one": LINE + b"Content-Length: %d, %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY,
    "a length in hexadecimal": LINE + b"Content-Length: 0x10\r\n\r\n" + BODY,
    "a header without a name": LINE + b": b\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "a first header that is folded": LINE.partition(b"\r\n")[0] + b"\r\n X: a\r\nHost: api.openai.com\r\n\r\n",
    "a chunk longer than it says": LINE + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a negative chunk": LINE + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
    "a chunk of more than there is": LINE + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 21 + b"\r\nabc\r\n0\r\n\r\n",
    "another port in the header": LINE.replace(b"Host: api.openai.com", b"Host: api.openai.com:x")
    + b"Content-Length: 0\r\n\r\n",
    "a user in the header": LINE.replace(b"Host: ", b"Host: api.anthropic.com@") + b"Content-Length: 0\r\n\r\n",
    "no host at all": b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "two hosts": LINE + b"Host: api.anthropic.com\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "no such protocol": b"POST /v1/chat/completions HTTP/9.9\r\nHost: api.openai.com\r\n\r\n",
    "garbage": b"\x00\x01\x02\x03 nothing of HTTP \r\n\r\n",
    "a request line without end": b"POST /" + b"a" * 300_000,
}


@pytest.fixture(scope="module")
def enforcing(shared_doubles: Doubles) -> Iterator[Faults]:
    artefacts = Path(os.environ["WEIR_TEST_RUN"]) / "artefacts"
    folder = Path(tempfile.mkdtemp(prefix="faults-smuggling-", dir=artefacts))
    keys = {f"{kind.upper()}_API_KEY": key for kind, key in shared_doubles.keys.items()}
    proxy = Faults(
        folder,
        write_policy(folder / "policy.yaml", dlp__processes=0),
        shared_doubles,
        environment=keys,
        hosts=PROVIDER_HOSTS,
    )
    yield proxy
    proxy.weir.stop()


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("first", [True, False], ids=["at-once", "after-a-good-request"])
def test_never_forwarded_always_recorded(enforcing: Faults, name: str, first: bool) -> None:
    enforcing.begin()
    raw = Raw(enforcing.weir).tunnel()
    good: set[str] = set()
    if not first:
        assert raw.reply_to(PLAIN).status in (200, 401)
        replies = until(lambda: [row for row in enforcing.records() if row["kind"] == "response"], "the reply's record")
        good.add(replies[0]["exchange_id"])
    outcome = raw.reply_to(REFUSED[name])
    raw.close()
    assert outcome.status in (0, 400, 403, 413, 431), outcome
    rows = until(lambda: [r for r in enforcing.records() if r["exchange_id"] not in good], "a record of it")
    assert [row["kind"] for row in rows] in (["block"], ["error"]), rows
    assert rows[0]["host"] == OPENAI
    assert rows[0].get("inspection_reason") or rows[0]["rule_id"] == "host-mismatch"
    assert len(enforcing.doubles.requests()) == len(good)


def test_nothing_broke(enforcing: Faults) -> None:
    output = enforcing.weir.process.output()
    assert "crashed" not in output and "Traceback" not in output
