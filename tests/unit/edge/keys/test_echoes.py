"""The company's key does not come back out of what a provider repeats, however that is cut or spelt."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from weir.edge.head import Head
from weir.edge.keys.echoes import Echo, Quiet, echo_of, hide, hide_in
from weir.keys.credentials import Presented
from weir.model import AuthPlace, Reply, Secret

REAL = "-".join(["real", "synthetic+key", "of/the=company"])
OWN = "-".join(["own", "synthetic", "key"])
SAID = f"Incorrect API key provided: {REAL}. See /?key=real-synthetic%2Bkey-of%2Fthe%3Dcompany&x=1".encode()
CLEAN = f"Incorrect API key provided: {OWN}. See /?key={OWN}&x=1".encode()


class _Plain:
    def feed(self, data: bytes) -> bytes:
        return data

    def close(self) -> bytes:
        return b"!"

    def reply(self) -> Reply:
        return Reply(model="m1")


def trace(*, given: str | None = REAL, virtual: bool = True) -> Any:
    return SimpleNamespace(
        head=Head(),
        given=None if given is None else Secret(given),
        look=None,
        pipe=None,
        snapshot=SimpleNamespace(settings=SimpleNamespace(limits=SimpleNamespace(reply_bytes_max=1 << 20))),
        presented=(Presented(AuthPlace(header="authorization"), OWN, 0, declared=True, virtual=virtual),),
    )


@pytest.mark.parametrize("size", [1, 2, 7, 31, 32, 1000])
def test_a_key_is_taken_out_however_it_is_cut(size: int) -> None:
    quiet, out = Quiet(_Plain(), Echo(REAL, OWN)), b""
    for start in range(0, len(SAID), size):
        out += quiet.feed(SAID[start : start + size])
        assert REAL.encode() not in out
    assert out + quiet.close() == CLEAN + b"!"
    assert quiet.reply().model == "m1" and quiet.work(9, end=False) == 0 and quiet.ending(b"a", b"b") == b""


def test_what_only_begins_like_the_key_passes() -> None:
    quiet = Quiet(_Plain(), Echo(REAL, OWN))
    begun = REAL[:9].encode()
    assert quiet.feed(b"say " + begun) == b"say "
    assert quiet.feed(b" and on") == begun + b" and on"


def test_headers() -> None:
    flow = tflow.tflow(resp=http.Response.make(307, b"", {"location": f"https://x.example/?key={REAL}", "x-a": "1"}))
    hide(trace(), flow)
    assert flow.response and dict(flow.response.headers) == {
        "location": f"https://x.example/?key={OWN}", "x-a": "1", "content-length": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        REAL,
        REAL.replace("/", r"\/"),
        "real-synthetic%2bkey-of%2fthe%3dcompany",
        "real-synthetic%2Bkey-of/the%3Dcompany",
    ],
)
def test_spellings(said: str) -> None:
    assert Echo(REAL, OWN).out_of(f'{{"key": "{said}"}}'.encode()) == f'{{"key": "{OWN}"}}'.encode()
    plain = Echo(REAL.replace("/", "").replace("+", "").replace("=", ""), OWN)
    assert len(plain._pairs) == 1


def test_trailers() -> None:
    trailers = http.Headers([(b"x-asked", f"/?key={REAL}".encode())])
    hide_in(trace(), trailers)
    assert trailers["x-asked"] == f"/?key={OWN}"


def test_a_body_that_nobody_else_reads() -> None:
    flow, seen = tflow.tflow(resp=http.Response.make(403, b"x", {"content-type": "text/html"})), trace()
    hide(seen, flow)
    assert flow.response and "content-length" not in flow.response.headers
    assert b"".join([*seen.pipe.feed(SAID[:40]), *seen.pipe.feed(SAID[40:]), *seen.pipe.close()]) == CLEAN


@pytest.mark.parametrize(
    "odd",
    [trace(given=None), trace(virtual=False), trace(given="short")],
    ids=["no key went out, or it signed", "nothing was replaced", "too short"],
)
def test_where_there_is_nothing_to_take_out(odd: Any) -> None:
    assert echo_of(odd) is None
    flow = tflow.tflow(resp=True)
    hide(odd, flow)
    assert flow.response and flow.response.headers == tflow.tflow(resp=True).response.headers  # type: ignore[union-attr]


def test_nothing_shows_in_its_name(tmp_path: Path) -> None:
    assert REAL not in repr(Echo(REAL, OWN)) and OWN not in repr(Echo(REAL, OWN))


def test_what_is_made_of_a_key_is_made_once_a_head_and_anew_for_another_key() -> None:
    one = trace()
    first = echo_of(one)
    assert first is not None and echo_of(one) is first
    one.given = Secret(REAL[::-1])
    other = echo_of(one)
    assert other is not None and other is not first
    assert other.out_of(f"{REAL} {REAL[::-1]}".encode()) == f"{REAL} {OWN}".encode()
