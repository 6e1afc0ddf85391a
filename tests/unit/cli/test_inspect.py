"""``weir inspect``: one line an exchange, exit codes, and no content anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.test import tflow

from harness.recorded import exchange, har, mitm
from harness.rig import ADDRESS
from unit.cli.test_inspecting import inspector

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "a quiet question"}]}
STREAM = (
    b'data: {"id":"c","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"quiet"}}]}\n\n'
    b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}\n\ndata: [DONE]\n\n'
)
URL = "https://api.openai.com/v1/chat/completions"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default policy's detectors, loaded once for all of these tests."""
    monkeypatch.setattr("weir.cli.scan.engine_for", lambda command, settings, data: inspector().engine)


def quiet() -> Any:
    return exchange(URL, {**CHAT, "stream": True}, STREAM, kind="text/event-stream")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("write", [mitm, har])
def test_people_get_a_line_an_exchange(weir: Callable[..., Any], tmp_path: Path, write: Any) -> None:
    done = weir("inspect", write(tmp_path / "a", [quiet(), exchange("https://shop.example/", {}, {})]))
    head, line = done.out.splitlines()
    assert done.code == 0 and head.split()[:4] == ["#", "service", "operation", "dialect"]
    assert line.split() == ["1", "openai", "chat", "openai_chat", "gpt-4o-2024-08-06", "stream", "200", "9", "3",
                            "reported", "0.000052", "-", "-", "inspected"]  # fmt: skip
    assert "1 AI exchange, $0.000052; 0 findings; 1 of no AI service" in done.err
    assert "quiet" not in done.out + done.err


@pytest.mark.usefixtures("quick")
def test_a_narrow_terminal_gets_fewer_columns(
    weir: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # rich's word for "take this for a terminal"
    path = mitm(tmp_path / "a", [quiet()])
    narrow = weir("inspect", path)
    assert narrow.out.splitlines()[0].split() == ["#", "service", "model", "in", "out", "usd", "findings", "inspection"]
    assert all(len(line) <= 80 for line in narrow.out.splitlines()) and "more columns in" in narrow.err
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    wide = weir("inspect", path)
    assert "openai_chat" in wide.out and "more columns" not in wide.err


@pytest.mark.usefixtures("quick")
def test_programs_get_a_document_a_line(weir: Callable[..., Any], tmp_path: Path) -> None:
    found = exchange(URL, {**CHAT, "messages": [{"role": "user", "content": f"mail {ADDRESS}"}]}, {"choices": []})
    done = weir("inspect", mitm(tmp_path / "a", [quiet(), tflow.ttcpflow(), found]), "--format", "json")
    first, second = map(json.loads, done.out.splitlines())
    assert done.code == 1 and [first["number"], second["number"]] == [1, 3]
    assert first["usage"] == {"source": "reported", "input_tokens": 9, "output_tokens": 3, "cache_read_tokens": 0,
                              "cache_write_tokens": 0, "reasoning_tokens": 0}  # fmt: skip
    assert first["cost"]["nano_usd"] == 52_500 and first["findings"] == []
    assert second["findings"] == [{"detector": "pii/EMAIL_ADDRESS", "count": 1, "in_reply": 0}]
    assert ADDRESS not in done.out + done.err and "1 tcp, not HTTP" in done.err


@pytest.mark.usefixtures("quick")
def test_what_could_not_be_inspected_is_no_success(weir: Callable[..., Any], tmp_path: Path) -> None:
    done = weir("inspect", mitm(tmp_path / "a", [exchange(URL, b"{no json", {})]))
    assert done.code == 1 and "1 not inspected" in done.err and "unparsed: not JSON" in done.out


@pytest.mark.usefixtures("quick")
def test_a_damaged_file_gives_what_stands_before_the_damage(weir: Callable[..., Any], tmp_path: Path) -> None:
    path = mitm(tmp_path / "a", [quiet(), quiet()])
    path.write_bytes(path.read_bytes()[:-30])
    done = weir("inspect", path)
    assert done.code == 1 and len(done.out.splitlines()) == 2
    assert f"weir inspect: {path} is damaged or cut off: flow 2" in done.err


@pytest.mark.parametrize("text", ["", "no flows", '{"log": {}}'])
def test_what_is_no_recording(weir: Callable[..., Any], tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text)
    done = weir("inspect", tmp_path / "a")
    assert (done.code, done.out) == (2, "") and done.err.startswith("weir inspect:") and len(done.err.splitlines()) == 1


def test_a_file_that_is_not_there(weir: Callable[..., Any], tmp_path: Path) -> None:
    done = weir("inspect", tmp_path / "none")
    assert done.code == 2 and "there is no file" in done.err


def test_the_policy_chooses_detectors_and_prices(weir: Callable[..., Any], tmp_path: Path) -> None:
    policy, prices = tmp_path / "policy.yaml", tmp_path / "prices.yaml"
    policy.write_text("version: 1\nusage: {prices: prices.yaml}\ndlp: {entities: [CREDIT_CARD]}\n")
    prices.write_text("version: 1\nprices:\n  - {provider: openai, model: 'gpt-4o*', input: 1, output: 1}\n")
    sent = {**CHAT, "stream": True, "messages": [{"role": "user", "content": f"mail {ADDRESS}"}]}
    path = mitm(tmp_path / "a", [exchange(URL, sent, STREAM, kind="text/event-stream")])
    made = json.loads(weir("inspect", path, "--policy", policy, "--format", "json").out)
    assert made["findings"] == [] and made["cost"]["nano_usd"] == 12_000
    assert made["verdict"] == {"action": "allow", "rule": ""}
    assert weir("inspect", path, "--policy", tmp_path / "none").code == 2


@pytest.mark.usefixtures("quick")
def test_long_tables_come_in_pages(weir: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.cli.inspect.PAGE_ROWS", 2)
    done = weir("inspect", mitm(tmp_path / "a", [quiet()] * 5))
    assert [line.split()[0] for line in done.out.splitlines()] == ["#", "1", "2", "#", "3", "4", "#", "5"]
