"""Bare host names: an answer a line, whatever stands in it."""

import io
import json
import random
import tracemalloc
from pathlib import Path

import pytest
import typer

from weir.cli.discover.hosts import LINE_MAX, classify_hosts, discover_hosts, place_of
from weir.sections import Services
from weir.shadow.catalogue import Catalogue
from weir.shadow.opinion import Opinion


@pytest.fixture(scope="module")
def opinion() -> Opinion:
    return Opinion(Catalogue.load(), Services(sanctioned=["openai"], unsanctioned=["country:CN"]))  # type: ignore[arg-type]


def answers(data: bytes, opinion: Opinion) -> list[dict]:
    out = io.BytesIO()
    count = classify_hosts(io.BytesIO(data), out.write, opinion)
    lines = out.getvalue().split(b"\n")
    assert lines.pop() == b"" and len(lines) == count
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("line", "host", "service"),
    [
        (b"api.openai.com", "api.openai.com", "openai"),
        (b"  API.OpenAI.com.\r", "api.openai.com", "openai"),
        (b"ab.chatgpt.com:443", "ab.chatgpt.com", "chatgpt"),
        (b"https://claude.ai/chat/1?x=y#z", "claude.ai", "claude-web"),
        (b"//claude.ai", "claude.ai", "claude-web"),
        (b'"claude.ai"', "claude.ai", "claude-web"),
        (b"https://x.com/i/grok?focus=1", "x.com", "grok-in-x"),
        (b"x.com", "x.com", None),
        (b"x.com/home", "x.com", None),
        (b"wss://sydney.bing.com:443/sydney/ChatHub", "sydney.bing.com", "ms-copilot"),
        ("ｃｈａｔｇｐｔ．ｃｏｍ".encode(), "chatgpt.com", "chatgpt"),
        ("bücher.example".encode(), "xn--bcher-kva.example", None),
        (b"https://me:word@api.openai.com/v1", "api.openai.com", "openai"),
        (b"https://me:word@no host/v1", "no host", None),
        (b"_dmarc.claude.ai", "_dmarc.claude.ai", "claude-web"),
        (b"", "", None),
        (b"   ", "", None),
        (b"192.0.2.7", "192.0.2.7", None),
        (b"[2001:db8::1]:443", "[2001:db8::1]:443", None),
        (b"2001:db8::1", "2001:db8::1", None),
        (b"..", "..", None),
        (b"\xff\xfe\x00", "\ufffd\ufffd\x00", None),
        ("\u202echatgpt.com".encode(), "\u202echatgpt.com", None),
        (b"some text.claude.ai", "some text.claude.ai", None),
        (b"a" * 10_000, "a" * 253, None),
        (b"chatgpt.com," + b"x" * 10_000, "chatgpt.com," + "x" * 241, None),
        ("ü".encode() * 10_000, "ü" * 253, None),
    ],
    ids=range(27),
)
def test_a_line(line: bytes, host: str, service: str | None, opinion: Opinion) -> None:
    _, found = answers(b"\n" + line + b"\n", opinion)
    assert (found["host"], found["service"]) == (host, service)
    assert list(found) == ["host", "service", "category", "status", "score"]
    assert (found["score"] is None) == (found["category"] is None) == (found["status"] is None) == (service is None)
    assert place_of(line)[0] == host


def test_status_and_score_are_the_policys(opinion: Opinion) -> None:
    good, bad = answers(b"api.openai.com\nchat.deepseek.com\n", opinion)
    assert (good["status"], bad["status"]) == ("sanctioned", "unsanctioned")
    assert good["score"] < 50 < bad["score"]
    assert good["category"] == "model-api"


def test_lines_are_kept_apart_wherever_the_reads_fall(opinion: Opinion) -> None:
    made = random.Random(7)
    lines = [made.randbytes(made.choice([0, 1, 5, 40, 300])).replace(b"\n", b"") for _ in range(300)]
    lines[40] = b"z" * (LINE_MAX * 5)

    class Drips(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(made.randrange(1, 2000))

    data = b"\n".join(lines) + b"\n"
    out = io.BytesIO()
    assert classify_hosts(Drips(data), out.write, opinion) == len(lines)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == answers(data, opinion)
    assert out.getvalue().isascii()


def test_the_last_line_needs_no_end(opinion: Opinion) -> None:
    assert [one["service"] for one in answers(b"\xef\xbb\xbfchatgpt.com\n\nclaude.ai", opinion)] == [
        "chatgpt", None, "claude-web"
    ]  # fmt: skip
    assert answers(b"", opinion) == []


def test_what_windows_writes(opinion: Opinion) -> None:
    found = answers("chatgpt.com\r\nclaude.ai\r\n".encode("utf-16"), opinion)
    assert [one["service"] for one in found] == ["chatgpt", "claude-web"]


def test_a_line_without_an_end_is_not_kept(opinion: Opinion) -> None:
    class Endless(io.RawIOBase):
        left = 64

        def read(self, size: int = -1, /) -> bytes:
            self.left -= 1
            return b"x" * (1 << 20) if self.left >= 0 else b""

    tracemalloc.start()
    try:
        assert classify_hosts(Endless(), lambda _: None, opinion) == 1  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_the_command(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    names, policy = tmp_path / "names", tmp_path / "policy.yaml"
    names.write_text("chatgpt.com\nexample.com\n")
    policy.write_text('version: 1\nservices: {tolerated: ["vendor:openai"]}\n')
    discover_hosts(str(names), policy)
    out = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(one["host"], one["status"]) for one in out] == [("chatgpt.com", "tolerated"), ("example.com", None)]
    with pytest.raises(typer.Exit) as ended:
        discover_hosts(str(tmp_path / "none"), policy)
    assert ended.value.exit_code == 2
    assert b"cannot be read" in capfdbinary.readouterr().err
