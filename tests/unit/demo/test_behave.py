"""Behaviours: how they are said, and that encoders keep every event readable as it comes."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

import weir.demo.behave as behave
from weir.demo.behave import NAMES, Gates, Rule, encoder, model_behaviour, parse


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", {}),
        ("cut=3", {"cut": "3"}),
        ("cut=3, reset ,say=a%2Cb", {"cut": "3", "reset": "", "say": "a,b"}),
    ],
)
def test_parse(text: str, options: dict[str, str]) -> None:
    assert parse(text) == options


def test_an_unknown_behaviour_is_an_error() -> None:
    with pytest.raises(ValueError, match="fly"):
        parse("fly=1")


def test_every_behaviour_is_described() -> None:
    assert set(re.findall(r"``([a-z_]+)[=`]", behave.__doc__ or "")) - {"cut"} == NAMES - {"cut"}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/chat/completions", b'{"model":"gpt-5#cut=3"}', "cut=3"),
        ("/v1/chat/completions", b'{"model":"gpt-5","x":"#cut=3"}', ""),
        ("/v1/chat/completions", b"#{", ""),
        ("/v1beta/models/gemini%23cut=3:generateContent", b"", "cut=3"),
        ("/v1/messages", b"{}", ""),
    ],
)
def test_behaviour_in_a_model_name(path: str, body: bytes, said: str) -> None:
    assert model_behaviour(path, body) == said


def test_a_rule_is_used_up() -> None:
    rule = Rule({"reset": ""}, host="a.example", path="/v1", times=2)
    asked = [
        ("b.example", "/v1"),
        ("a.example", "/v2"),
        ("a.example", "/v1/x"),
        ("a.example", "/v1"),
        ("a.example", "/v1"),
    ]
    assert [rule.take(*one) for one in asked] == [False, False, True, True, False]


def inflate() -> Callable[[bytes], bytes]:
    return zlib.decompressobj(47).decompress


DECODERS = {
    "gzip": inflate,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


@pytest.mark.parametrize("name", DECODERS)
def test_each_event_can_be_decoded_as_it_comes(name: str) -> None:
    coder = encoder("", name, stream=True)
    assert coder is not None
    decode = DECODERS[name]()
    for part in (b"data: one\n\n", b"data: two\n\n"):
        assert decode(coder.feed(part)) == part
    assert decode(coder.finish()) == b""


@pytest.mark.parametrize(
    ("accepts", "forced", "stream", "name"),
    [
        ("gzip, deflate, br", "", False, "br"),
        ("gzip", "", False, "gzip"),
        ("zstd;q=0.5, gzip", "", False, "zstd"),
        ("gzip", "", True, None),
        ("gzip", "identity", False, None),
        ("", "", False, None),
        ("", "gzip", True, "gzip"),
    ],
)
def test_which_coding(accepts: str, forced: str, stream: bool, name: str | None) -> None:
    coder = encoder(accepts, forced, stream=stream)
    assert (coder.name if coder else None) == name


async def queue(gates: Gates, count: int) -> None:
    """Return when ``count`` wait at gate g."""
    for _ in range(1000):
        if gates.waiting.get("g") == count:
            return
        await asyncio.sleep(0)
    raise AssertionError(gates.waiting)


def test_gates_let_through_as_many_as_released() -> None:
    async def scene() -> None:
        gates = Gates()
        tasks = [asyncio.create_task(gates.enter("g")) for _ in range(3)]
        await queue(gates, 3)
        await gates.release("g")
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        assert gates.waiting["g"] == 2
        await gates.release("g", None)
        await asyncio.gather(*tasks)
        await gates.enter("g")  # open from now on
        await gates.clear()
        later = asyncio.create_task(gates.enter("g"))
        await queue(gates, 1)
        assert not later.done()
        await gates.release("g", 1)
        await later

    asyncio.run(asyncio.wait_for(scene(), 60))
